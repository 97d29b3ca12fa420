package dialogue

import (
	"testing"
	"time"
)

func atUser(c *Config) {
	c.Selection, c.Greeting = AtUser, Greeting(nil, true, false, "", "upstairs", "", "")
}
func atPass(c *Config) { atUser(c); c.Selection = AtPass }

const (
	hello = `
		>C 220 ProFTPD Server (upstairs) [192.0.2.1]`
	userJoe = `
		C: USER joe
		pick for joe`
	there = ` # the first backend is reached, and speaks no more than it must
		picked b1
		dial 1 b1
		B connected
		B: 220 I am b1
		report connected
		>B FEAT
		B: 500 what?`
	joeThere = hello + userJoe + there + `
		>B USER joe`
	named331 = `
		C: USER joe
		>C 331 Password required for joe`
	granted = named331 + `
		C: PASS s3cret
		check joe s3cret
		grant staff
		pick for joe of staff`
	replayed = hello + granted + there + `
		>B USER joe
		B: 331 password?
		>B PASS s3cret`
)

func TestAtUser(t *testing.T) {
	prove(t, []claim{
		{"the_backend_is_chosen_by_the_name", atUser, joeThere + `
			B: 331 password?
			>C 331 password?
			C: PASS s3cret
			>B PASS s3cret
			B: 230 in
			logged in joe
			>C 230 in
			C: PWD
			>B PWD`},
		{"its_HOST_comes_before_its_USER", atUser, hello + userJoe + `
			picked b1
			dial 1 b1
			B connected
			B: 220 I am b1
			report connected
			>B FEAT
			B: 211-F↵ HOST↵211 End
			>B HOST b1
			B: 504 what?
			>B USER joe`},
		{"a_second_name_leads_elsewhere", atUser, joeThere + `
			B: 331 password?
			>C 331 password?
			C: USER ann
			drop backend
			return lease
			pick for ann
			B: 230 late news of the first
			picked b2
			dial 2 b2
			B connected
			B: 220 I am b2
			report connected
			>B FEAT
			B: 500 what?
			>B USER ann
			B: 230 in
			logged in ann
			>C 230 in`},
		{"so_does_the_same_name_again", atUser, joeThere + `
			B: 530 not today
			>C 530 not today
			C: USER joe
			drop backend
			return lease
			pick for joe`},
		{"what_was_offered_to_the_first_is_dropped", atUser, joeThere + `
			B: 331 password?
			>C 331 password?` + pasv + `
			C: USER ann
			drop offers
			drop backend
			return lease
			pick for ann`},
		{"a_wrong_password_may_be_corrected", atUser, joeThere + `
			B: 331 password?
			>C 331 password?
			C: PASS wrong
			>B PASS wrong
			B: 530 no
			>C 530 no
			C: PASS s3cret
			>B PASS s3cret
			B: 230 in
			logged in joe
			>C 230 in`},
		{"an_account_is_asked_for", atUser, joeThere + `
			B: 332 account?
			>C 332 account?
			C: ACCT x
			>B ACCT x
			B: 230 in
			logged in joe
			>C 230 in`},
		{"nobody_knows_the_name", atUser, hello + userJoe + `
			picked none
			>C 530 Login incorrect.
			C: PASS x
			>C 530 Login incorrect.
			C: USER ann
			pick for ann`},
		{"no_backend_can_be_reached", func(c *Config) { atUser(c); c.RetryCount = 2 }, hello + userJoe + `
			picked b1
			dial 1 b1
			B unreachable
			drop backend
			report failed
			pick for joe ftp://b1:21
			picked b2
			dial 2 b2
			B connected
			B: 421 full
			drop backend
			report failed
			>C 530 Login incorrect.
			C: PWD
			>C 530 Please login with USER and PASS
			C: USER joe
			pick for joe
			picked b3
			dial 3 b3
			B unreachable
			drop backend
			report failed
			pick for joe ftp://b3:21`},
		{"the_name_is_said_again_if_a_backend_falls_silent_in_between", atUser, joeThere + `
			B lost
			drop backend
			report failed
			pick for joe ftp://b1:21
			picked b2
			dial 2 b2
			B connected
			B: 220 I am b2
			report connected
			>B FEAT
			B: 500 what?
			>B USER joe
			B: 331 password?
			>C 331 password?
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"a_421_to_USER_leads_on_too", atUser, joeThere + `
			B: 421 full
			drop backend
			report failed
			pick for joe ftp://b1:21`},
		{"loss_in_PASS_is_a_failed_login", atUser, joeThere + `
			B: 331 password?
			>C 331 password?
			C: PASS s3cret
			>B PASS s3cret
			B lost
			report lost
			>C 530 Login incorrect.
			end: backend lost at login`},
		{"a_backend_silent_at_USER_meets_the_login_timeout", atUser, joeThere + `
			wait 299s
			wait 1s
			>C 421 Login timeout (300 seconds): closing control connection
			end: login timeout`},
		{"one_dead_backend_costs_one_limit", atUser, hello + userJoe + `
			picked b1
			dial 1 b1
			wait 3s
			B connected
			wait 2s
			drop backend
			report failed
			pick for joe ftp://b1:21`},
		{"PASS_behind_USER_waits", atUser, hello + userJoe + `
			C: PASS s3cret` + there + `
			>B USER joe
			B: 331 password?
			>C 331 password?
			>B PASS s3cret`},
		{"a_client_that_leaves_meanwhile_is_noticed", atUser, hello + userJoe + `
			picked b1
			dial 1 b1
			C lost
			end: client closed the connection`},
		{"there_is_no_room_for_one_more", func(c *Config) { atUser(c); c.LimitLogins = true }, hello + `
			C: USER joe
			ask login joe
			refuse Sorry, full
			>C 530 Sorry, full
			end: login refused`},
		{"there_is", func(c *Config) { atUser(c); c.LimitLogins = true }, hello + `
			C: USER joe
			ask login joe
			admit
			pick for joe`},
		{"MatchClient_knows_the_client_by_then", func(c *Config) { atUser(c); offered(c); c.BackendTLS = TLSLikeClient }, hello + authTLS + userJoe + there + `
			hold backend
			>B AUTH TLS
			B: 234 go
			secure backend
			B secured
			>B PBSZ 0
			B: 200 ok
			>B PROT P
			B: 200 ok
			>B USER joe`},
		{"MatchClient_follows_a_client_in_implicit_TLS", func(c *Config) { atUser(c); implicitly(c); c.BackendTLS = TLSLikeClient }, `
			secure client
			C secured` + hello + userJoe + `
			picked b1
			dial 1 b1 in TLS`},
		{"the_clients_PROT_goes_with_it", func(c *Config) {
			atUser(c)
			offered(c)
			c.BackendTLS, c.Protection = TLSLikeClient, ProtectAsClient
		}, hello + authTLS + pbsz + protP + userJoe + there + `
			hold backend
			>B AUTH TLS
			B: 234 go
			secure backend
			B secured
			>B PBSZ 0
			B: 200 ok
			>B PROT P`},
	})
}

// What a client was told about its transfer type has to be true of the backend.
func TestTypeBeforeTheBackend(t *testing.T) {
	const typed = hello + `
		C: TYPE I
		>C 200 Type set to I`
	prove(t, []claim{
		{"is_told_to_it", atPass, typed + granted + there + `
			>B USER joe
			B: 331 password?
			>B PASS s3cret
			B: 230 in
			logged in joe
			>B TYPE I
			B: 200 ok
			>C 230 in
			C: DELE f
			>B DELE f
			B: 250 gone
			record DELE f I true
			>C 250 gone`},
		{"whatever_it_says_to_that", atUser, typed + userJoe + there + `
			>B USER joe
			B: 230 in
			logged in joe
			>B TYPE I
			B: 504 no
			>C 230 in`},
		{"unless_the_client_had_another_since", atUser, typed + userJoe + there + `
			>B USER joe
			B: 331 password?
			>C 331 password?
			C: TYPE A
			>B TYPE A
			B: 200 ok
			>C 200 ok
			C: PASS s3cret
			>B PASS s3cret
			B: 230 in
			logged in joe
			>C 230 in`},
		{"and_dies_with_it", atUser, typed + userJoe + there + `
			>B USER joe
			B: 230 in
			logged in joe
			>B TYPE I
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"but_not_to_another_server", func(c *Config) { named(c); atUser(c) }, typed + `
			C: HOST other.example
			switch to other.example
			switched` + hello + userJoe + there + `
			>B USER joe
			B: 230 in
			logged in joe
			>C 230 in`},
	})
}

// The machine keeps a password no longer than it needs it.
func TestPasswordIsForgotten(t *testing.T) {
	for name, text := range map[string]string{
		"after_the_login":   replayed + "\nB: 230 in\nlogged in joe\n>C 230 in",
		"after_a_refusal":   hello + named331 + "\nC: PASS s3cret\ncheck joe s3cret\ndeny\n>C 530 Login incorrect.",
		"at_the_end":        replayed + "\nB lost\nreport lost\n>C 530 Login incorrect.\nend: backend lost at login",
		"when_none_is_left": hello + granted + "\npicked none\n>C 530 Login incorrect.",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := usual()
			atPass(&cfg)
			s := play(t, cfg, text)
			s.m.start(s.now.Add(time.Second)) // the actions of the last step are gone by the next
			if s.m.asked.Arg == secret || len(s.m.held) > 0 {
				t.Errorf("it is still there: %+v", s.m.asked.Verb)
			}
		})
	}
}
