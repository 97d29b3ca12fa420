package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// The forward role: who may use it, and where they may be taken. Its rules:
//
//   - What ProxyForwardTo says counts for what the client typed. Of the lines
//     without "!" one has to match, if there are any; those with it all have to let
//     the destination pass.
//   - Loopback, link-local and cloud metadata addresses are reached only if a line
//     without "!" matches the address itself, as text, and would not match just any:
//     who allows a name has not allowed what its owner may make it point to.
//   - The gateway's own listeners are never reached, whatever says otherwise.

var forwardMethods = map[config.ForwardMethod]destination.Method{
	config.ForwardUserAtHost:              destination.UserAtHost,
	config.ForwardProxyUserThenUserAtHost: destination.ProxyUserThenUserAtHost,
	config.ForwardProxyUserAtHostThenUser: destination.ProxyUserAtHostThenUser,
	config.ForwardUserAtSNI:               destination.UserAtSNI,
}

// authenticates reports whether the gateway itself checks passwords.
func authenticates(p config.Proxy) bool {
	switch selection(p) {
	case dialogue.AtPass:
		return true
	case dialogue.AtDestination:
		return p.ForwardMethod == config.ForwardProxyUserThenUserAtHost || p.ForwardMethod == config.ForwardProxyUserAtHostThenUser
	}
	return false
}

// forward is what dialogues need to know of the role.
func forward(p config.Proxy) dialogue.Forward {
	if p.Role != config.RoleForward {
		return dialogue.Forward{}
	}
	return dialogue.Forward{Method: forwardMethods[p.ForwardMethod], Permit: permit(p.ForwardTo), ShowBanner: p.Options.ShowBanner}
}

// permit asks ProxyForwardTo whether a client may be taken to what it named.
func permit(lines []*config.Pattern) func(destination.Destination) error {
	return func(d destination.Destination) error {
		var alternatives []string
		matched := false
		for _, p := range lines {
			fits := d.Permitted(p.Match, p.Negate)
			switch {
			case p.Negate && !fits:
				return fmt.Errorf("host/port '%s' matched ProxyForwardTo %s, rejecting", d, p)
			case !p.Negate:
				alternatives = append(alternatives, p.String())
				matched = matched || fits
			}
		}
		if len(alternatives) > 0 && !matched {
			return fmt.Errorf("host/port '%s' did not match ProxyForwardTo %s, rejecting", d, strings.Join(alternatives, " or "))
		}
		return nil
	}
}

// named reports whether ProxyForwardTo names an address itself.
func named(lines []*config.Pattern) func(netip.AddrPort) bool {
	return func(at netip.AddrPort) bool {
		vetoed := slices.ContainsFunc(lines, func(p *config.Pattern) bool { return p.Negate && !p.Match(at.String()) })
		return !vetoed && slices.ContainsFunc(lines, func(p *config.Pattern) bool { return destination.Names(p.Match, p.Negate, at) })
	}
}

// guard judges the addresses of destinations. This machine's are looked at each
// time, as they come and go.
func (g *Gateway) guard(lines []*config.Pattern) func() (destination.Guard, error) {
	byName := named(lines)
	return func() (destination.Guard, error) {
		nets, err := net.InterfaceAddrs()
		if err != nil {
			return destination.Guard{}, fmt.Errorf("looking up this machine's addresses: %w", err)
		}
		guard := destination.Guard{Named: byName}
		for _, n := range nets {
			if p, err := netip.ParsePrefix(n.String()); err == nil {
				guard.Local = append(guard.Local, p.Addr())
			}
		}
		if own := g.own.Load(); own != nil {
			guard.Own = *own
		}
		return guard, nil
	}
}

// ownListener reports whether a connection to an address would come in by a door of
// ours.
func (g *Gateway) ownListener(at netip.AddrPort) bool {
	own := g.own.Load()
	if own == nil || !slices.ContainsFunc(*own, func(o netip.AddrPort) bool { return o.Port() == at.Port() }) {
		return false
	}
	guard, err := g.guard(nil)()
	if err != nil { // then it may be
		return true
	}
	var refused *destination.Refused
	return errors.As(guard.Check(at), &refused) && refused.Reason == destination.OwnListener
}

// ownListeners are where the gateway's clients come in, by each address that leads
// there: MasqueradeAddress too, which a router may send back to us.
func (l *layout) ownListeners() []netip.AddrPort {
	var own []netip.AddrPort
	for _, a := range l.addresses {
		at := netip.IPv6Unspecified()
		if a.host != "" {
			at = netip.MustParseAddr(a.host) // written by addSockets
		}
		own = append(own, netip.AddrPortFrom(at, a.port))
		for _, m := range l.masquerades {
			own = append(own, netip.AddrPortFrom(m, a.port))
		}
	}
	return own
}

var errNotPrivate = errors.New("forward proxying is for clients of RFC 1918 addresses only, and for those of a <Class> with ProxyForwardEnabled on: this one is non-RFC1918")

// admits says who may use a forward proxy, of the clients of one class; nil: all of
// them.
func admits(classes []*config.Class, name string) func(netip.Addr, string) error {
	i := slices.IndexFunc(classes, func(c *config.Class) bool { return c.Name == name })
	switch {
	case i < 0 || !classes[i].ForwardSet:
		return func(client netip.Addr, _ string) error {
			if destination.FromPrivate(client) {
				return nil
			}
			return errNotPrivate
		}
	case classes[i].ForwardEnabled:
		return nil
	}
	err := fmt.Errorf("forward proxying is not for clients of class '%s' (ProxyForwardEnabled off)", name)
	return func(netip.Addr, string) error { return err }
}
