package config

import (
	"errors"
	"net/netip"
	"strings"
)

// Rows about load balancers in front of the gateway, and their parser. The peer has
// a module of its own for that, mod_proxy_protocol, which believes everybody.

var balancerRows = []Directive{
	{Name: "ProxyProtocolFrom", Module: ownModule, Contexts: anyServer, Syntax: "address|network …", Default: "nobody", many: true,
		Text: `Load balancers that hand clients on with a PROXY header, version 1 or 2, as in "ProxyProtocolFrom 192.0.2.8 10.1.0.0/24";
lines add up. Every connection from there must begin with a header within 5 seconds, and the client it names is the one that counts
for classes, limits, logs and PORT. A header from anybody else is no command and ends the session. Health checks (LOCAL) are served
as clients with the balancer's own address; a header that names no client (UNKNOWN) is refused. The server that the balancer connects
to decides, whatever name clients give later, and <IfClass> has no say, as classes depend on the header.`,
		parse: networks("ProxyProtocolFrom", func(s *Settings) *[]netip.Prefix { return &s.Proxy.ProtocolFrom })},
	{Name: "ProxyProtocolDataFrom", Module: ownModule, Contexts: anyServer, Syntax: "address|network …", Default: "nobody", many: true,
		Text: `Load balancers that hand data connections on with a PROXY header, to the ports of PassivePorts; lines add up. Each such
connection must begin with one that names the client of its session. Without this, clients have to reach the passive ports themselves
(MasqueradeAddress is then the gateway's own address), and a balancer in between is turned away as a stranger.`,
		parse: networks("ProxyProtocolDataFrom", func(s *Settings) *[]netip.Prefix { return &s.Proxy.ProtocolDataFrom })},
}

// networks reads addresses and networks of those that are believed.
func networks(name string, field func(*Settings) *[]netip.Prefix) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		var all []netip.Prefix
		for _, a := range c.args {
			p, err := network(a.Text)
			if err != nil {
				c.errorf(a.Pos, "'%s' is no network: %v", a.Text, err)
				continue
			}
			if p.Bits() == 0 {
				c.warnf(a.Pos, "%s %s lets everybody pass for anybody: name the balancers", name, a.Text)
			}
			all = append(all, p)
		}
		return set(func(s *Settings) { *field(s) = joined(*field(s), all...) })
	}
}

func network(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" || a.IsUnspecified() {
			return netip.Prefix{}, errors.New("expected an address, or one with '/' and the number of bits, such as 192.0.2.0/24")
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() && p.Bits() < 96 {
		return p, errors.New("expected an address, '/' and the number of bits, such as 192.0.2.0/24")
	}
	if p.Addr().Is4In6() {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, errors.New("it has bits set behind its length: write " + p.Masked().String() + ", or the address alone")
	}
	return p, nil
}
