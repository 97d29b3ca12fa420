package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// layout is a configuration turned into what the actors need.
type layout struct {
	addresses []address
	offers    []offer
	plan      reception.Plan
	bans      []messages.BanRules
	// activePorts are reserved ones that data connections are to leave from.
	activePorts []uint16
	// masquerades are the addresses that clients are shown instead of ours.
	masquerades []netip.Addr
}

var errNothingServed = errors.New("no server of the configuration can be served; see the messages above")

// lay turns a configuration into a layout. Names are resolved here.
func (g *Gateway) lay(ctx context.Context, cfg *config.Config) (*layout, error) {
	l := &layout{}
	var sites []*site
	for _, server := range cfg.Servers {
		if server.Port == 0 {
			continue
		}
		if why := whyNot(sites, server, cfg.Process.Classes); why != "" {
			g.log.Error().Str("server", server.Name).Stringer("at", server.Pos).Msgf("not serving this server: %s", why)
			continue
		}
		s, err := g.site(ctx, cfg, server)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.offers = append(l.offers, s.offers...)
		l.bans = append(l.bans, bansOf(cfg, server)...)
		sites = append(sites, s)
	}
	if len(sites) == 0 {
		return nil, errNothingServed
	}
	halls := newHalls(sites, cfg)
	for _, s := range sites {
		l.addSockets(s, cfg.Process)
		for _, w := range s.wings {
			if w.setup == nil {
				continue
			}
			l.addActivePort(s, w.setup)
			for _, m := range []netip.Addr{w.setup.Dialogue.Masquerade, w.setup.Dialogue.TLSMasquerade} {
				if m.IsValid() {
					l.masquerades = append(l.masquerades, m)
				}
			}
		}
		if by := halls.unreachable(s); by != nil {
			g.log.Warn().Str("server", s.server.Name).Stringer("at", s.server.Pos).
				Msgf("no client reaches this server: the one at %s has its address and port; give it a ServerAlias that clients call it by, or a Port of its own", by.server.Pos)
		}
	}
	p := cfg.Process
	l.plan = reception.Plan{
		MaxInstances: p.MaxInstances,
		Rate: reception.Rate{
			Max: p.MaxConnRate.Max, Per: seconds(p.MaxConnRate.PerSeconds), Text: p.MaxConnRate.Message,
		},
		Door: func(listener string, local netip.AddrPort) *reception.Door {
			if h := halls.at(local); h != nil {
				return h.door
			}
			return nil
		},
	}
	if cfg.LooksUpNames() {
		l.plan.Names = g.choice.names
	}
	return l, nil
}

// close ends what the layout's offers hold open.
func (l *layout) close() error {
	if l == nil {
		return nil
	}
	var all error
	for i := range l.offers {
		all = errors.Join(all, l.offers[i].close())
	}
	return all
}

// addSockets notes where a server listens: at each of its addresses with
// SocketBindTight, else at every address of the machine.
func (l *layout) addSockets(s *site, p config.Process) {
	if p.SocketBindTight && len(s.addrs) > 0 {
		for _, a := range s.addrs {
			network := "tcp4"
			if a.Is6() {
				network = "tcp6"
			}
			l.addSocket(address{network: network, host: a.String(), port: s.server.Port})
		}
		return
	}
	network := "tcp"
	if !p.UseIPv6 {
		network = "tcp4"
	}
	l.addSocket(address{network: network, port: s.server.Port})
}

func (l *layout) addSocket(a address) {
	host := a.host
	if host == "" {
		host = "*"
	}
	a.name = net.JoinHostPort(host, strconv.Itoa(int(a.port)))
	if !slices.ContainsFunc(l.addresses, func(b address) bool { return a.name == b.name }) {
		l.addresses = append(l.addresses, a)
	}
}

// serverID names a server so that its state is found again after a restart: by
// its names and where it listens, not by its place in the file.
func serverID(s *config.Server) string {
	var where []string
	for _, a := range s.Addresses {
		where = append(where, a.String())
	}
	where = append(where, s.HostNames...)
	return fmt.Sprintf("%s@%s:%d", allNames(s), strings.Join(where, ","), s.Port)
}

func allNames(s *config.Server) string {
	return strings.Join(append([]string{s.Name}, s.Aliases...), "|")
}

// poolName names the pool of a server, by which its state is kept. Gateways with
// a store in common have the same servers at addresses of their own, so there
// a server is known by its names and port; of those alike in one file, by its
// place among them.
func poolName(cfg *config.Config, s *config.Server) string {
	if cfg.Process.Datastore != config.DatastoreRedis {
		return serverID(s)
	}
	name, place := fmt.Sprintf("%s:%d", allNames(s), s.Port), 1
	for _, other := range cfg.Servers {
		if other == s {
			break
		}
		if other.Port == s.Port && allNames(other) == allNames(s) {
			place++
		}
	}
	if place > 1 {
		name += fmt.Sprintf("#%d", place)
	}
	return name
}
