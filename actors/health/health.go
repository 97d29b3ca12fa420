// Package health is the actor that knows how the backends are. It counts what
// clients meet there, asks the backends itself, keeps the administrator's word,
// and tells policy what follows.
//
// Its rules:
//   - How one backend stands is decided by package standing, which does nothing
//     else; here is what happens around it.
//   - Policy never waits for this actor, and this actor waits for policy only for
//     a moment: what could not be told is told later, as it is then. All that is
//     not as it usually is, is told again now and then.
//   - Every change is one line in the log, with the reason.
//   - Checks are children, a bounded number at one time, each within a time. They
//     begin up to a tenth of the interval early and never late, so that they do
//     not meet and yet a dead backend is out within Fall intervals.
//   - It writes behind. What it finds in the store at its start counts, so that
//     a restarted gateway does not try a dead backend before its time; with a
//     store that several gateways share, the latest finding counts for all, and
//     the latest word of an administrator, which has a record of its own.
//   - A backend that is on no list, such as one that a look-up gave, is watched
//     from its first failure on, and forgotten when it has been well for long.
package health

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/health/standing"
	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/sockets"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
)

// Config is what the actor needs. Zero values mean the defaults.
type Config struct {
	// Policy is told how backends stand. Required.
	Policy mailbox.Mailbox[messages.ToPolicy]
	// Store gives the store, which the caller opens and closes. Required. It is
	// asked at each start of Run.
	Store func() stores.Store
	// TLS says how a check speaks TLS with a backend. Nil, or without a Config: any
	// certificate will do, whatever name it bears, and the login at a backend of
	// ftp:// goes in clear.
	TLS func(messages.PoolID, backendurl.URL) Terms
	// Dial connects a check; nil: TCP.
	Dial func(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error)

	Checks int // at one time; 0 means 128
	Guests int // backends on no list that are watched; 0 means 1024
	// Forget is how long a backend is well until nothing of it is kept; one on no
	// list that nobody uses goes after 24 times that. 0 means 1 h.
	Forget     time.Duration
	Refresh    time.Duration // between two times that policy is told what is unusual; 0 means 10 s
	TellWithin time.Duration // wait for policy; 0 means 250 ms
	LoadWithin time.Duration // wait for the store at the start; 0 means 3 s
	FlushEvery time.Duration // longest age of a change in memory; 0 means 100 ms
	StopWithin time.Duration // for the last writes at the end, and again for the store to let go; 0 means 2 s
	Mailbox    int           // capacity; 0 means 256

	Now  func() time.Time // nil: time.Now
	Rand *rand.Rand       // owned by the actor from then on; nil: seeded by chance
	Log  zerolog.Logger
}

// Terms are how TLS is spoken with a backend.
type Terms struct {
	Config   func(at netip.Addr) *tls.Config // for the backend at that address
	Required bool                            // never in clear (ProxyTLSEngine on)
}

func (c Config) withDefaults() Config {
	c.Checks = cmp.Or(c.Checks, 128)
	c.Guests = cmp.Or(c.Guests, 1024)
	c.Forget = cmp.Or(c.Forget, time.Hour)
	c.Refresh = cmp.Or(c.Refresh, 10*time.Second)
	c.TellWithin = cmp.Or(c.TellWithin, 250*time.Millisecond)
	c.LoadWithin = cmp.Or(c.LoadWithin, 3*time.Second)
	c.FlushEvery = cmp.Or(c.FlushEvery, 100*time.Millisecond)
	c.StopWithin = cmp.Or(c.StopWithin, 2*time.Second)
	c.Mailbox = cmp.Or(c.Mailbox, 256)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if c.Dial == nil {
		c.Dial = dialTCP
	}
	return c
}

func dialTCP(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error) {
	conn, err := sockets.Dial(ctx, source, to, nil)
	if err != nil {
		return nil, err // not a nil connection in an interface
	}
	return conn, nil
}

// Actor is the health actor. Run may be called again after it ended, never
// twice at a time; what is known outlives a crash.
type Actor struct {
	// immutable
	cfg Config
	log zerolog.Logger
	box mailbox.Mailbox[messages.ToHealth]

	// owned by the loop, kept over a crash
	pools    []*pool // as configured
	byID     map[messages.PoolID]*pool
	backends map[place]*backend
	guests   int                  // of backends, those on no list
	memory   map[place]remembered // of backends of no pool there is
	loaded   bool

	// owned by the loop, made anew by each Run
	out     *outbox.Records
	kids    *supervise.Group // the checks
	running int              // of them
	late    bool             // checks cannot keep up, which was said
	untold  []*backend       // in the order in which policy is to hear of them
	patient time.Time        // policy is not told before: it did not listen
	refresh time.Time        // policy is told again
	alarm   *time.Timer
	alarmAt time.Time // zero: not armed
}

// New returns an actor that waits for Run. Messages sent before are kept, up
// to the capacity of the mailbox.
func New(cfg Config) *Actor {
	cfg = cfg.withDefaults()
	a := &Actor{
		cfg: cfg, box: mailbox.New[messages.ToHealth](cfg.Mailbox),
		backends: map[place]*backend{}, memory: map[place]remembered{},
	}
	a.log = cfg.Log.With().Str("actor", a.String()).Logger()
	return a
}

func (a *Actor) String() string { return "health" }

// Mailbox is where the actor is spoken to. Its supervisor retires it.
func (a *Actor) Mailbox() mailbox.Mailbox[messages.ToHealth] { return a.box }

// Run serves until ctx ends, then writes what is unwritten. It returns nil for
// that proper end.
func (a *Actor) Run(ctx context.Context) error {
	// The store must still answer when ctx has ended, for the last writes.
	storeCtx, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon() // third
	a.begin(storeCtx)
	defer a.out.Close(abandon) // second
	checkCtx, stopChecks := context.WithCancel(ctx)
	defer func() { stopChecks(); a.kids.Wait() }() // first
	defer a.alarm.Stop()
	a.await(ctx)
	for {
		a.tell(ctx)
		select {
		case m := <-a.box.C():
			a.handle(m)
		case <-a.alarm.C:
			a.alarmAt = time.Time{}
			a.alarmed(checkCtx)
		case exit := <-a.kids.Exits():
			a.checkEnded(exit)
		case found := <-a.out.Found():
			a.recall(found)
		case news := <-a.out.News():
			a.hear(news)
		case <-a.out.Due():
			a.out.Flush()
		case err := <-a.out.Done():
			if a.out.Flushed(err) {
				a.rewrite()
			}
		case exit := <-a.out.Exits():
			return fmt.Errorf("the %v ended early: %w", exit.Actor, errors.Join(exit.Err, errEarly))
		case <-ctx.Done():
			a.box.Drain(a.handle)
			a.out.Finish()
			return nil
		}
	}
}

var errEarly = errors.New("it should outlive the health actor")

// begin makes what each Run has anew.
func (a *Actor) begin(storeCtx context.Context) {
	if a.out == nil {
		a.out = newOutbox(a)
	}
	a.out.Open(storeCtx, !a.loaded)
	a.kids, a.running = supervise.NewGroup(a.cfg.Checks), 0
	a.untold, a.patient, a.refresh = nil, time.Time{}, a.cfg.Now().Add(a.cfg.Refresh)
	a.alarm, a.alarmAt = time.NewTimer(time.Hour), time.Time{}
	for _, b := range a.backends { // after a crash
		b.checking, b.queued = false, false
		a.queue(b)
	}
	a.rearm()
}

// await waits for what an earlier process left, but not for long.
func (a *Actor) await(ctx context.Context) {
	if a.loaded {
		return
	}
	late := time.NewTimer(a.cfg.LoadWithin)
	defer late.Stop()
	select {
	case found := <-a.out.Found():
		a.recall(found)
	case <-late.C:
		a.log.Warn().Stringer("waited", a.cfg.LoadWithin).Msg("the store is slow; what was known of the backends' health comes later")
	case <-ctx.Done():
	}
}

func (a *Actor) handle(m messages.ToHealth) {
	switch m := m.(type) {
	case messages.BackendObserved:
		a.observe(m)
	case messages.BackendLeft:
		if b := a.backends[place{m.Pool, m.Key}]; b != nil {
			a.step(b, standing.Suspected{})
		}
	case messages.WatchPools:
		a.watchPools(m.Pools)
	case messages.WatchPool:
		a.watchPool(m)
	case messages.SetBackendMode:
		a.setMode(m)
	case messages.DescribeHealth:
		a.describe(m)
	default:
		a.log.Error().Type("message", m).Msg("a message that health does not know; it is dropped")
	}
}

// wakeAt has alarmed called at a time, or before.
func (a *Actor) wakeAt(t time.Time) {
	if t.IsZero() || !a.alarmAt.IsZero() && !t.Before(a.alarmAt) {
		return
	}
	a.alarmAt = t
	a.alarm.Reset(max(t.Sub(a.cfg.Now()), breath))
}

// breath is the shortest time between two looks at all backends.
const breath = 2 * time.Millisecond
