package dialogue

import (
	"strings"
	"testing"
)

func TestAtPass(t *testing.T) {
	prove(t, []claim{
		{"the_gateway_lets_in_then_the_backend", atPass, replayed + `
			B: 230 welcome
			logged in joe
			>C 230 welcome
			C: PWD
			>B PWD`},
		{"the_gateway_does_not", atPass, hello + named331 + `
			C: PASS wrong
			check joe wrong
			deny
			>C 530 Login incorrect.
			C: PASS s3cret
			>C 530 Login incorrect.` + named331},
		{"in_the_administrators_words", func(c *Config) { atPass(c); c.DenyMsg = "Go away, %u!" }, hello + named331 + `
			C: PASS wrong
			check joe wrong
			deny
			>C 530 Go away, joe!`},
		{"the_last_name_counts", atPass, hello + `
			C: USER ann
			>C 331 Password required for ann` + granted},
		{"the_backend_refuses_the_password", atPass, replayed + `
			B: 530 not here
			drop backend
			return lease
			>C 530 not here
			C: PASS s3cret
			>C 530 Login incorrect.
			C: USER ann
			>C 331 Password required for ann
			C: PASS other
			check ann other`},
		{"the_backend_refuses_the_name", atPass, hello + granted + there + `
			>B USER joe
			B: 530 not here
			drop backend
			return lease
			>C 530 not here` + named331},
		{"the_backend_takes_no_such_commands", atPass, hello + granted + there + `
			>B USER joe
			B: 502 not implemented
			drop backend
			return lease
			>C 502 not implemented` + named331},
		{"the_name_is_enough_for_the_backend", atPass, hello + granted + there + `
			>B USER joe
			B: 230 in already
			logged in joe
			>C 230 in already`},
		{"the_certificate_is", atPass, hello + granted + there + `
			>B USER joe
			B: 232 in already
			logged in joe
			>C 232 in already`},
		{"the_backend_wants_an_account", atPass, replayed + `
			B: 332 account?
			>C 332 account?
			C: ACCT x
			>B ACCT x
			B: 230 in
			logged in joe
			>C 230 in`},
		{"and_none_but_that", atPass, hello + granted + there + `
			>B USER joe
			B: 332 account?
			>C 332 account?
			C: ACCT x
			>B ACCT x
			B: 530 no
			drop backend
			return lease
			>C 530 no
			C: ACCT y
			>C 530 Please login with USER and PASS`},
		{"another_name_instead_of_the_account", atPass, replayed + `
			B: 332 account?
			>C 332 account?
			C: USER ann
			drop backend
			return lease
			>C 331 Password required for ann
			C: ACCT x
			>C 530 Please login with USER and PASS`},
		{"another_password_instead_of_the_account_is_checked", atPass, replayed + `
			B: 332 account?
			>C 332 account?
			C: PASS other
			drop backend
			return lease
			check joe other
			deny
			>C 530 Login incorrect.`},
		{"nothing_is_known_of_the_name", atPass, hello + granted + `
			picked none
			>C 530 Login incorrect.` + named331},
		{"no_backend_can_be_reached", func(c *Config) { atPass(c); c.RetryCount = 1 }, hello + granted + `
			picked b1
			dial 1 b1
			B unreachable
			drop backend
			report failed
			>C 500 PASS: Operation not permitted
			C: PASS s3cret
			>C 530 Login incorrect.` + granted},
		{"none_is_left_to_try", atPass, hello + granted + `
			picked b1
			dial 1 b1
			B unreachable
			drop backend
			report failed
			pick for joe of staff ftp://b1:21
			picked none
			>C 500 PASS: Operation not permitted` + granted},
		{"lost_at_USER_the_next_one_hears_it", atPass, hello + granted + there + `
			>B USER joe
			B reset
			drop backend
			report failed
			pick for joe of staff ftp://b1:21
			picked b2
			dial 2 b2
			B connected
			B: 220 I am b2
			report connected
			>B FEAT
			B: 500 what?
			>B USER joe
			B: 331 password?
			>B PASS s3cret`},
		{"lost_at_PASS_it_is_a_failed_login", atPass, replayed + `
			B lost
			report lost
			>C 530 Login incorrect.
			end: backend lost at login`},
		{"421_at_PASS_is_passed_on", atPass, replayed + `
			B: 421 too often
			>C 421 too often
			end: backend closed the session`},
		{"preliminary_words_of_PASS_are_shown", atPass, replayed + `
			B: 120 checking
			>C 120 checking
			B: 230 in
			logged in joe
			>C 230 in`},
		{"an_empty_password_is_one", atPass, hello + named331 + `
			C: PASS
			check joe␣
			grant
			pick for joe` + there + `
			>B USER joe
			B: 331 password?
			>B PASS␣`},
		{"commands_behind_PASS_wait", atPass, hello + named331 + `
			C: PASS s3cret
			check joe s3cret
			C: PWD
			grant
			pick for joe` + there + `
			>B USER joe
			B: 331 password?
			>B PASS s3cret
			B: 230 in
			logged in joe
			>C 230 in
			>B PWD`},
		{"a_client_that_leaves_during_the_check_is_noticed", atPass, hello + named331 + `
			C: PASS s3cret
			check joe s3cret
			C lost
			end: client closed the connection
			grant`},
		{"the_login_timeout_during_the_check_is_told", atPass, hello + named331 + `
			C: PASS s3cret
			check joe s3cret
			wait 300s
			>C 421 Login timeout (300 seconds): closing control connection
			end: login timeout`},
		{"a_drain_waits_for_the_check", atPass, hello + named331 + `
			C: PASS s3cret
			check joe s3cret
			drain
			deny
			>C 530 Login incorrect.
			>C 421 Service is being restarted, please connect again
			end: drained`},
	})
}

func TestAtPassWithCredentialsOfTheURL(t *testing.T) {
	with := func(url string) string {
		return hello + granted + strings.Replace(there, "picked b1", "picked "+url, 1)
	}
	prove(t, []claim{
		{"name_and_password_are_the_URLs", atPass, with("svc:s3cret2@b1") + `
			>B USER svc
			B: 331 password for svc?
			>B PASS s3cret2
			B: 230 svc is in
			logged in joe
			>C 230 joe is in`},
		{"without_a_password_the_clients_is_used", atPass, with("svc:@b1") + `
			>B USER svc
			B: 331 password for svc?
			>B PASS s3cret
			B: 530 no svc today
			drop backend
			return lease
			>C 530 no joe today`},
		{"the_name_may_be_enough", atPass, with("svc:s3cret2@b1") + `
			>B USER svc
			B: 230 svc is in
			logged in joe
			>C 230 joe is in`},
	})
}
