package destination

import (
	"errors"
	"fmt"
	"net/netip"
)

// Guard knows the addresses that no client is taken to. The zero Guard knows of
// no listeners.
type Guard struct {
	Own   []netip.AddrPort // listeners of the gateway; unspecified: on all of Local
	Local []netip.Addr     // addresses of this machine, and those that lead to it
	// Named reports whether ProxyForwardTo names an address itself (see Names); nil:
	// it names none.
	Named func(netip.AddrPort) bool
}

// Reason is why an address is refused.
type Reason uint8

// The reasons. Those from Loopback on do not count for addresses that
// ProxyForwardTo names.
const (
	NoAddress   Reason = iota // none, unspecified, or port 0
	Everybody                 // multicast and broadcast, and what is reserved
	OwnListener               // a door of this gateway
	Loopback                  // this machine
	LinkLocal                 // this link
	Metadata                  // where clouds tell their machines secrets
)

var reasons = [...]string{
	NoAddress:   "it is no address to connect to",
	Everybody:   "it is a multicast, broadcast or reserved address",
	OwnListener: "it is a listener of this gateway",
	Loopback:    "it is a loopback address, which ProxyForwardTo does not name",
	LinkLocal:   "it is a link-local address, which ProxyForwardTo does not name",
	Metadata:    "it is an address of cloud metadata, which ProxyForwardTo does not name",
}

// String says it in a sentence.
func (r Reason) String() string { return reasons[r] }

// Refused is the error of Check.
type Refused struct {
	To     netip.AddrPort
	Inner  netip.Addr // the IPv4 address that To carries, if that one is at fault
	Reason Reason
}

// Error names the address and the reason.
func (e *Refused) Error() string {
	if e.Inner.IsValid() {
		return fmt.Sprintf("%s leads to %s: %s", e.To, e.Inner, e.Reason)
	}
	return fmt.Sprintf("%s: %s", e.To, e.Reason)
}

// Check judges an address that a name resolved to, or that a client typed. The
// error is a *Refused. What carries an IPv4 address, as tunnels and translators
// do, is judged by that one, too.
func (g Guard) Check(to netip.AddrPort) error {
	addr := to.Addr().Unmap().WithZone("")
	if reason, bad := g.judge(netip.AddrPortFrom(addr, to.Port())); bad {
		return &Refused{To: to, Reason: reason}
	}
	for _, inner := range carried(addr) {
		if reason, bad := g.judge(netip.AddrPortFrom(inner, to.Port())); bad {
			return &Refused{To: to, Inner: inner, Reason: reason}
		}
	}
	return nil
}

// CheckData judges an address for data that the destination at the address control names. Its own is as
// good for data as for the control connection: a ProxyForwardTo with a port names no port for data.
func (g Guard) CheckData(to netip.AddrPort, control netip.Addr) error {
	err := g.Check(to)
	var refused *Refused
	if errors.As(err, &refused) && refused.Reason >= Loopback && to.Addr().Unmap() == control.Unmap() {
		return nil
	}
	return err
}

func (g Guard) judge(to netip.AddrPort) (Reason, bool) {
	a := to.Addr()
	switch {
	case !a.IsValid(), to.Port() == 0, a.IsUnspecified(), thisNetwork.Contains(a):
		return NoAddress, true
	case a.IsMulticast(), reserved.Contains(a):
		return Everybody, true
	case g.owns(to):
		return OwnListener, true
	}
	reason, bad := Reason(0), true
	switch {
	case metadata[a]:
		reason = Metadata
	case a.IsLoopback():
		reason = Loopback
	case a.IsLinkLocalUnicast():
		reason = LinkLocal
	default:
		bad = false
	}
	return reason, bad && (g.Named == nil || !g.Named(to))
}

// owns reports a listener that a connection to an address would arrive at.
func (g Guard) owns(to netip.AddrPort) bool {
	for _, o := range g.Own {
		own := o.Addr().Unmap().WithZone("")
		if o.Port() != to.Port() {
			continue
		}
		if own == to.Addr() || own.IsUnspecified() && g.local(to.Addr()) {
			return true
		}
	}
	return false
}

func (g Guard) local(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	for _, l := range g.Local {
		if l.Unmap().WithZone("") == a {
			return true
		}
	}
	return false
}

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")   // RFC 1122 section 3.2.1.3
	reserved    = netip.MustParsePrefix("240.0.0.0/4") // RFC 1112 section 4, the broadcast address included
)

// metadata are the addresses at which clouds serve metadata or take orders.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("169.254.169.254"): true, // most of them
	netip.MustParseAddr("169.254.170.2"):   true, // Amazon ECS
	netip.MustParseAddr("169.254.170.23"):  true, // Amazon EKS
	netip.MustParseAddr("fd00:ec2::254"):   true, // Amazon EC2
	netip.MustParseAddr("fd00:ec2::23"):    true, // Amazon EKS
	netip.MustParseAddr("fd20:ce::254"):    true, // Google
	netip.MustParseAddr("100.100.100.200"): true, // Alibaba
	netip.MustParseAddr("168.63.129.16"):   true, // Azure
	netip.MustParseAddr("192.0.0.192"):     true, // Oracle
}

// carrier is a range of IPv6 addresses with an IPv4 address in them.
type carrier struct {
	prefix netip.Prefix
	at     [4]int // places of its bytes
	flip   byte   // Teredo hides them
	maybe  bool   // other places are as likely: zeros there mean nothing
}

var carriers = []carrier{
	{prefix: netip.MustParsePrefix("::/96"), at: lastFour},                                    // RFC 4291 section 2.5.5.1, IPv4-compatible
	{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), at: lastFour},                          // RFC 2765 section 2.1, IPv4-translated
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), at: lastFour},                             // RFC 6052 section 2.1, NAT64
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: lastFour, maybe: true},              // RFC 8215, NAT64 with a prefix of 96 bits,
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{6, 7, 9, 10}, maybe: true},   // of 48,
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{7, 9, 10, 11}, maybe: true},  // of 56,
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{9, 10, 11, 12}, maybe: true}, // of 64
	{prefix: netip.MustParsePrefix("2002::/16"), at: [4]int{2, 3, 4, 5}},                      // RFC 3056, 6to4
	{prefix: netip.MustParsePrefix("2001::/32"), at: [4]int{4, 5, 6, 7}},                      // RFC 4380 section 4, Teredo: its server
	{prefix: netip.MustParsePrefix("2001::/32"), at: lastFour, flip: 0xff},                    // and its client
}

var lastFour = [4]int{12, 13, 14, 15}

// carried lists the IPv4 addresses within an IPv6 address. ::1 carries none, for
// it is one itself.
func carried(a netip.Addr) []netip.Addr {
	if !a.Is6() || a == netip.IPv6Loopback() {
		return nil
	}
	var found []netip.Addr
	b := a.As16()
	for _, c := range carriers {
		if !c.prefix.Contains(a) {
			continue
		}
		if inner := pickBytes(b, c); !c.maybe || !thisNetwork.Contains(inner) {
			found = append(found, inner)
		}
	}
	// RFC 5214 section 6.1, ISATAP: 0000:5efe or 0200:5efe before the address.
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
		found = append(found, pickBytes(b, carrier{at: lastFour}))
	}
	return found
}

func pickBytes(b [16]byte, c carrier) netip.Addr {
	var four [4]byte
	for i, at := range c.at {
		four[i] = b[at] ^ c.flip
	}
	return netip.AddrFrom4(four)
}

// Names reports whether ProxyForwardTo names an address: it lets it through as
// text, and does not let just any host through. match is the expression with
// its "!", which negate tells of; what an expression leaves out, it does not name.
func Names(match func(string) bool, negate bool, to netip.AddrPort) bool {
	to = netip.AddrPortFrom(to.Addr().Unmap().WithZone(""), to.Port())
	if negate || !match(to.String()) {
		return false
	}
	for _, host := range strangers {
		if match(fmt.Sprintf("%s:%d", host, to.Port())) {
			return false
		}
	}
	return true
}

// strangers are hosts that nobody has: of the ranges for documentation (RFC
// 2606, RFC 5737, RFC 3849).
var strangers = []string{"nobody.invalid", "a.b.c.example", "203.0.113.113", "192.0.2.1", "[2001:db8:ffff::9]", "[2001:db8::1:2:3:4]"}

// FromPrivate reports whether a client may use the forward proxy when its class
// does not say (ProxyForwardEnabled): only addresses of RFC 1918 may. Loopback is
// none.
func FromPrivate(client netip.Addr) bool {
	a := client.Unmap()
	return a.Is4() && a.IsPrivate()
}
