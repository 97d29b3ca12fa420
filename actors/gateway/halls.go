package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// hall is what the clients of one address and port come into: the server that
// serves them, and those behind it that they reach by name (HOST, SNI). No name
// leads to a server that is not at the client's own address: who may reach an
// address may not thereby reach another.
type hall struct {
	sites []*site // the first is for those who name none
	// setups by class of the client, in the order of sites; nil where that
	// server is closed to the class
	setups map[string][]*ftpsession.Setup
	door   *reception.Door
}

// halls are all of them, by local address. Addresses that no server names share
// those of the unspecified address of their family.
type halls map[netip.AddrPort]*hall

func newHalls(sites []*site, cfg *config.Config) halls {
	all := halls{}
	for _, s := range sites {
		addrs := append([]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, s.addrs...)
		for _, a := range addrs {
			at := netip.AddrPortFrom(a, s.server.Port)
			if _, there := all[at]; there {
				continue
			}
			if here := claimants(sites, at); len(here) > 0 {
				all[at] = newHall(here, at, cfg)
			}
		}
	}
	return all
}

// at finds the hall for a connection; nil: no server serves it.
func (all halls) at(local netip.AddrPort) *hall {
	if h, ok := all[local]; ok {
		return h
	}
	any := netip.IPv6Unspecified()
	if local.Addr().Is4() {
		any = netip.IPv4Unspecified()
	}
	return all[netip.AddrPortFrom(any, local.Port())]
}

// claimants lists the servers that may take a connection, the one that does
// first: one that names the address it arrived at, else one that names all
// addresses of the family, else the DefaultServer, else one without an address.
func claimants(sites []*site, local netip.AddrPort) []*site {
	var here []*site
	for _, s := range sites {
		if s.claim(local) > 0 {
			here = append(here, s)
		}
	}
	if len(here) == 0 {
		return nil
	}
	// Stable: among equals the earlier in the file.
	slices.SortStableFunc(here, func(a, b *site) int { return cmp.Compare(b.claim(local), a.claim(local)) })
	// A DefaultServer takes those whom nobody else does; no name leads from
	// here to the address that it is at.
	others := slices.DeleteFunc(here[1:], func(s *site) bool { return s.claim(local) == asDefault && len(s.addrs) > 0 })
	return here[:1+len(others)]
}

// newHall gives each server's setups the names of the others. Where no server of
// the address has a ServerAlias, a client may call it what it likes; if it is
// alone there, too, no names are needed at all.
func newHall(sites []*site, at netip.AddrPort, cfg *config.Config) *hall {
	h := &hall{sites: sites, setups: map[string][]*ftpsession.Setup{}}
	anyName := !slices.ContainsFunc(sites, func(s *site) bool {
		return len(s.server.Aliases) > 0 && s.claim(at) == sites[0].claim(at)
	})
	alone := len(sites) == 1 && anyName
	for _, class := range classNames(cfg.Process.Classes) {
		h.setups[class] = make([]*ftpsession.Setup, len(sites))
		for i, s := range sites {
			setup := s.wings[class].setup
			if setup != nil {
				own := *setup
				own.Class = class
				if s.wings[class].forward {
					own.Admits = admits(cfg.Process.Classes, class)
				}
				if !alone {
					own.Names, own.AnyName = h.names(class), anyName
				}
				if len(sites) > 1 { // a pattern of one may hide a name of another
					own.Dialogue.ServerNames = s.exactNames()
				}
				s.wings[class].regime.of(class).enforce(&own)
				setup = &own
			}
			h.setups[class][i] = setup
		}
	}
	door := *sites[0].door
	door.Behind = map[string]*reception.Door{}
	for _, s := range sites[1:] {
		door.Behind[s.door.Server] = s.door
	}
	door.Setup = func(client netip.Addr, name string) (*ftpsession.Setup, error) {
		class := classOf(cfg, client, name)
		setup := h.setups[class][0]
		if setup != nil && setup.Admits != nil {
			if err := setup.Admits(client, name); err != nil {
				return nil, err
			}
		}
		return setup, sites[0].wings[class].closed
	}
	h.door = &door
	return h
}

// names finds the setup of a server by its name, for clients of one class.
func (h *hall) names(class string) func(name string) *ftpsession.Setup {
	return func(name string) *ftpsession.Setup {
		if i := h.named(name); i >= 0 {
			return h.setups[class][i]
		}
		return nil
	}
}

// named is the place of the server that has a name: first one that has exactly
// it, then one with a pattern that fits; -1: nobody has it.
func (h *hall) named(name string) int {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	i := slices.IndexFunc(h.sites, func(s *site) bool {
		return slices.ContainsFunc(s.exactNames(), func(own string) bool { return strings.EqualFold(own, name) })
	})
	if i >= 0 {
		return i
	}
	return slices.IndexFunc(h.sites, func(s *site) bool { return s.server.AliasMatches(name) })
}

// exactNames are what a server is called: ServerName, the names in its
// <VirtualHost>, and those of ServerAlias that are no patterns.
func (s *site) exactNames() []string {
	names := append([]string{s.server.Name}, s.server.HostNames...)
	for _, alias := range s.server.Aliases {
		if !strings.ContainsAny(alias, `*?[\`) {
			names = append(names, alias)
		}
	}
	return names
}

// unreachable is the server that takes all connections of another one that no
// name leads to either; nil: clients reach it.
func (all halls) unreachable(s *site) (by *site) {
	for _, h := range all {
		i := slices.Index(h.sites, s)
		if i < 0 {
			continue
		}
		if i == 0 {
			return nil
		}
		for _, name := range append(s.exactNames(), s.server.Aliases...) {
			if h.named(name) == i {
				return nil
			}
		}
		if by == nil || h.sites[0].server.Pos.Line < by.server.Pos.Line {
			by = h.sites[0]
		}
	}
	return by
}

func classOf(cfg *config.Config, client netip.Addr, name string) string {
	if c := cfg.ClassOf(client, name); c != nil {
		return c.Name
	}
	return ""
}
