package dialogue

import "testing"

// engine sets ProxyTLSEngine and ProxyTLSTransferProtectionPolicy.
func engine(e BackendTLS, p Protection) func(*Config) {
	return func(c *Config) { offered(c); c.BackendTLS, c.Protection = e, p }
}

const (
	questioned = reached + `
		B: 211-F↵ HOST↵211 End
		hold backend
		>B AUTH TLS`
	linked = questioned + `
		B: 234 go
		secure backend
		B secured
		>B PBSZ 0
		B: 200 ok`
	linkedP = linked + `
		>B PROT P
		B: 200 ok
		>C 220 hello
		>B HOST b1
		B: 220 ok`
	openP = `
		C: RETR f
		>B RETR f
		start down front=listen back=198.51.100.5:5000+TLS`
	again = `
		drop backend
		report failed
		pick ftp://b1:21`
)

func TestProtect(t *testing.T) {
	auto, on := engine(TLSIfOffered, ProtectRequired), engine(TLSAlways, ProtectRequired)
	prove(t, []claim{
		{"the_order_is_FEAT_AUTH_PBSZ_PROT_banner_HOST", auto, linkedP + signedIn + pasv + openP},
		{"auto_takes_no_for_an_answer", auto, questioned + `
			B: 502 what?
			free backend
			>C 220 hello
			>B HOST b1
			B: 220 ok` + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000`},
		{"auto_does_not_take_334", auto, questioned + `
			B: 334 more
			free backend
			>C 220 hello
			>B HOST b1`},
		{"auto_asks_a_backend_that_lists_nothing", auto, reached + `
			B: 500 what?
			hold backend
			>B AUTH TLS
			B: 500 what?
			free backend
			>C 220 hello`},
		{"on_does_not_go_on_in_clear", on, questioned + `
			B: 502 what?` + again},
		{"nor_does_an_ftps_URL", auto, `
			pick
			picked ftps://b1
			dial 1 b1
			B connected
			B: 220 hello
			report connected
			>B FEAT
			B: 500 what?
			hold backend
			>B AUTH TLS
			B: 500 what?
			drop backend
			report failed
			pick ftps://b1:21`},
		{"a_failed_handshake_fails_the_attempt", auto, questioned + `
			B: 234 go
			secure backend
			B reset` + again},
		{"a_backend_that_leaves_at_AUTH_too", auto, questioned + `
			B lost` + again},
		{"a_421_at_AUTH_too", auto, questioned + `
			B: 421 bye` + again},
		{"a_421_at_PBSZ_too", auto, questioned + `
			B: 234 go
			secure backend
			B secured
			>B PBSZ 0
			B: 421 bye` + again},
		{"a_421_at_PROT_too", auto, linked + `
			>B PROT P
			B: 421 bye` + again},
		{"silence_at_AUTH_too", auto, questioned + `
			wait 5s` + again},
		{"silence_at_PROT_too", auto, linked + `
			>B PROT P
			wait 5s` + again},
		{"the_handshake_has_its_own_limit", auto, questioned + `
			B: 234 go
			secure backend
			wait 20s
			B secured
			>B PBSZ 0`},
		{"a_refused_PBSZ_changes_nothing", auto, questioned + `
			B: 234 go
			secure backend
			B secured
			>B PBSZ 0
			B: 502 what?
			>B PROT P
			B: 200 ok
			>C 220 hello
			>B HOST b1`},
	})
}

func TestProtectImplicitly(t *testing.T) {
	const dialled = `
		pick
		picked ftps://b1:990
		dial 1 b1 in TLS`
	const begun = dialled + `
		B connected in TLS
		B: 220 hello
		report connected
		>B FEAT
		B: 211-F↵ HOST↵211 End
		>B PBSZ 0
		B: 200 ok
		>B PROT P
		B: 200 ok
		>C 220 hello
		>B HOST b1
		B: 220 ok`
	auto := engine(TLSIfOffered, ProtectRequired)
	prove(t, []claim{
		{"a_port_of_990_begins_in_TLS", auto, begun + signedIn + pasv + openP},
		{"whatever_the_engine", engine(TLSLikeClient, ProtectRequired), begun},
		{"its_handshake_has_its_own_limit", auto, dialled + `
			wait 20s
			B connected in TLS
			wait 5s
			drop backend
			report failed
			pick ftps://b1:990`},
		{"its_failure_fails_the_attempt", auto, dialled + `
			B unreachable
			drop backend
			report failed
			pick ftps://b1:990`},
		{"with_the_engine_off_it_is_not_spoken_with_at_all", func(c *Config) { c.RetryCount = 2 }, `
			pick
			picked ftps://b1
			drop backend
			report failed
			pick ftps://b1:21
			picked ftps://b1:990
			drop backend
			report failed
			end: no backend could be reached`},
	})
}

func TestProtectLikeClient(t *testing.T) {
	like := engine(TLSLikeClient, ProtectRequired)
	prove(t, []claim{
		{"in_clear_as_connects_come_before_AUTH", like, greeted + authTLS},
		{"implicitly_where_the_client_is", func(c *Config) { like(c); c.TLS.Implicit = true }, `
			secure client
			C secured
			pick
			picked b1
			dial 1 b1 in TLS`},
		{"in_TLS_where_an_ftps_URL_says_so", like, `
			pick
			picked ftps://b1
			dial 1 b1
			B connected
			B: 220 hello
			report connected
			>B FEAT
			B: 500 what?
			hold backend
			>B AUTH TLS`},
		{"explicitly_behind_a_client_that_has_moved", func(c *Config) { like(c); c.ServerNames = []string{"a"} }, greeted + `
			C: AUTH TLS
			>C 234 AUTH TLS successful
			secure client
			C secured other.example
			switch to other.example
			switched
			drop backend
			return lease
			pick
			picked b2
			dial 2 b2
			B connected
			B: 220 hidden
			report connected
			>B FEAT
			B: 500 what?
			hold backend
			>B AUTH TLS`},
	})
}

func TestProtectionPolicy(t *testing.T) {
	const noProt = linked + `
		>C 220 hello
		>B HOST b1
		B: 220 ok`
	required, client := engine(TLSIfOffered, ProtectRequired), engine(TLSIfOffered, ProtectAsClient)
	const refusedP = linked + `
		>B PROT P
		B: 536 no
		>C 220 hello
		>B HOST b1
		B: 220 ok`
	prove(t, []claim{
		{"clear_sends_C", engine(TLSIfOffered, ProtectClear), linked + `
			>B PROT C
			B: 200 ok
			>C 220 hello
			>B HOST b1
			B: 220 ok` + authTLS + pbsz + protP + signedIn + pasv + retrP},
		{"required_keeps_the_clients_PROT_to_itself", required, linkedP + authTLS + pbsz + protP + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen+TLS back=198.51.100.5:5000+TLS`},
		{"required_but_refused_passes_no_data_in_clear", required, refusedP + signedIn + pasv + `
			C: RETR f
			drop offers
			>C 522 SSL/TLS required on the data channel
			C: PWD
			>B PWD
			B: 257 "/"
			>C 257 "/"`},
		{"client_sends_P_for_a_client_in_clear", client, linkedP + signedIn + pasv + openP},
		{"which_the_backend_may_refuse", client, refusedP + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000`},
		{"client_relays_PROT_and_both_sides_follow", client, linkedP + authTLS + pbsz + `
			C: PROT P
			>C 530 Please login with USER and PASS` + signedIn + `
			C: PROT C
			>B PROT C
			B: 200 clear it is
			>C 200 clear it is` + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no
			C: PROT P
			>B PROT P
			B: 200 private it is
			>C 200 private it is` + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen+TLS back=198.51.100.5:5000+TLS`},
		{"client_and_a_refusal_changes_neither", client, linkedP + authTLS + pbsz + signedIn + `
			C: PROT P
			>B PROT P
			B: 536 no
			>C 536 no` + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000+TLS`},
		{"client_with_a_backend_in_clear_concerns_the_front", client, questioned + `
			B: 500 no
			free backend
			>C 220 hello
			>B HOST b1
			B: 220 ok` + authTLS + pbsz + protP + signedIn + pasv + retrP},
		{"client_follows_the_P_of_implicit_TLS", func(c *Config) { client(c); c.TLS.Implicit = true }, `
			secure client
			C secured` + linkedP + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen+TLS back=198.51.100.5:5000+TLS`},
		{"client_in_TLS_without_PROT_leaves_it_in_clear", func(c *Config) {
			client(c)
			c.TLS.Implicit, c.TLS.Required.NoData = true, true
		}, `
			secure client
			C secured` + noProt + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000`},
	})
}
