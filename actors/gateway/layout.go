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

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// layout is a configuration turned into what the actors need.
type layout struct {
	addresses []address
	pools     []messages.Pool
	plan      reception.Plan
}

// site is one virtual server that is served.
type site struct {
	server *config.Server
	addrs  []netip.Addr // empty: any
	door   *reception.Door
	// setups by class of the client, as <IfClass> may change anything
	setups map[string]*ftpsession.Setup
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
		if why := unserved(server.Settings("")); why != "" {
			g.log.Error().Str("server", server.Name).Stringer("at", server.Pos).Msgf("not serving this server: %s", why)
			continue
		}
		s, err := g.site(ctx, cfg, server, l)
		if err != nil {
			return nil, err
		}
		sites = append(sites, s)
	}
	if len(sites) == 0 {
		return nil, errNothingServed
	}
	for _, s := range sites {
		l.addSockets(s, cfg.Process)
	}
	p := cfg.Process
	l.plan = reception.Plan{
		MaxInstances: p.MaxInstances,
		Rate: reception.Rate{
			Max: p.MaxConnRate.Max, Per: seconds(p.MaxConnRate.PerSeconds), Text: p.MaxConnRate.Message,
		},
		Door: func(listener string, local netip.AddrPort) *reception.Door { return find(sites, local) },
	}
	return l, nil
}

// site prepares one server: its pools, its setups, its door.
func (g *Gateway) site(ctx context.Context, cfg *config.Config, server *config.Server, l *layout) (*site, error) {
	s := &site{server: server, addrs: slices.Clone(server.Addresses), setups: map[string]*ftpsession.Setup{}}
	for _, name := range server.HostNames {
		addrs, err := addressesOf(ctx, name, false)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", server.Pos, err)
		}
		s.addrs = append(s.addrs, addrs...)
	}
	classes := []string{""}
	for _, c := range cfg.Process.Classes {
		classes = append(classes, c.Name)
	}
	bySettings := map[*config.Settings]*ftpsession.Setup{}
	for _, class := range classes {
		set := server.Settings(class)
		if setup, ok := bySettings[set]; ok {
			s.setups[class] = setup
			continue
		}
		pool, err := g.pool(ctx, server, set, class)
		if err != nil {
			return nil, err
		}
		l.pools = append(l.pools, pool)
		setup, err := g.setup(ctx, cfg, server, set, pool.ID)
		if err != nil {
			return nil, err
		}
		bySettings[set], s.setups[class] = setup, setup
	}
	limits := server.Settings("").Limits
	s.door = &reception.Door{
		Server:    serverID(server),
		MaxLogins: capOf(limits.MaxClients),
		PerHost:   capOf(limits.MaxClientsPerHost),
		Conns:     capOf(limits.MaxConnectionsPerHost),
		Setup:     s.admit(cfg),
	}
	return s, nil
}

func capOf(c config.Cap) reception.Cap {
	return reception.Cap{Max: c.Max, Text: c.Message}
}

// admit finds the setup for a client by its class.
func (s *site) admit(cfg *config.Config) func(netip.Addr) (*ftpsession.Setup, error) {
	return func(client netip.Addr) (*ftpsession.Setup, error) {
		class := ""
		if c := cfg.ClassOf(client, ""); c != nil {
			class = c.Name
		}
		if !s.server.Settings(class).Proxy.Engine {
			return nil, errors.New("ProxyEngine is off for this client")
		}
		return s.setups[class], nil
	}
}

// find chooses the server for a connection: one that names the address it
// arrived at, else the DefaultServer, else one without an address.
func find(sites []*site, local netip.AddrPort) *reception.Door {
	var fallback, anywhere *site
	for _, s := range sites {
		switch {
		case s.server.Port != local.Port():
		case slices.ContainsFunc(s.addrs, func(a netip.Addr) bool {
			return a == local.Addr() || a.IsUnspecified() && a.Is4() == local.Addr().Is4()
		}):
			return s.door
		case s.server.IsDefault && fallback == nil:
			fallback = s
		case len(s.addrs) == 0 && anywhere == nil:
			anywhere = s
		}
	}
	switch {
	case fallback != nil:
		return fallback.door
	case anywhere != nil:
		return anywhere.door
	}
	return nil
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
// where it listens, not by its place in the file.
func serverID(s *config.Server) string {
	var where []string
	for _, a := range s.Addresses {
		where = append(where, a.String())
	}
	where = append(where, s.HostNames...)
	return fmt.Sprintf("%s@%s:%d", s.Name, strings.Join(where, ","), s.Port)
}

// unserved says why a server must not be served by this version: because it
// would do less than its configuration promises. Empty: it can be served.
func unserved(set *config.Settings) string {
	p, tls := set.Proxy, set.BackendTLS
	options := p.Options
	switch {
	case !p.Engine:
		return "ProxyEngine is off, and this gateway has no files of its own"
	case set.SSH.Engine:
		return "SFTPEngine is on, which has no effect in this version"
	case p.Role == config.RoleForward:
		return "ProxyRole forward has no effect in this version"
	case set.TLS.Options.UseImplicitSSL, set.TLS.Required != config.TLSRequired{}:
		return "TLS towards clients is required, which has no effect in this version"
	case tls.Engine == config.TLSOn, tls.Engine == config.TLSMatchClient:
		return "ProxyTLSEngine asks for TLS towards backends, which has no effect in this version"
	case p.Policy.Sticky(), options.UseReverseProxyAuth:
		return "ProxyReverseConnectPolicy " + p.Policy.String() + " or UseReverseProxyAuth has no effect in this version"
	case options.UseProxyProtocolV1, options.UseProxyProtocolV2, options.UseDirectDataTransfers:
		return "ProxyOptions has a value without effect in this version"
	}
	for _, u := range p.StaticURLs() {
		if u.Scheme != "ftp" {
			return "backend '" + u.String() + "' needs a protocol that has no effect in this version"
		}
	}
	return ""
}
