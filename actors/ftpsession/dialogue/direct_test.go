package dialogue

import (
	"net/netip"
	"testing"
	"time"
)

func direct(c *Config) { c.Direct.On = true }

func directAnd(more func(*Config)) func(*Config) {
	return func(c *Config) {
		direct(c)
		more(c)
	}
}

const (
	directRETR = greeted + signedIn + `
		C: RETR f
		>B RETR f
		B: 150 here
		>C 150 here`
	directEnd = `
		B: 226 done
		record RETR f I true
		>C 226 done`
)

func TestDirectOffers(t *testing.T) {
	prove(t, []claim{
		{"all_four_and_their_replies_are_relayed_as_they_are", direct, greeted + signedIn + `
			C: PASV
			>B PASV
			B: 227 over there (203,0,113,66,0,22)
			>C 227 over there (203,0,113,66,0,22)
			C: EPSV ALL
			>B EPSV ALL
			B: 229 go (|||22|)
			>C 229 go (|||22|)
			C: PORT 203,0,113,66,0,22
			>B PORT 203,0,113,66,0,22
			B: 500 Illegal PORT command
			>C 500 Illegal PORT command
			C: EPRT |7|what|
			>B EPRT |7|what|
			B: 501 no
			>C 501 no`},
		{"PASV_by_IPv6_too", directAnd(byIPv6), greeted + signedIn + `
			C: PASV
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			>C 227 go (198,51,100,5,19,136)`},
		{"whatever_the_policy", directAnd(policy(OnlyPORT)), greeted + signedIn + `
			C: PASV
			>B PASV
			B: 502 no
			>C 502 no`},
		{"control_characters_are_not", direct, greeted + signedIn + `
			C: PORT 192,0,2,7,19,136␀
			>C 500 Forbidden control character in command`},
		{"a_third_host_is_refused_where_AllowForeignAddress_says_off", directAnd(func(c *Config) { c.Direct.Check = true }), greeted + signedIn + `
			C: PORT 203,0,113,66,19,136
			>C 500 Illegal PORT command
			C: EPRT |1|203.0.113.66|5000|
			>C 500 Illegal EPRT command
			C: PORT 192,0,2,7,3,255
			>C 500 Illegal PORT command
			C: PORT 192,168,1,2,19,136  # relayed as it is it would not be the client's
			>C 500 Illegal PORT command
			C: PORT 192,0,2,7,19,136
			>B PORT 192,0,2,7,19,136
			B: 200 ok
			>C 200 ok
			C: EPRT |1||5000|
			>B EPRT |1||5000|
			B: 501 no
			>C 501 no`},
		{"or_a_class_that_it_is_not_of", directAnd(func(c *Config) {
			c.Direct.Check = true
			c.ForeignAllowed = func(a netip.Addr) bool { return a == netip.MustParseAddr("203.0.113.66") }
		}), greeted + signedIn + `
			C: PORT 203,0,113,67,19,136
			>C 500 Illegal PORT command
			C: PORT 203,0,113,66,19,136
			>B PORT 203,0,113,66,19,136
			B: 200 ok
			>C 200 ok`},
	})
}

func TestDirectTransfers(t *testing.T) {
	prove(t, []claim{
		{"1xx_then_the_last_word", direct, directRETR + directEnd},
		{"up_too", direct, greeted + signedIn + `
			C: STOR f
			>B STOR f
			B: 125 go on
			>C 125 go on
			B: 226 done
			record STOR f I true
			>C 226 done`},
		{"a_refusal_is_relayed", direct, greeted + signedIn + `
			C: RETR f
			>B RETR f
			B: 425 use PORT or PASV first
			>C 425 use PORT or PASV first`},
		{"a_break_is_the_backends_word", direct, directRETR + `
			B: 426 broken
			record RETR f I false
			>C 426 broken`},
		{"2xx_without_1xx", direct, greeted + signedIn + `
			C: NLST
			>B NLST
			B: 226 nothing there
			>C 226 nothing there`},
		{"no_limit_of_idleness_cuts_a_long_one", directAnd(func(c *Config) { c.TimeoutNoTransfer = time.Minute }), directRETR + `
			wait 10h` + directEnd + `
			wait 1m
			>C 421 No transfer timeout (60 seconds): closing control connection
			end: no transfer timeout`},
		{"a_limit_of_the_session_does", directAnd(func(c *Config) { c.TimeoutSession = time.Hour }), directRETR + `
			wait 1h
			record RETR f I false
			>C 421 Session Timeout (3600 seconds): closing control connection
			end: session timeout`},
		{"before_1xx_the_client_is_idle", direct, greeted + signedIn + `
			C: RETR f
			>B RETR f
			wait 600s
			>C 421 Idle timeout (600 seconds): closing control connection
			end: idle timeout`},
		{"what_follows_waits", direct, directRETR + `
			C: PWD` + directEnd + `
			>B PWD`},
		{"STAT_and_NOOP_go_ahead", direct, directRETR + `
			C: STAT
			>B STAT
			B: 211 halfway
			>C 211 halfway
			C: NOOP
			>B NOOP` + directEnd + `
			B: 200 ok
			>C 200 ok`},
		{"QUIT_waits_for_its_end", direct, directRETR + `
			C: QUIT` + directEnd + `
			>B QUIT
			B: 221 bye
			>C 221 bye
			end: client quit`},
		{"a_drain_waits_for_its_end", direct, directRETR + `
			drain` + directEnd + `
			>C 421 Service is being restarted, please connect again
			end: drained`},
	})
}

func TestDirectBreaks(t *testing.T) {
	prove(t, []claim{
		{"ABOR", direct, directRETR + `
			C: ABOR
			>B urgent ABOR
			B: 426 cut off
			>C 426 cut off
			B: 226 aborted
			>C 226 aborted
			record RETR f I false`},
		{"ABOR_of_what_is_complete", direct, directRETR + `
			C: ABOR
			>B urgent ABOR
			B: 226 done
			>C 226 done
			B: 225 nothing to abort
			>C 225 nothing to abort
			record RETR f I false`},
		{"ABOR_that_is_answered_with_another_150", direct, directRETR + `
			C: ABOR
			>B urgent ABOR
			B: 150 0.1 seconds
			>C 426 Transfer aborted. Data connection closed
			B: 226 aborted
			>C 226 aborted
			record RETR f I false`},
		{"a_download_that_its_client_broke_off_by_Pure-FTPd", direct, directRETR + `
			B: 150 0.000 seconds (measured here), 601.25 Mbytes per second
			record RETR f I false
			>C 426 Transfer aborted. Data connection closed`},
		{"another_1xx_is_no_end", direct, directRETR + `
			B: 150 still here
			>C 150 still here` + directEnd},
		{"ABOR_that_is_answered_once", direct, directRETR + `
			C: ABOR
			>B urgent ABOR
			B: 426 cut off
			>C 426 cut off
			wait 3s
			>C 226 Abort successful
			record RETR f I false`},
		{"ABOR_that_is_not_answered_makes_it_idle", direct, directRETR + `
			C: ABOR
			>B urgent ABOR
			wait 600s
			record RETR f I false
			>C 421 Idle timeout (600 seconds): closing control connection
			end: idle timeout`},
		{"the_last_words_of_one_are_not_the_next_ones", direct, directRETR + `
			C: ABOR
			>B urgent ABOR
			B: 426 cut off
			>C 426 cut off
			wait 3s
			>C 226 Abort successful
			record RETR f I false
			C: RETR g
			>B RETR g
			B: 226 aborted
			B: 150 here is g
			>C 150 here is g
			B: 226 done
			record RETR g I true
			>C 226 done`},
		{"but_a_refusal_is_believed_in_time", direct, directRETR + `
			C: ABOR
			>B urgent ABOR
			B: 426 cut off
			>C 426 cut off
			wait 3s
			>C 226 Abort successful
			record RETR f I false
			C: RETR g
			>B RETR g
			B: 550 no such file
			wait 3s
			>C 550 no such file`},
		{"a_client_that_leaves", direct, directRETR + `
			C lost
			record RETR f I false
			end: client lost in mid transfer`},
		{"a_client_that_leaves_in_its_upload", direct, greeted + signedIn + `
			C: STOR f
			>B STOR f
			B: 150 go on
			>C 150 go on
			C killed
			record STOR f I false
			end: client lost in mid transfer`},
		{"a_backend_that_is_lost", direct, directRETR + `
			B lost
			report lost
			record RETR f I false
			>C 421 Lost connection to server, closing control connection
			end: backend lost in mid transfer`},
		{"a_backend_that_says_421", direct, directRETR + `
			B: 421 bye
			record RETR f I false
			>C 421 bye
			end: backend closed the session`},
		{"a_backend_that_is_lost_after_its_last_word", direct, directRETR + directEnd + `
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
	})
}

// TestDirectProtection: what PROT says at one end it says at the other.
func TestDirectProtection(t *testing.T) {
	inTLS := func(p Protection) func(*Config) {
		return func(c *Config) {
			offered(c)
			direct(c)
			c.BackendTLS, c.Protection = TLSAlways, p
		}
	}
	const differs = `
			C: RETR f
			>C 521 Data connection cannot be opened with this PROT setting`
	const goes = `
			C: RETR f
			>B RETR f
			B: 150 here
			>C 150 here
			B: 226 done
			record RETR f I true ftps
			>C 226 done`
	prove(t, []claim{
		{"a_backend_in_clear_has_no_PROT_P", directAnd(offered), greeted + authTLS + pbsz + signedIn + `
			C: PROT P
			>C 536 PROT P unsupported
			C: PROT C
			>C 200 Protection set to Clear` + goes},
		{"PROT_P_of_before_the_login_shows_at_the_transfer", directAnd(offered), greeted + authTLS + pbsz + protP + signedIn + differs},
		{"required_is_P_at_both_ends", inTLS(ProtectRequired), linkedP + authTLS + pbsz + signedIn + differs + `
			C: PROT C
			>C 534 Unwilling to accept security parameters` + protP + goes},
		{"clear_is_C_at_both_ends", inTLS(ProtectClear), linked + `
			>B PROT C
			B: 200 ok
			>C 220 hello
			>B HOST b1
			B: 220 ok` + authTLS + pbsz + signedIn + `
			C: PROT P
			>C 534 Unwilling to accept security parameters` + goes},
		{"the_clients_is_relayed_under_client", inTLS(ProtectAsClient), linked + `
			>C 220 hello
			>B HOST b1
			B: 220 ok` + authTLS + pbsz + signedIn + `
			C: PROT P
			>B PROT P
			B: 200 private
			>C 200 private` + goes + `
			C: PROT C
			>B PROT C
			B: 534 no
			>C 534 no` + goes},
	})
}
