package dialogue

import (
	"testing"

	"github.com/sluice-gateway/sluice/protocols/destination"
)

// ProxyOptions ShowBanner: clients of the forward role see where they have come to.
func TestShowBanner(t *testing.T) {
	shown := func(c *Config) { c.Forward.ShowBanner = true }
	atH := func(banner, answer string) string {
		return hello + `
			C: USER joe@h.test
			resolve h.test:21 for joe
			resolved
			dial 1 h.test
			B connected
			B: ` + banner + `
			>B FEAT
			B: 500 what?
			>B USER joe
			B: ` + answer
	}
	prove(t, []claim{
		{"before_the_first_words_to_the_client", forwarding(destination.UserAtHost, shown), atH("220-I am h↵Be welcome↵220 331 of us", "331 password?") + `
			>C 331-I am h↵Be welcome↵ 331 of us↵331 password?
			C: PASS s3cret
			>B PASS s3cret
			B: 230 in
			logged in joe
			>C 230 in`},
		{"where_the_name_is_enough", forwarding(destination.UserAtHost, shown), atH("220 I am h", "230 in") + `
			logged in joe
			>C 230-I am h↵230 in`},
		{"a_refusal_stays_what_it_is", forwarding(destination.UserAtHost, shown), atH("220 I am h", "530 never") + `
			>C 530 never
			C: USER joe@h.test
			drop backend
			resolve h.test:21 for joe`},
		{"once", forwarding(destination.UserAtHost, shown), atH("220 I am h", "331 password?") + `
			>C 331-I am h↵331 password?
			C: PASS s3cret
			>B PASS s3cret
			B: 332 and the account?
			>C 332 and the account?`},
		{"not_unless_it_is_asked_for", forwarding(destination.UserAtHost), atH("220 I am h", "331 password?") + `
			>C 331 password?`},
		{"not_in_the_reverse_role", func(c *Config) { atUser(c); shown(c) }, joeThere + `
			B: 331 password?
			>C 331 password?`},
	})
}
