package dialogue

import "testing"

func named(c *Config) { offered(c); c.ServerNames = []string{"here.example"} }

func TestHostInTLS(t *testing.T) {
	prove(t, []claim{
		{"without_a_name_in_the_handshake_it_is_too_late", named, greeted + authTLS + `
			C: HOST here.example
			>C 503 Bad sequence of commands`},
		{"it_must_be_that_of_the_handshake", named, greeted + authTLS + ` HERE.example.
			C: HOST other.example
			>C 504 other.example: Unknown hostname provided
			C: HOST here.example
			>C 220 HOST command successful`},
		{"also_after_CCC", named, greeted + authTLS + ` here.example
			C: CCC
			>C 200 Clearing control channel protection
			clear client
			C cleared
			C: HOST other.example
			>C 504 other.example: Unknown hostname provided`},
		{"a_name_that_only_this_server_could_have", named, greeted + authTLS + ` what.example
			switch to what.example
			switched nowhere` + pbsz + `
			C: HOST what.example
			switch to what.example
			switched nowhere
			>C 504 what.example: Unknown hostname provided`},
		{"IgnoreSNI_does", func(c *Config) { named(c); c.TLS.IgnoreSNI = true }, greeted + authTLS + ` other.example` + pbsz + `
			C: HOST here.example
			>C 503 Bad sequence of commands`},
	})
}

const (
	moves2 = `
		switched
		drop backend
		return lease
		pick
		picked b2
		dial 2 b2
		B connected
		B: 220 I am another
		report connected
		>B FEAT
		B: 500 what?`
	byName = greeted + `
		C: HOST other.example
		switch to other.example`
)

func TestSwitch(t *testing.T) {
	prove(t, []claim{
		{"HOST_is_answered_by_the_new_backends_banner", named, byName + moves2 + `
			>C 220 I am another` + signedIn + `
			C: DELE f
			>B DELE f
			B: 250 gone
			record DELE f A true         # its DefaultTransferMode
			>C 250 gone`},
		{"a_name_of_its_own_after_all_changes_nothing", named, byName + `
			switched to itself
			>C 220 HOST command successful` + signedIn},
		{"what_waits_behind_it_goes_there", named, greeted + `
			C: HOST other.example
			switch to other.example
			switched
			drop backend
			return lease
			pick
			wait 1s
			picked b2
			dial 2 b2
			B connected
			B: 220 I am another
			report connected
			>B FEAT
			B: 500 what?
			>C 220 I am another
			C: USER joe
			>B USER joe`},
		{"offers_and_names_are_forgotten", named, greeted + `
			C: USER ann
			>B USER ann
			B: 332 account?
			>C 332 account?` + pasv + `
			C: HOST other.example
			switch to other.example
			switched
			drop offers
			drop backend
			return lease
			pick
			picked b2
			dial 2 b2
			B connected
			B: 220 I am another
			report connected
			>B FEAT
			B: 500 what?
			>C 220 I am another
			C: ACCT x
			>C 530 Please login with USER and PASS`},
		{"news_of_the_backend_before_are_dropped", named, byName + `
			switched
			drop backend
			return lease
			pick
			B lost
			B: 220 late`},
		{"retries_count_anew", func(c *Config) { named(c); c.RetryCount = 2 }, byName + `
			switched
			drop backend
			return lease
			pick
			picked b2
			dial 2 b2
			B unreachable
			drop backend
			report failed
			pick ftp://b2:21
			picked b3
			dial 3 b3
			B unreachable
			drop backend
			report failed
			>C 421 Unable to connect to server, closing control connection
			end: no backend could be reached`},
		{"and_an_empty_list_is_told", named, byName + `
			switched
			drop backend
			return lease
			pick
			picked none
			>C 421 Unable to connect to server, closing control connection
			end: no backend to choose`},
		{"a_timeout_meanwhile_is_told", named, byName + `
			switched
			drop backend
			return lease
			pick
			wait 300s
			>C 421 Login timeout (300 seconds): closing control connection
			end: login timeout`},
		{"after_the_login_HOST_is_too_late", named, greeted + signedIn + `
			C: HOST other.example
			>C 503 Bad sequence of commands`},
	})
}

func TestSwitchBySNI(t *testing.T) {
	const other = greeted + authTLS + ` other.example
		switch to other.example`
	prove(t, []claim{
		{"no_second_banner_is_shown", named, other + moves2 + pbsz + protP + signedIn + pasv + retrP},
		{"commands_meanwhile_wait", named, other + `
			switched
			drop backend
			return lease
			pick
			C: PBSZ 0
			picked b2
			dial 2 b2
			B connected
			B: 220 I am another
			report connected
			>B FEAT
			B: 500 what?
			>C 200 PBSZ 0 successful
			C: HOST other.example
			>C 220 HOST command successful`},
		{"a_client_that_leaves_meanwhile_is_noticed", named, other + `
			switched
			drop backend
			return lease
			pick
			C lost
			end: client closed the connection`},
		{"implicit_TLS_picks_there_at_once", func(c *Config) { named(c); c.TLS.Implicit = true }, `
			secure client
			C secured other.example
			switch to other.example
			switched` + greeted + pbsz},
		{"or_here_if_nobody_has_the_name", func(c *Config) { named(c); c.TLS.Implicit = true }, `
			secure client
			C secured what.example
			switch to what.example
			switched nowhere` + greeted + pbsz},
		{"after_the_login_it_ends_the_session", named, greeted + signedIn + authTLS + ` other.example
			>C 421 Logged in to another server, closing control connection
			end: client named another server after its login`},
	})
}

// An answer that nobody asked for changes nothing.
func TestSwitch_unasked(t *testing.T) {
	s := play(t, usual(), greeted)
	cfg := usual()
	if did := s.m.Switch(&cfg, epoch); len(did) > 0 || s.m.phase != connected {
		t.Errorf("it led to %v", shownAll(did))
	}
}
