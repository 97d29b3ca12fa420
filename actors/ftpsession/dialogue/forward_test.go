package dialogue

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/protocols/destination"
)

func forwarding(method destination.Method, more ...func(*Config)) func(*Config) {
	return func(c *Config) {
		atUser(c)
		c.Selection, c.Forward.Method = AtDestination, method
		c.Forward.Permit = func(d destination.Destination) error {
			if strings.HasPrefix(d.String(), "evil") {
				return errors.New("it did not match ProxyForwardTo")
			}
			return nil
		}
		for _, f := range more {
			f(c)
		}
	}
}

func byTLS(c *Config) { c.TLS.Enabled = true }

const (
	taken = ` # the destination is reached, and speaks no more than it must
		resolved
		dial 1 h.test
		B connected
		B: 220 I am h
		>B FEAT
		B: 500 what?`
	joeAtH = `
		C: USER joe@h.test
		resolve h.test:21 for joe` + taken + `
		>B USER joe
		B: 331 password?
		>C 331 password?`
	joeIn = `
		C: PASS s3cret
		>B PASS s3cret
		B: 230 in
		logged in joe
		>C 230 in`
	proxyIn = `
		C: USER px
		>C 331 Password required for px
		C: PASS s3cret
		check px s3cret
		grant staff
		>C 230 User px logged in`
	proxyInAtH = `
		C: USER px@h.test
		>C 331 Password required for px
		C: PASS s3cret
		check px s3cret
		grant staff
		>C 230 User px logged in`
	denied = `
		>C 530 Login incorrect.`
)

func TestForwardMethods(t *testing.T) {
	prove(t, []claim{
		{"user_at_host", forwarding(destination.UserAtHost), hello + joeAtH + joeIn + `
			C: PWD
			>B PWD`},
		{"user_at_host_with_port_and_HOST", forwarding(destination.UserAtHost), hello + `
			C: USER a@b@[2001:DB8::5]:2121
			resolve [2001:db8::5]:2121 for a@b
			resolved
			dial 1 2001:db8::5
			B connected by IPv6
			B: 220-I am↵220 here
			>B FEAT
			B: 211-F↵ HOST↵211 End
			>B HOST [2001:db8::5]
			B: 504 what?
			>B USER a@b
			B: 230 in
			logged in a@b
			>C 230 in`},
		{"proxy_user_then_user_at_host", forwarding(destination.ProxyUserThenUserAtHost), hello + proxyIn + joeAtH + joeIn},
		{"proxy_user_at_host_then_user", forwarding(destination.ProxyUserAtHostThenUser), hello + proxyInAtH + `
			C: USER joe
			resolve h.test:21 for joe` + taken + `
			>B USER joe
			B: 331 password?
			>C 331 password?` + joeIn},
		{"user_at_sni", forwarding(destination.UserAtSNI, byTLS), hello + `
			C: AUTH TLS
			>C 234 AUTH TLS successful
			secure client
			C secured h.test:2121
			C: USER joe@work
			resolve h.test:2121 for joe@work` + taken + `
			>B USER joe@work
			B: 331 password?
			>C 331 password?`},
		{"another_USER_leads_elsewhere", forwarding(destination.UserAtHost), hello + joeAtH + `
			C: USER ann@i.test:99
			drop backend
			resolve i.test:99 for ann
			B: 230 late news of the first
			resolved
			dial 2 i.test`},
		{"port_990_begins_in_TLS", forwarding(destination.UserAtHost, func(c *Config) { c.BackendTLS = TLSIfOffered }), hello + `
			C: USER ann@i.test:990
			resolve i.test:990 for ann
			resolved
			dial 1 i.test in TLS
			B connected in TLS
			B: 220 hello
			>B FEAT
			B: 500 what?
			>B PBSZ 0
			B: 200 ok
			>B PROT P
			B: 200 ok
			>B USER ann`},
		{"TLS_is_tried_as_ever", forwarding(destination.UserAtHost, func(c *Config) { c.BackendTLS = TLSIfOffered }), hello + `
			C: USER joe@h.test
			resolve h.test:21 for joe` + taken + `
			hold backend
			>B AUTH TLS
			B: 500 what?
			free backend
			>B USER joe`},
		{"a_USER_after_the_login_is_the_destinations", forwarding(destination.UserAtHost), hello + joeAtH + joeIn + `
			C: USER ann@i.test
			>B USER ann@i.test
			B: 530 no
			>C 530 no`},
		{"its_refusal_leaves_it_there", forwarding(destination.UserAtHost), hello + joeAtH + `
			C: PASS wrong
			>B PASS wrong
			B: 530 no
			>C 530 no` + joeIn},
		{"a_TYPE_before_it_is_passed_on", forwarding(destination.UserAtHost), hello + `
			C: TYPE I
			>C 200 Type set to I` + joeAtH + `
			C: PASS s3cret
			>B PASS s3cret
			B: 230 in
			logged in joe
			>B TYPE I
			B: 200 ok
			>C 230 in`},
	})
}

func TestForwardRefusals(t *testing.T) {
	const again = ` # and the session stays
		C: USER joe@h.test
		resolve h.test:21 for joe`
	lookedUp := hello + `
		C: USER joe@h.test:2121
		resolve h.test:2121 for joe`
	dialled := lookedUp + `
		resolved
		dial 1 h.test`
	host := forwarding(destination.UserAtHost)
	prove(t, []claim{
		{"no_destination", host, hello + `
			C: USER joe` + denied + again},
		{"a_bad_port", host, hello + `
			C: USER joe@h.test:0` + denied + again},
		{"not_permitted", host, hello + `
			C: USER joe@evil.test` + denied + again},
		{"no_such_host", host, lookedUp + `
			resolved nowhere` + denied + again},
		{"a_forbidden_address", host, lookedUp + `
			resolved forbidden` + denied + again},
		{"the_gateway_itself", host, lookedUp + `
			resolved own
			>C 530 Unable to connect to h.test:2121: Operation not permitted` + again},
		{"unreachable", host, dialled + `
			B unreachable Connection refused
			drop backend
			>C 530 Unable to connect to h.test:2121: Connection refused` + again},
		{"unreachable_for_reasons_of_our_own", host, dialled + `
			B unreachable
			drop backend
			>C 530 Unable to connect to h.test:2121: Operation not permitted` + again},
		{"silent", host, dialled + `
			B connected
			wait 5s
			drop backend
			>C 530 Unable to connect to h.test:2121: Connection timed out` + again},
		{"a_refusing_banner", host, dialled + `
			B connected
			B: 421-Too many↵421 of you
			drop backend
			>C 530-Too many↵530 of you` + again},
		{"gone_before_its_banner", host, dialled + `
			B connected
			B lost
			drop backend
			>C 530 Unable to connect to h.test:2121: Operation not permitted` + again},
		{"TLS_that_fails", forwarding(destination.UserAtHost, func(c *Config) { c.BackendTLS = TLSAlways }), dialled + `
			B connected
			B: 220 hello
			>B FEAT
			B: 500 what?
			hold backend
			>B AUTH TLS
			B: 500 what?
			drop backend
			>C 530 Unable to connect to h.test:2121: Operation not permitted` + again},
		{"port_990_without_TLS", host, hello + `
			C: USER joe@h.test:990
			resolve h.test:990 for joe
			resolved
			drop backend
			>C 530 Unable to connect to h.test:990: Operation not permitted` + again},
		{"user_at_sni_without_TLS", forwarding(destination.UserAtSNI, byTLS), hello + `
			C: USER joe` + denied},
		{"user_at_sni_without_a_name", forwarding(destination.UserAtSNI, byTLS), hello + `
			C: AUTH TLS
			>C 234 AUTH TLS successful
			secure client
			C secured
			C: USER joe` + denied},
		{"a_wrong_password_at_the_gateway", forwarding(destination.ProxyUserThenUserAtHost), hello + `
			C: USER px
			>C 331 Password required for px
			C: PASS wrong
			check px wrong
			deny` + denied + proxyIn},
		{"nothing_is_taken_before_that", forwarding(destination.ProxyUserAtHostThenUser), hello + `
			C: USER px@evil.test` + denied + `
			C: PASS s3cret` + denied + proxyInAtH},
		{"PASS_first", host, hello + `
			C: PASS s3cret` + denied + again},
		{"too_often", forwarding(destination.UserAtHost, func(c *Config) { c.MaxLoginAttempts = 2 }), lookedUp + `
			resolved nowhere` + denied + `
			C: USER joe@evil.test` + denied + `
			C: USER joe` + denied + `
			end: MaxLoginAttempts reached`},
		{"between_the_logins", forwarding(destination.ProxyUserThenUserAtHost), hello + `
			C: PWD
			>C 530 Please login with USER and PASS` + proxyIn + `
			C: XPWD
			>C 530 Access denied
			C: CWD x
			>C 530 Access denied
			C: LIST
			>C 530 Access denied
			C: PASV
			>C 530 Access denied
			C: PASS s3cret` + denied + `
			C: NOOP
			>C 200 NOOP command successful`},
		{"before_the_last_login", host, hello + joeAtH + `
			C: LIST
			>C 530 Please login with USER and PASS
			C: EPSV
			>C 530 Please login with USER and PASS
			C: PWD
			>C 530 Please login with USER and PASS
			C: FEAT
			>B FEAT
			B: 500 what?
			>C 500 what?`},
	})
}

// A destination that goes wrong after it let the client's name in is nobody else's.
func TestForwardLosses(t *testing.T) {
	prove(t, []claim{
		{"after_its_331", forwarding(destination.UserAtHost), hello + joeAtH + `
			B lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"the_client_leaves_while_it_is_looked_up", forwarding(destination.UserAtHost), hello + `
			C: USER joe@h.test
			resolve h.test:21 for joe
			C lost
			end: client closed the connection
			resolved`},
	})
}
