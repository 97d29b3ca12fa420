package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/actors/health"
	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/actors/porter"
	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/service"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
	"github.com/sluice-gateway/sluice/stores/backendfile"
	"github.com/sluice-gateway/sluice/stores/dns"
	"github.com/sluice-gateway/sluice/stores/redis"
)

// choice is who finds each client its backend, and what they know it by.
type choice struct {
	policy    *policy.Actor
	health    *health.Actor
	discovery *discovery.Actor
	porter    *porter.Porter

	resolver *dns.Resolver
	names    *dns.Names // of clients
	log      zerolog.Logger
	store    stores.Store       // of positions, assignments and health; nil until it is opened
	files    *backendfile.Lists // lists of backends
	shells   *accounts.List     // /etc/shells
	banned   *accounts.List     // /etc/ftpusers

	tls    atomic.Pointer[map[messages.PoolID]backendTLS]
	former *layout // the one before a reload, whose databases may still be asked
}

// backendTLS is TLS with the backends of one pool.
type backendTLS struct {
	client   *stage.Client // nil: ProxyTLSEngine off
	required bool          // ProxyTLSEngine on
}

// newChoice makes the actors, which use must give their store.
func newChoice(p config.Process, processors *service.Processors, log zerolog.Logger) *choice {
	c := &choice{
		resolver: dns.New(dns.Config{Servers: p.DNSServers}),
		files:    backendfile.New(backendfile.Config{Log: log}),
		shells:   accounts.NewList("/etc/shells", log),
		banned:   accounts.NewList("/etc/ftpusers", log),
	}
	c.names, c.log = dns.NewNames(c.resolver), log
	c.tls.Store(&map[messages.PoolID]backendTLS{})
	c.policy = policy.New(policy.Config{Log: log})
	c.health = health.New(health.Config{
		Policy: c.policy.Mailbox(), Store: func() stores.Store { return c.store }, TLS: c.terms, Log: log,
	})
	c.discovery = discovery.New(discovery.Config{
		Resolver: c.resolver,
		Lists:    c.files,
		Policy:   c.policy.Mailbox(),
		Health:   c.health.Mailbox(),
		Log:      log,
	})
	c.porter = porter.New(porter.Config{Processors: processors.Urgent(), Log: log})
	return c
}

// use gives the actors their store.
func (c *choice) use(store stores.Store) {
	c.store = store
	c.policy.Use(store, c.health.Mailbox())
}

// terms are how checks speak TLS with the backends of a pool: as its sessions do.
func (c *choice) terms(id messages.PoolID, url backendurl.URL) health.Terms {
	t := (*c.tls.Load())[id]
	if t.client == nil {
		return health.Terms{}
	}
	return health.Terms{
		Config:   func(at netip.Addr) *tls.Config { return t.client.Check(url, at) },
		Required: t.required,
	}
}

// plant adds the actors to the tree.
func (c *choice) plant(tree *supervise.Tree) {
	tree.Add(supervise.Child{Actor: c.policy, Retire: c.policy.Mailbox().Retire})
	tree.Add(supervise.Child{Actor: c.health, Retire: c.health.Mailbox().Retire})
	tree.Add(supervise.Child{Actor: c.discovery, Retire: c.discovery.Mailbox().Retire})
	// A hash that is being computed is finished.
	tree.Add(supervise.Child{Actor: c.porter, Retire: c.porter.Mailbox().Retire, Grace: 5 * time.Second})
}

// install hands a layout's pools, sources and books to the actors. What was
// there before goes on for those who are with it.
func (c *choice) install(l *layout) error {
	var pools []messages.Pool
	var watched []messages.HealthPool
	var sources []discovery.Prepared
	books, secure := porter.Books{}, map[messages.PoolID]backendTLS{}
	for _, o := range l.offers {
		if o.pool.ID != "" { // forward clients need none
			secure[o.pool.ID] = o.tls
			pools, watched, sources = append(pools, o.pool), append(watched, o.health), append(sources, o.sources)
		}
		if o.book != nil {
			books[o.bookName] = o.book
		}
	}
	c.tls.Store(&secure)
	if err := c.policy.Mailbox().Tell(messages.ConfigurePools{Pools: pools}, installTimeout); err != nil {
		return fmt.Errorf("telling policy the pools: %w", err)
	}
	if err := c.health.Mailbox().Tell(messages.WatchPools{Pools: watched}, installTimeout); err != nil {
		return fmt.Errorf("telling health the pools: %w", err)
	}
	c.discovery.Adopt(sources)
	c.porter.Adopt(books)
	return nil
}

// retire keeps a former layout's databases for look-ups under way, until the
// next one retires: by then none has been for long.
func (c *choice) retire(l *layout) error {
	err := c.former.close()
	c.former = l
	return err
}

// close ends what was opened for the actors, which have ended.
func (c *choice) close(own stores.Store) error {
	if c == nil {
		return nil
	}
	err := c.former.close()
	c.former = nil
	if c.store != nil && c.store != own {
		err = errors.Join(err, c.store.Close())
	}
	c.store = nil
	return err
}

// balanceStore opens where positions, assignments and health are kept: in this
// gateway's own store, or in one that it has in common with others
// (ProxyDatastore Redis). What opens TLS sessions never leaves the machine.
func balanceStore(cfg *config.Config, own stores.Store, log zerolog.Logger) (stores.Store, error) {
	if cfg.Process.Datastore != config.DatastoreRedis {
		return own, nil
	}
	r := cfg.Servers[0].Settings("").Redis
	o := redis.Options{Address: r.Server, User: r.User, Password: stores.Secret(r.Password), DB: r.DB, Prefix: cfg.Process.DatastorePrefix, Log: log}
	if r.TLS {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	store, err := redis.Open(o)
	if err != nil {
		return nil, fmt.Errorf("opening the store in Redis: %w", err)
	}
	return store, nil
}
