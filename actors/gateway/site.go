package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/porter"
	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/stores/sqlsource"
)

// site is one virtual server that is served.
type site struct {
	server *config.Server
	addrs  []netip.Addr    // empty: any
	door   *reception.Door // without its Setup, which each hall has of its own
	offers []offer
	// wings by class of the client, as <IfClass> may change anything; "" is for
	// clients of no class
	wings map[string]wing
}

// offer is what a site has for the services of all sessions: a pool with where
// its backends come from and how they are watched, and who may use it.
type offer struct {
	pool     messages.Pool
	health   messages.HealthPool
	tls      backendTLS
	sources  discovery.Prepared
	bookName string
	book     *porter.Book         // nil: the gateway itself authenticates nobody
	database *sqlsource.Databases // nil: none
}

// wing is what a site has for one class of clients.
type wing struct {
	setup   *ftpsession.Setup
	forward bool  // its clients choose their destinations
	closed  error // why there is no setup
	regime  regime
}

// site prepares one server: its pools, its setups, its door.
func (g *Gateway) site(ctx context.Context, cfg *config.Config, server *config.Server) (*site, error) {
	s := &site{server: server, addrs: slices.Clone(server.Addresses), wings: map[string]wing{}}
	for _, name := range server.HostNames {
		addrs, err := addressesOf(ctx, name, false)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", server.Pos, err)
		}
		s.addrs = append(s.addrs, addrs...)
	}
	shared := map[*config.Settings]wing{}
	for _, class := range classNames(cfg.Process.Classes) {
		set := server.Settings(class)
		w, ok := shared[set]
		if !ok {
			var err error
			if w, err = g.wing(ctx, cfg, s, set, class); err != nil {
				return nil, err
			}
			shared[set] = w
		}
		s.wings[class] = w
	}
	limits, tls := server.Settings("").Limits, server.Settings("").TLS
	s.door = &reception.Door{
		Server:    serverID(server),
		MaxLogins: capOf(limits.MaxClients),
		PerHost:   capOf(limits.MaxClientsPerHost),
		Conns:     capOf(limits.MaxConnectionsPerHost),
		Balancers: server.Settings("").Proxy.ProtocolFrom,
		Mute:      tls.Engine && tls.Options.UseImplicitSSL,
	}
	limitLogins(s.door, cfg, limits)
	return s, nil
}

// classNames lists the classes a client can be of, the first for none.
func classNames(classes []*config.Class) []string {
	names := []string{""}
	for _, c := range classes {
		names = append(names, c.Name)
	}
	return names
}

// wing prepares a site for the clients of one class.
func (g *Gateway) wing(ctx context.Context, cfg *config.Config, s *site, set *config.Settings, class string) (wing, error) {
	if why := unserved(set); why != "" {
		if set.Proxy.Engine {
			g.log.Error().Str("server", s.server.Name).Str("class", class).Msgf("not serving these clients: %s", why)
		}
		return wing{closed: errors.New(why)}, nil
	}
	o, err := g.offer(ctx, cfg, s.server, set, class)
	if err != nil {
		return wing{}, err
	}
	setup, err := g.setup(ctx, cfg, s.server, set, class, o)
	if err != nil {
		return wing{}, errors.Join(err, o.close())
	}
	o.health.Sources, o.health.Proxy = []netip.Addr{setup.Source.IPv4, setup.Source.IPv6}, announced(set.Proxy.Options)
	o.tls = backendTLS{client: setup.BackendTLS, required: set.BackendTLS.Engine == config.TLSOn}
	s.offers = append(s.offers, o)
	return wing{
		setup: setup, forward: set.Proxy.Role == config.RoleForward,
		regime: regime{gateway: g, cfg: cfg, server: s.server, files: g.displays(cfg, s.server)},
	}, nil
}

// offer prepares what one server (and class) needs of the services. A forward proxy
// has no pool: its clients choose.
func (g *Gateway) offer(ctx context.Context, cfg *config.Config, server *config.Server, set *config.Settings, class string) (o offer, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	id := poolName(cfg, server)
	if class != "" {
		id += "/" + class
	}
	o.database = g.database(set)
	if authenticates(set.Proxy) {
		o.bookName = bookName(server, class)
		if o.book, err = g.book(server, set, o.database); err != nil {
			return o, fmt.Errorf("%s: %w", server.Pos, err)
		}
	}
	if set.Proxy.Role == config.RoleForward {
		return o, nil
	}
	plan, err := g.plan(messages.PoolID(id), set.Proxy, o.database)
	if err != nil {
		return o, err
	}
	if o.sources, err = g.prepare(ctx, plan, set.Proxy); err != nil {
		return o, err
	}
	h := set.Proxy.Health
	o.pool = messages.Pool{
		ID: plan.ID, Policy: set.Proxy.Policy.String(), Backends: o.sources.Backends,
		AllDown: allDown[h.AllDown], SlowStart: h.SlowStart,
	}
	o.health = healthPool(o.pool, h)
	return o, nil
}

func (o *offer) close() error {
	if o.database == nil {
		return nil
	}
	return o.database.Close()
}

func capOf(c config.Cap) reception.Cap {
	return reception.Cap{Max: c.Max, Text: c.Message}
}

// How well a site suits a connection; 0 is not at all.
const (
	asLast    = iota + 1 // it names no address
	asDefault            // it is the DefaultServer
	asFamily             // it names all addresses of the family
	asNamed              // it names the address
)

func (s *site) claim(local netip.AddrPort) int {
	ip := local.Addr()
	switch {
	case s.server.Port != local.Port():
		return 0
	case slices.Contains(s.addrs, ip):
		return asNamed
	case slices.ContainsFunc(s.addrs, func(a netip.Addr) bool { return a.IsUnspecified() && a.Is4() == ip.Is4() }):
		return asFamily
	case s.server.IsDefault:
		return asDefault
	case len(s.addrs) == 0:
		return asLast
	}
	return 0
}

// whyNot says why a server cannot be served at all. Empty: it can, at least for
// the clients of some class.
func whyNot(served []*site, server *config.Server, classes []*config.Class) string {
	id := serverID(server)
	for _, s := range served {
		if serverID(s.server) == id {
			return fmt.Sprintf("the one at %s has the same names, addresses and port", s.server.Pos)
		}
	}
	why := ""
	for _, class := range classNames(classes) {
		reason := unserved(server.Settings(class))
		if reason == "" {
			return ""
		}
		if why == "" {
			why = reason
		}
	}
	return why
}

// unserved says why a server must not be served by this version: because it
// would do less than its configuration promises. Empty: it can be served.
func unserved(set *config.Settings) string {
	p := set.Proxy
	switch {
	case !p.Engine:
		return "ProxyEngine is off, and this gateway has no files of its own"
	case set.SSH.Engine:
		return "SFTPEngine is on, which has no effect in this version"
	}
	if p.Role == config.RoleForward {
		return ""
	}
	if len(p.Servers) == 0 {
		return "ProxyReverseServers names no backend"
	}
	for _, u := range p.StaticURLs() {
		if u.Scheme != backendurl.FTP && u.Scheme != backendurl.FTPS {
			return "backend '" + u.String() + "' needs a protocol that has no effect in this version"
		}
	}
	return ""
}
