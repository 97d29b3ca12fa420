package dialogue

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/protocols/destination"
)

// stranger is a login by a name that has no backends. It is asked for a password
// like any other, so that USER does not tell which names there are.
const stranger = userJoe + `
	picked nobody
	>C 331 Password required for joe
	C: PASS wrong
	>C 530 Login incorrect.`

func TestMaxLoginAttempts(t *testing.T) {
	at := func(mode func(*Config)) func(*Config) {
		return func(c *Config) { mode(c); c.MaxLoginAttempts = 2 }
	}
	const wrong = `
		C: PASS wrong
		>B PASS wrong
		B: 530 no`
	prove(t, []claim{
		{"counts_what_the_backend_refuses", at(func(*Config) {}), greeted + `
			C: USER joe
			>B USER joe
			B: 331 password?
			>C 331 password?` + wrong + `
			>C 530 no` + wrong + `
			>C 530 no
			end: MaxLoginAttempts reached`},
		{"also_by_name", at(atUser), joeThere + `
			B: 530 who?
			>C 530 who?
			C: USER ann
			drop backend
			return lease
			pick for ann
			picked b1
			dial 2 b1
			B connected
			B: 220 I am b1
			report connected
			>B FEAT
			B: 500 what?
			>B USER ann
			B: 331 password?
			>C 331 password?` + wrong + `
			>C 530 no
			end: MaxLoginAttempts reached`},
		{"and_what_we_refuse", at(atPass), hello + named331 + `
			C: PASS wrong
			check joe wrong
			deny
			>C 530 Login incorrect.` + named331 + `
			C: PASS wrong
			check joe wrong
			deny
			>C 530 Login incorrect.
			end: MaxLoginAttempts reached`},
		{"and_names_that_lead_nowhere", at(atUser), hello + stranger + stranger + `
			end: MaxLoginAttempts reached`},
		{"at_destinations_too", forwarding(destination.UserAtHost, func(c *Config) { c.MaxLoginAttempts = 2 }), hello + joeAtH + wrong + `
			>C 530 no
			C: USER evil@evil.test
			drop backend
			>C 530 Login incorrect.
			end: MaxLoginAttempts reached`},
		{"and_at_the_gateway_before_them", forwarding(destination.ProxyUserThenUserAtHost, func(c *Config) { c.MaxLoginAttempts = 2 }), hello + strings.Repeat(`
			C: USER px
			>C 331 Password required for px
			C: PASS wrong
			check px wrong
			deny
			>C 530 Login incorrect.`, 2) + `
			end: MaxLoginAttempts reached`},
		{"a_login_at_the_gateway_is_no_failure", forwarding(destination.ProxyUserAtHostThenUser, func(c *Config) { c.MaxLoginAttempts = 1 }), hello + proxyInAtH + `
			C: USER joe
			resolve h.test:21 for joe` + taken + `
			>B USER joe
			B: 331 password?
			>C 331 password?` + joeIn},
		{"not_backends_that_cannot_be_reached", func(c *Config) { atUser(c); c.MaxLoginAttempts, c.RetryCount = 1, 1 }, hello + userJoe + `
			picked b1
			dial 1 b1
			B unreachable
			drop backend
			report failed
			>C 530 Login incorrect.` + userJoe},
		{"nor_those_that_may_not_be_picked", func(c *Config) { atUser(c); c.MaxLoginAttempts = 1 }, hello + userJoe + `
			picked none
			>C 530 Login incorrect.` + userJoe},
		{"nor_a_check_that_could_not_be_made", func(c *Config) { atPass(c); c.MaxLoginAttempts = 1 }, hello + named331 + `
			C: PASS s3cret
			check joe s3cret
			fail
			>C 530 Login incorrect.` + named331},
		{"nor_commands_out_of_order", func(c *Config) { c.MaxLoginAttempts = 1 }, greeted + `
			C: PASS x
			>B PASS x
			B: 503 USER first
			>C 503 USER first`},
		{"nor_anything_after_the_login", func(c *Config) { c.MaxLoginAttempts = 1 }, greeted + signedIn + `
			C: USER ann
			>B USER ann
			B: 530 no
			>C 530 no`},
		{"none_is_no_limit", func(c *Config) { atUser(c) }, hello + strings.Repeat(stranger, 50)},
		{"other_servers_count_with_it", func(c *Config) { named(c); atUser(c); c.MaxLoginAttempts = 2 }, hello + stranger + `
			C: HOST other.example
			switch to other.example
			switched` + hello + stranger + `
			end: MaxLoginAttempts reached`},
	})
}
