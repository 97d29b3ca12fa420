package dialogue

import (
	"testing"
	"time"
)

// The beginnings that most dialogues share.
const (
	reached = `
		pick
		picked b1
		dial 1 b1
		B connected
		B: 220 hello
		report connected
		>B FEAT`
	greeted = reached + `
		B: 211-Features↵ EPSV↵ EPRT↵211 End
		>C 220 hello`
	plain = reached + ` # a backend that knows neither EPSV nor EPRT
		B: 500 what?
		>C 220 hello`
	signedIn = `
		C: USER joe
		>B USER joe
		B: 331 password?
		>C 331 password?
		C: PASS s3cret
		>B PASS s3cret
		B: 230 in
		logged in joe
		>C 230 in`
)

type claim struct {
	name   string
	change func(*Config)
	text   string
}

func prove(t *testing.T, claims []claim) {
	t.Helper()
	for _, c := range claims {
		t.Run(c.name, func(t *testing.T) {
			cfg := usual()
			if c.change != nil {
				c.change(&cfg)
			}
			play(t, cfg, c.text)
		})
	}
}

func TestConnect(t *testing.T) {
	prove(t, []claim{
		{"the_backends_banner_is_relayed_whole", nil, `
			pick
			picked b1
			dial 1 b1
			B connected
			B: 220-one↵ two↵220 three
			report connected
			>B FEAT
			B: 502 no
			>C 220-one↵ two↵220 three`},
		{"a_120_banner_is_waited_out", nil, `
			pick
			picked b1
			dial 1 b1
			B connected
			B: 120 soon
			B: 220 now
			report connected
			>B FEAT`},
		{"a_refusing_banner_leads_to_the_next_backend", nil, `
			pick
			picked b1
			dial 1 b1
			B connected
			B: 421 full
			drop backend
			report failed
			pick ftp://b1:21
			B lost                       # its end comes after it was dropped
			picked b2
			dial 2 b2
			B connected
			B: 530 not you
			drop backend
			report failed
			pick ftp://b1:21 ftp://b2:21`},
		{"an_unreachable_backend_leads_to_the_next", nil, `
			pick
			picked b1
			dial 1 b1
			B unreachable
			drop backend
			report failed
			pick ftp://b1:21
			picked b2
			dial 2 b2
			B connected
			B: 220 hello
			report connected
			>B FEAT`},
		{"silence_leads_to_the_next_backend", nil, `
			pick
			picked b1
			dial 1 b1
			B connected
			wait 5s
			drop backend
			report failed
			pick ftp://b1:21
			B unreachable                # crossed with the drop
			B: 220 too late`},
		{"silence_at_FEAT_leads_to_the_next_backend", nil, reached + `
			wait 5s
			drop backend
			report failed
			pick ftp://b1:21`},
		{"a_421_to_FEAT_leads_to_the_next_backend", nil, reached + `
			B: 421 going down
			drop backend
			report failed
			pick ftp://b1:21`},
		{"loss_before_the_relay_leads_to_the_next_backend", nil, reached + `
			B lost
			drop backend
			report failed
			pick ftp://b1:21`},
		{"retries_are_exhausted_without_a_byte_to_the_client", func(c *Config) { c.RetryCount = 2 }, `
			pick
			picked b1
			dial 1 b1
			B unreachable
			drop backend
			report failed
			pick ftp://b1:21
			picked b1
			dial 2 b1
			B connected
			B reset
			drop backend
			report failed
			end: no backend could be reached`},
		{"no_candidate_ends_without_a_byte", nil, `
			pick
			picked none
			end: no backend to choose`},
		{"a_client_that_leaves_early_is_noticed", nil, `
			pick
			picked b1
			dial 1 b1
			C lost
			end: client closed the connection`},
		{"the_login_timeout_before_the_banner_is_silent", func(c *Config) { c.TimeoutConnect = 0 }, `
			pick
			wait 300s
			end: login timeout`},
		{"loss_after_the_relay_is_told", nil, greeted + `
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"a_command_before_the_banner_waits_for_it", nil, `
			pick
			C: FEAT
			picked b1
			dial 1 b1
			B connected
			B: 220 hello
			report connected
			>B FEAT
			B: 211-F↵ MLST type*;size*;↵211 End
			>C 220 hello
			>C 211-Features:↵ EPRT↵ EPSV↵ HOST↵ MLST type*;size*;↵ TVFS↵ UTF8↵211 End`},
	})
}

func TestConnectHost(t *testing.T) {
	withHost := reached + `
		B: 211-F↵ HOST↵211 End
		>C 220 hello
		>B HOST b1`
	prove(t, []claim{
		{"HOST_is_said_if_listed_and_its_refusal_ignored", nil, withHost + `
			B: 504 unknown
			C: NOOP
			>C 530 Please login with USER and PASS`},
		{"an_IPv6_host_is_bracketed", nil, `
			pick
			picked [2001:db8::5]:2121
			dial 1 2001:db8::5
			B connected by IPv6
			B: 220 hello
			report connected
			>B FEAT
			B: 211-F↵ host↵211 End
			>C 220 hello
			>B HOST [2001:db8::5]
			B: 220 ok`},
		{"commands_wait_for_its_answer", nil, withHost + `
			C: USER joe
			B: 220 switched
			>B USER joe`},
		{"loss_at_HOST_is_told_as_the_banner_was_seen", nil, withHost + `
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"silence_at_HOST_is_told", nil, withHost + `
			wait 5s
			>C 421 Lost connection to server, closing control connection
			end: backend fell silent after its banner`},
		{"a_421_at_HOST_is_passed_on", nil, withHost + `
			B: 421 bye
			>C 421 bye
			end: backend closed the session`},
		{"the_login_timeout_at_HOST_is_told", func(c *Config) { c.TimeoutLogin = 2 * time.Second }, withHost + `
			wait 2s
			>C 421 Login timeout (2 seconds): closing control connection
			end: login timeout`},
	})
}

func TestDrain(t *testing.T) {
	const bye = `
		>C 421 Service is being restarted, please connect again
		end: drained`
	prove(t, []claim{
		{"an_idle_session_ends", nil, greeted + signedIn + `
			drain` + bye},
		{"a_connecting_one_too", nil, `
			pick
			picked b1
			dial 1 b1
			drain` + bye},
		{"an_answer_is_waited_for", nil, greeted + signedIn + `
			C: PWD
			>B PWD
			drain
			B: 257 "/"
			>C 257 "/"` + bye},
		{"a_transfer_and_what_waits_behind_it_come_first", nil, greeted + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000
			C: PWD
			drain
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no
			>B PWD
			B: 257 "/"
			>C 257 "/"` + bye},
	})
}

func TestTimeouts(t *testing.T) {
	brief := func(c *Config) { c.TimeoutSession, c.TimeoutNoTransfer = 400*time.Second, 200*time.Second }
	prove(t, []claim{
		{"login", nil, greeted + `
			wait 299s
			wait 1s
			>C 421 Login timeout (300 seconds): closing control connection
			end: login timeout`},
		{"idle", nil, greeted + signedIn + `
			wait 599s
			C: NOOP
			>B NOOP
			B: 200 ok
			>C 200 ok
			wait 600s
			>C 421 Idle timeout (600 seconds): closing control connection
			end: idle timeout`},
		{"a_backend_that_never_answers_meets_the_idle_timeout", nil, greeted + signedIn + `
			C: PWD
			>B PWD
			wait 600s
			>C 421 Idle timeout (600 seconds): closing control connection
			end: idle timeout`},
		{"no_transfer", brief, greeted + signedIn + `
			wait 200s
			>C 421 No transfer timeout (200 seconds): closing control connection
			end: no transfer timeout`},
		{"session", func(c *Config) { c.TimeoutSession = 400 * time.Second }, greeted + signedIn + `
			wait 400s
			>C 421 Session Timeout (400 seconds): closing control connection
			end: session timeout`},
		{"session_in_mid_transfer", brief, greeted + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000
			B: 150 here
			>C 150 here
			proceed
			wait 400s
			abort data
			wait 1s
			data finished back aborted
			record RETR f I false
			>C 421 Session Timeout (400 seconds): closing control connection
			end: session timeout`},
		{"login_in_mid_transfer_is_said_once", nil, greeted + pasv + `
			C: LIST
			>B LIST
			start down front=listen back=198.51.100.5:5000
			wait 300s
			abort data` + repeated("\n\t\t\twait 1s", 10) + `
			data finished back aborted
			>C 421 Login timeout (300 seconds): closing control connection
			end: login timeout`},
		{"a_backend_silent_before_1xx_meets_the_idle_timeout", nil, greeted + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000
			wait 600s
			abort data
			data finished back aborted
			>C 421 Idle timeout (600 seconds): closing control connection
			end: idle timeout`},
		{"a_long_transfer_is_not_idleness", nil, greeted + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000
			B: 150 here
			>C 150 here
			proceed
			wait 5h
			data ended
			B: 226 done
			settle clean
			data finished
			record RETR f I true
			>C 226 done
			wait 599s`},
	})
}
