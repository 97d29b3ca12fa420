// Package discovery is the actor that finds backends outside of the
// configuration: names in DNS, lists in files, and the lists of single users
// and groups. It tells policy and health when a pool became another one, and
// answers LookUpBackends and ResolveDestination.
//
// Its rules:
//   - A static list is never worse off for having been looked at again: a name
//     that does not resolve any more keeps its last addresses, a file that
//     cannot be used keeps its last list. Both are said once, and once when they
//     are well again.
//   - A client's own list comes from the files, in their order and up to the
//     first that is missing, joined with what the queries give. When all that
//     answer have nothing, the client has no list of its own, and the pool's
//     counts. When nothing is found and one of them could not be asked, or when
//     none of what is found has an address, that is an error and the client is
//     refused: it might have had a list, and another one is not for it.
//   - Hosts that clients name (ResolveDestination) are remembered apart from those
//     of pools, and only for as long as DNS says: one that does not resolve any
//     more has no addresses.
//   - Everything is bounded: look-ups under way and waiting, the time for each,
//     names remembered, names asked for at one time.
package discovery

import (
	"container/list"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
)

// Lists reads and watches the files of static lists.
type Lists interface {
	// Read gives the URLs in a file; empty: it has nothing in it.
	Read(path string) ([]backendurl.URL, error)
	// Watch calls changed for each path once, and again whenever reading it may
	// give something else, until ctx ends.
	Watch(ctx context.Context, paths []string, changed func(path string)) error
}

// Config is what the actor needs. Zero values mean the defaults.
type Config struct {
	Resolver stores.Resolver                    // required
	Lists    Lists                              // nil: files are not read again
	Policy   mailbox.Mailbox[messages.ToPolicy] // is told UpdatePool; the zero Mailbox: nobody is
	Health   mailbox.Mailbox[messages.ToHealth] // is told WatchPool; the zero Mailbox: nobody is

	Limit     time.Duration // for one look-up, from its arrival to its answer; 0 means 5 s
	Workers   int           // look-ups under way at one time; 0 means 64
	Waiting   int           // look-ups that wait for one of them to end; 0 means 1024
	Refreshes int           // names of static lists asked for at one time; 0 means 8
	Names     int           // names remembered; 0 means 4096

	Log     zerolog.Logger
	Rand    *rand.Rand       // owned by the actor from then on; nil: seeded by chance
	Now     func() time.Time // nil: time.Now
	Mailbox int              // capacity; 0 means 256
}

func (c Config) withDefaults() Config {
	orElse := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	orElse(&c.Workers, 64)
	orElse(&c.Waiting, 1024)
	orElse(&c.Refreshes, 8)
	orElse(&c.Names, 4096)
	orElse(&c.Mailbox, 256)
	if c.Limit <= 0 {
		c.Limit = 5 * time.Second
	}
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Actor is the discovery actor. Run may be called again after it ended, never
// twice at a time.
type Actor struct {
	// immutable
	cfg   Config
	log   zerolog.Logger
	box   mailbox.Mailbox[messages.ToDiscovery]
	plans chan []Prepared // capacity 1: the newest plan not yet taken up

	// shared, with a lock of its own
	names *directory
	hosts *directory // that clients named: those never drive out the names of pools

	// owned by the loop; kept over a crash
	pools    map[messages.PoolID]*poolState
	pending  *list.List // of *lookUp, not yet answered, the oldest in front
	unsorted bool       // what is due next has to be found out anew

	// owned by the loop, made anew by each Run
	kids      *supervise.Group
	clock     *time.Timer // the next refresh, word or watch is due
	expiry    *time.Timer // the oldest pending look-up is late
	files     *files
	queue     []*lookUp // pending ones that no worker has
	working   int
	refreshes int
	posting   *delivery // nil: none is on its way
}

// New returns an actor that waits for Run.
func New(cfg Config) *Actor {
	cfg = cfg.withDefaults()
	a := &Actor{
		cfg:     cfg,
		box:     mailbox.New[messages.ToDiscovery](cfg.Mailbox),
		plans:   make(chan []Prepared, 1),
		names:   newDirectory(cfg),
		hosts:   newDirectory(cfg),
		pools:   map[messages.PoolID]*poolState{},
		pending: list.New(),
	}
	a.log = cfg.Log.With().Str("actor", a.String()).Logger()
	return a
}

func (a *Actor) String() string { return "discovery" }

// Mailbox is where the actor is spoken to. Its supervisor retires it.
func (a *Actor) Mailbox() mailbox.Mailbox[messages.ToDiscovery] { return a.box }

// Adopt replaces the pools. It must come after policy was told of them
// (ConfigurePools), and by one goroutine at a time.
func (a *Actor) Adopt(pools []Prepared) {
	select {
	case <-a.plans: // superseded before it was ever used
	default:
	}
	a.plans <- pools
}

var errEnded = errors.New("discovery has ended")

// Run serves until ctx ends. It returns nil for that proper end.
func (a *Actor) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	a.kids = supervise.NewGroup(a.cfg.Workers)
	defer a.kids.Wait() // last: all of them end with ctx
	defer stop(errEnded)
	defer a.refuseAll(errEnded)
	a.begin(ctx)
	defer a.clock.Stop()
	defer a.expiry.Stop()
	for {
		a.settle(ctx)
		select {
		case m := <-a.box.C():
			a.handle(ctx, m)
		case pools := <-a.plans:
			a.adopt(ctx, pools)
		case path := <-a.files.changed:
			a.files.read(ctx, path)
		case exit := <-a.kids.Exits():
			a.ended(ctx, exit)
		case <-a.expiry.C:
			a.expire()
		case <-a.clock.C:
			a.unsorted = true
		case <-ctx.Done():
			return nil
		}
	}
}

// begin takes up what an earlier life left, whose children are gone.
func (a *Actor) begin(ctx context.Context) {
	a.refuseAll(errEnded)
	a.clock, a.expiry = time.NewTimer(0), time.NewTimer(a.cfg.Limit)
	a.unsorted = true
	a.queue, a.working, a.refreshes, a.posting = nil, 0, 0, nil
	for _, p := range a.pools {
		p.sent, p.changed = nil, true // whether it arrived is not known
		for _, it := range p.items() {
			it.asking = false
		}
	}
	a.files = newFiles(a.cfg.Lists, a.kids, a.log)
	a.files.watch(ctx, a.pools)
}

func (a *Actor) handle(ctx context.Context, m messages.ToDiscovery) {
	switch m := m.(type) {
	case messages.LookUpBackends:
		a.lookUp(ctx, m)
	case messages.ResolveDestination:
		a.resolve(ctx, m)
	default:
		a.log.Error().Type("message", m).Msg("a message that discovery does not know; it is dropped")
	}
}

// ended books the end of a child.
func (a *Actor) ended(ctx context.Context, exit supervise.Exit) {
	switch kid := exit.Actor.(type) {
	case *lookUp:
		a.lookedUp(ctx, kid, exit.Err)
	case *refresh:
		a.refreshed(kid, exit.Err)
	case *delivery:
		a.delivered(kid, exit.Err)
	case *reading:
		a.reread(ctx, kid, exit.Err)
	case *watching:
		a.files.unwatched(kid, exit.Err, a.cfg.Now())
		a.unsorted = true
	}
}

// settle does what any event may have led to.
func (a *Actor) settle(ctx context.Context) {
	if !a.unsorted {
		return
	}
	a.unsorted = false
	now := a.cfg.Now()
	next := a.refreshDue(ctx, now)
	next = earlier(next, a.deliver(ctx, now))
	next = earlier(next, a.files.resume(ctx, now, a.pools))
	if next.IsZero() {
		a.clock.Stop()
		return
	}
	a.clock.Reset(max(next.Sub(now), 0))
}

// earlier is the earlier of two times of which the zero one means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
