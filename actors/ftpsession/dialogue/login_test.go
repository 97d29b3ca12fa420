package dialogue

import "testing"

func TestLogin(t *testing.T) {
	limited := func(c *Config) { c.LimitLogins = true }
	prove(t, []claim{
		{"USER_and_PASS", nil, greeted + signedIn},
		{"USER_alone_may_do", nil, greeted + `
			C: USER joe
			>B USER joe
			B: 230 in
			logged in joe
			>C 230 in
			C: PWD
			>B PWD`},
		{"232_is_a_login", nil, greeted + `
			C: USER joe
			>B USER joe
			B: 232 known by certificate
			logged in joe
			>C 232 known by certificate`},
		{"an_account_is_asked_for", nil, greeted + `
			C: ACCT x
			>C 530 Please login with USER and PASS
			C: USER joe
			>B USER joe
			B: 331 password?
			>C 331 password?
			C: PASS s3cret
			>B PASS s3cret
			B: 332 account?
			>C 332 account?
			C: ACCT billing
			>B ACCT billing
			B: 230 in
			logged in joe
			>C 230 in`},
		{"an_account_is_asked_for_at_USER", nil, greeted + `
			C: USER joe
			>B USER joe
			B: 332 account?
			>C 332 account?
			C: ACCT billing
			>B ACCT billing
			B: 530 no
			>C 530 no
			C: ACCT again
			>C 530 Please login with USER and PASS`},
		{"202_to_PASS_is_a_login", nil, greeted + `
			C: USER joe
			>B USER joe
			B: 331 password?
			>C 331 password?
			C: PASS s3cret
			>B PASS s3cret
			B: 202 superfluous
			logged in joe
			>C 202 superfluous`},
		{"preliminary_replies_do_not_lose_it", nil, greeted + `
			C: USER joe
			>B USER joe
			B: 120 moment
			>C 120 moment
			B: 331 password?
			>C 331 password?
			C: PASS s3cret
			>B PASS s3cret
			B: 120 checking
			>C 120 checking
			B: 230 in
			logged in joe
			>C 230 in
			C: PWD
			>B PWD`},
		{"a_refusal_is_relayed_and_may_be_repeated", nil, greeted + `
			C: USER joe
			>B USER joe
			B: 331 password?
			>C 331 password?
			C: PASS wrong
			>B PASS wrong
			B: 530 no
			>C 530 no` + signedIn},
		{"an_empty_password_stays_an_argument", nil, greeted + `
			C: PASS
			>B PASS␣
			B: 503 USER first
			>C 503 USER first`},
		{"loss_in_PASS_is_a_failed_login", nil, greeted + `
			C: USER joe
			>B USER joe
			B: 331 password?
			>C 331 password?
			C: PASS s3cret
			>B PASS s3cret
			B lost
			report lost
			>C 530 Login incorrect.
			end: backend lost at login`},
		{"loss_in_USER_is_told", nil, greeted + `
			C: USER joe
			>B USER joe
			B reset
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"421_in_PASS_is_passed_on", nil, greeted + `
			C: PASS s3cret
			>B PASS s3cret
			B: 421 too often
			>C 421 too often
			end: backend closed the session`},
		{"after_it_USER_and_PASS_are_the_backends_business", nil, greeted + signedIn + `
			C: USER ann
			>B USER ann
			B: 503 already in
			>C 503 already in
			C: PASS x
			>B PASS x
			B: 503 already in
			>C 503 already in`},
		{"a_limit_lets_in", limited, greeted + `
			C: USER joe
			ask login joe
			admit
			>B USER joe`},
		{"a_limit_refuses", limited, greeted + `
			C: USER joe
			ask login joe
			refuse Sorry, full
			>C 530 Sorry, full
			end: login refused`},
		{"loss_while_asking", limited, greeted + `
			C: USER joe
			ask login joe
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
	})
}

func TestLoginWithCredentialsOfTheURL(t *testing.T) {
	with := func(url string) string {
		return `
			pick
			picked ` + url + `
			dial 1 b1
			B connected
			B: 220 hello
			report connected
			>B FEAT
			B: 500 what?
			>C 220 hello`
	}
	prove(t, []claim{
		{"name_and_password_are_replaced_and_given_back", nil, with("svc:s3cret@b1") + `
			C: USER joe
			>B USER svc
			B: 331 password for svc?
			>C 331 password for joe?
			C: PASS mine
			>B PASS s3cret
			B: 230 svc is in
			logged in joe
			>C 230 joe is in`},
		{"without_a_password_the_clients_is_used", nil, with("svc:@b1") + `
			C: USER joe
			>B USER svc
			B: 331 password for svc?
			>C 331 password for joe?
			C: PASS mine
			>B PASS mine
			B: 530 no svc today
			>C 530 no joe today`},
		{"they_are_not_used_after_it", nil, with("svc:s3cret@b1") + `
			C: USER joe
			>B USER svc
			B: 230 in
			logged in joe
			>C 230 in
			C: SITE WHO svc
			>B SITE WHO svc
			B: 200 svc
			>C 200 svc`},
	})
}
