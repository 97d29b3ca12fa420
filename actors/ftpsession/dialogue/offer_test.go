package dialogue

import (
	"net/netip"
	"testing"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// pasv agrees on a data connection for greeted sessions.
const pasv = `
	C: PASV
	drop offers
	>B PASV
	B: 227 go (198,51,100,5,19,136)
	listen front
	listening front 4000
	>C 227 Entering Passive Mode (192,0,2,1,15,160).`

func policy(p DataPolicy) func(*Config) { return func(c *Config) { c.DataPolicy = p } }

func byIPv6(c *Config) {
	c.Client, c.Local = netip.MustParseAddrPort("[2001:db8:7::7]:40000"), netip.MustParseAddrPort("[2001:db8:7::1]:21")
}

func TestOfferPassive(t *testing.T) {
	shown := ">C 227 Entering Passive Mode (192,0,2,1,15,160)."
	prove(t, []claim{
		{"PASV_as_the_client_chose", nil, greeted + signedIn + pasv},
		{"EPSV_as_the_client_chose", nil, greeted + signedIn + `
			C: EPSV ALL
			drop offers
			>B EPSV
			B: 229 go (|||5000|)
			listen front
			listening front 4000
			>C 229 Entering Extended Passive Mode (|||4000|)`},
		{"EPSV_to_a_backend_without_it", nil, plain + signedIn + `
			C: EPSV
			drop offers
			>B PASV
			B: 227 go 198,51,100,5,19,136
			listen front
			listening front 4000
			>C 229 Entering Extended Passive Mode (|||4000|)`},
		{"a_refused_EPSV_falls_back_and_is_remembered", nil, greeted + signedIn + `
			C: EPSV
			drop offers
			>B EPSV
			B: 500 what?
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			listen front
			listening front 4000
			>C 229 Entering Extended Passive Mode (|||4000|)
			C: EPSV
			drop offers
			>B PASV`},
		{"a_passing_refusal_of_EPSV_is_not_remembered", nil, greeted + signedIn + `
			C: EPSV
			drop offers
			>B EPSV
			B: 425 not now
			>B PASV
			B: 425 not now
			drop offers
			>C 425 not now
			C: EPSV
			drop offers
			>B EPSV`},
		{"a_refusal_is_the_clients_answer", nil, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 502 no
			drop offers
			>C 502 no`},
		{"preliminary_replies_are_not_shown", nil, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 120 moment
			B: 227 go (198,51,100,5,19,136)
			listen front`},
		{"our_own_listener_fails", nil, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			listen front
			listening front failed
			drop offers
			>C 425 PASV: No data port available`},
		{"a_foreign_227_is_refused", nil, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (203,0,113,66,19,136)
			drop offers
			>C 500 PASV: Operation not permitted
			C: RETR f
			drop offers
			>B RETR f
			B: 226 done                # where to, nobody knows
			>C 425 Unable to build data connection: Internal error`},
		{"a_foreign_227_is_replaced_with_IgnoreForeignAddress", func(c *Config) { c.IgnoreForeign = true }, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (10,0,0,1,19,136)
			listen front
			listening front 4000
			` + shown + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000`},
		{"a_foreign_227_is_followed_with_AllowForeignAddress", func(c *Config) { c.AllowForeign = true }, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (10,0,0,1,19,136)
			listen front
			listening front 4000
			` + shown + `
			C: RETR f
			>B RETR f
			start down front=listen back=10.0.0.1:5000`},
		{"a_private_227_of_a_public_backend_means_the_backend", nil, greeted + signedIn + passiveFrom("10,0,0,1", "198.51.100.5")},
		{"and_so_does_its_loopback_address", nil, greeted + signedIn + passiveFrom("127,0,0,1", "198.51.100.5")},
		{"and_one_of_its_link", nil, greeted + signedIn + passiveFrom("169,254,169,254", "198.51.100.5")},
		{"and_no_address_at_all", nil, greeted + signedIn + passiveFrom("0,0,0,0", "198.51.100.5")},
		{"that_is_no_address_to_follow", func(c *Config) { c.AllowForeign = true }, greeted + signedIn + passiveFrom("0,0,0,0", "198.51.100.5")},
		{"a_door_of_ours_in_227_is_refused", func(c *Config) {
			c.AllowForeign = true
			c.OwnListener = func(at netip.AddrPort) bool { return at == netip.MustParseAddrPort("192.0.2.1:5000") }
		}, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (192,0,2,1,19,136)
			drop offers
			>C 500 PASV: Operation not permitted`},
		{"IgnoreForeignAddress_wins", func(c *Config) { c.AllowForeign, c.IgnoreForeign = true, true }, greeted + signedIn + passiveFrom("203,0,113,66", "198.51.100.5")},
		{"a_reserved_port_in_227_is_refused", func(c *Config) { c.IgnoreForeign = true }, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (198,51,100,5,3,255)
			drop offers
			>C 500 PASV: Operation not permitted`},
		{"a_reserved_port_in_229_is_refused", nil, greeted + signedIn + `
			C: EPSV
			drop offers
			>B EPSV
			B: 229 go (|||1023|)
			drop offers
			>C 500 EPSV: Operation not permitted`},
		{"an_unreadable_227_is_refused", nil, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 guess
			drop offers
			>C 500 PASV: Operation not permitted`},
		{"MasqueradeAddress_is_shown", func(c *Config) { c.Masquerade = netip.MustParseAddr("203.0.113.9") }, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			listen front
			listening front 4000
			>C 227 Entering Passive Mode (203,0,113,9,15,160).`},
		{"a_MasqueradeAddress_of_the_wrong_family_cannot", func(c *Config) { c.Masquerade = netip.MustParseAddr("2001:db8::9") }, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			listen front
			listening front 4000
			drop offers
			>C 500 PASV: Operation not permitted`},
		{"PASV_cannot_express_IPv6", byIPv6, greeted + signedIn + `
			C: PASV
			>C 501 PASV: Operation not permitted`},
		{"PASV_of_an_IPv4_client_on_a_dual_stack_listener", func(c *Config) {
			c.Client, c.Local = netip.MustParseAddrPort("[::ffff:192.0.2.7]:40000"), netip.MustParseAddrPort("[::ffff:192.0.2.1]:21")
		}, greeted + signedIn + pasv},
		{"EPSV_by_IPv6", byIPv6, greeted + signedIn + `
			C: EPSV
			drop offers
			>B EPSV
			B: 229 go (|||5000|)
			listen front IPv6
			listening front 4000
			>C 229 Entering Extended Passive Mode (|||4000|)`},
		{"a_421_ends_the_session", nil, greeted + signedIn + `
			C: EPSV
			drop offers
			>B EPSV
			B: 421 bye
			>C 421 bye
			end: backend closed the session`},
		{"loss_while_negotiating", nil, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"loss_while_listening", nil, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			listen front
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"a_second_offer_replaces_the_first", nil, greeted + signedIn + pasv + pasv},
		{"it_is_performed_before_login", nil, greeted + pasv},
	})
}

func TestOfferActive(t *testing.T) {
	prove(t, []claim{
		{"PORT_as_the_client_chose", nil, greeted + signedIn + `
			C: PORT 192,0,2,7,19,136
			drop offers
			listen back
			listening back 6000
			>B PORT 198,51,100,1,23,112
			B: 200 ok
			>C 200 PORT command successful
			C: STOR f
			>B STOR f
			start up front=192.0.2.7:5000 back=listen`},
		{"EPRT_as_the_client_chose", nil, greeted + signedIn + `
			C: EPRT |1|192.0.2.7|5000|
			drop offers
			listen back
			listening back 6000
			>B EPRT |1|198.51.100.1|6000|
			B: 200 ok
			>C 200 EPRT command successful`},
		{"EPRT_without_an_address_means_the_client", nil, plain + signedIn + `
			C: EPRT |1||5000|
			drop offers
			listen back
			listening back 6000
			>B PORT 198,51,100,1,23,112
			B: 200 ok
			>C 200 EPRT command successful
			C: LIST
			>B LIST
			start down front=192.0.2.7:5000 back=listen`},
		{"a_refused_EPRT_falls_back_to_PORT_once", nil, greeted + signedIn + `
			C: EPRT |1|192.0.2.7|5000|
			drop offers
			listen back
			listening back 6000
			>B EPRT |1|198.51.100.1|6000|
			B: 500 what?
			>B PORT 198,51,100,1,23,112
			B: 501 no
			drop offers
			>C 425 no
			C: EPRT |1|192.0.2.7|5000|
			drop offers
			listen back
			listening back 6001
			>B PORT 198,51,100,1,23,113`},
		{"our_own_listener_fails", nil, greeted + signedIn + `
			C: PORT 192,0,2,7,19,136
			drop offers
			listen back
			listening back failed
			drop offers
			>C 425 PORT: No data port available`},
		{"a_third_host_is_refused", nil, greeted + signedIn + `
			C: PORT 203,0,113,66,19,136
			>C 500 Illegal PORT command
			C: EPRT |1|203.0.113.66|5000|
			>C 500 Illegal EPRT command`},
		{"a_third_host_is_allowed_by_class", func(c *Config) {
			c.ForeignAllowed = func(a netip.Addr) bool { return a == netip.MustParseAddr("203.0.113.66") }
		}, greeted + signedIn + `
			C: PORT 203,0,113,66,3,255
			>C 500 Illegal PORT command
			C: PORT 203,0,113,66,4,0
			drop offers
			listen back`},
		{"a_door_of_ours_is_refused_whoever_may_name_it", func(c *Config) {
			c.ForeignAllowed = func(netip.Addr) bool { return true }
			c.OwnListener = func(at netip.AddrPort) bool { return at == netip.MustParseAddrPort("192.0.2.1:2121") }
		}, greeted + signedIn + `
			C: PORT 192,0,2,1,8,73
			>C 500 Illegal PORT command
			C: EPRT |2|::ffff:192.0.2.1|2121|
			>C 500 Illegal EPRT command
			C: PORT 192,0,2,1,8,74
			drop offers
			listen back`},
		{"a_reserved_port_is_refused", nil, greeted + signedIn + `
			C: PORT 192,0,2,7,3,255
			>C 500 Illegal PORT command`},
		{"a_private_address_behind_NAT_means_the_client", nil, greeted + signedIn + `
			C: PORT 192,168,1,2,19,136
			drop offers
			listen back
			listening back 6000
			>B PORT 198,51,100,1,23,112
			B: 200 ok
			>C 200 PORT command successful
			C: LIST
			>B LIST
			start down front=192.0.2.7:5000 back=listen`},
		{"but_not_when_we_are_private_too", func(c *Config) { c.Local = netip.MustParseAddrPort("10.0.0.1:21") }, greeted + signedIn + `
			C: PORT 192,168,1,2,19,136
			>C 500 Illegal PORT command`},
		{"what_is_no_address_is_refused", nil, greeted + signedIn + `
			C: PORT 1,2,3
			>C 501 Illegal PORT command
			C: EPRT nonsense
			>C 501 Illegal EPRT command
			C: EPRT |3|x|5000|
			>C 522 Network protocol not supported, use (1,2)`},
		{"IPv6_is_refused_where_it_is_off", func(c *Config) { c.UseIPv6 = false }, greeted + signedIn + `
			C: EPRT |2|2001:db8::7|5000|
			>C 522 Network protocol not supported, use (1)
			C: EPRT |9|x|5000|
			>C 522 Network protocol not supported, use (1)`},
		{"EPRT_by_IPv6_to_an_IPv4_backend", byIPv6, greeted + signedIn + `
			C: EPRT |2|2001:db8:7::7|5000|
			drop offers
			listen back
			listening back 6000
			>B EPRT |1|198.51.100.1|6000|
			B: 200 ok
			>C 200 EPRT command successful`},
		{"PORT_of_an_IPv6_client_is_a_third_host", byIPv6, greeted + signedIn + `
			C: PORT 192,0,2,7,19,136
			>C 500 Illegal PORT command`},
	})
}

// passiveFrom is a PASV to which the backend names one address, and is
// connected to at another.
func passiveFrom(named, used string) string {
	return `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (` + named + `,19,136)
			listen front
			listening front 4000
			>C 227 Entering Passive Mode (192,0,2,1,15,160).
			C: RETR f
			>B RETR f
			start down front=listen back=` + used + `:5000`
}

// TestOfferPassivePrivate: a backend in a private network has no inner addresses
// to hide, so what it names is another's.
func TestOfferPassivePrivate(t *testing.T) {
	m := New(usual(), epoch)
	for _, tt := range []struct{ peer, named, want string }{
		{"10.0.0.5", "(10,0,0,5,19,136)", "10.0.0.5"},
		{"10.0.0.5", "(10,0,0,6,19,136)", ""},
		{"10.0.0.5", "(127,0,0,1,19,136)", ""},
		{"10.0.0.5", "(0,0,0,0,19,136)", "10.0.0.5"},
		{"127.0.0.1", "(127,0,0,9,19,136)", ""},
		{"127.0.0.1", "(10,0,0,1,19,136)", ""},
		{"198.51.100.5", "(203,0,113,66,19,136)", ""},
		{"198.51.100.5", "(192,168,0,1,19,136)", "198.51.100.5"},
		{"2001:db8::5", "(10,0,0,1,19,136)", "2001:db8::5"},
	} {
		m.back.remote = netip.AddrPortFrom(netip.MustParseAddr(tt.peer), 21)
		got, err := m.passiveAddr(ftp.PASV, ftp.NewReply(227, "go "+tt.named))
		if (err == nil) != (tt.want != "") || err == nil && got.Addr().String() != tt.want {
			t.Errorf("%s named %s: %v, %v, want %q", tt.peer, tt.named, got, err, tt.want)
		}
	}
}
