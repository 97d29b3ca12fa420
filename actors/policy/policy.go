// Package policy is the actor that chooses backends. It owns, for its pools,
// whose turn it is, which sessions hold which backend, where names belong, and
// what is known about each backend. It decides in memory and writes behind: no
// pick ever waits for a disk.
//
// What survives what:
//   - Turns, counters and assignments go to the store in batches, at most one
//     per Config.FlushEvery. After a crash of the actor or a kill of the
//     process they resume from the last batch written.
//   - Leases live in the Actor value, not on Run's stack: a restart after a
//     panic finds them, and counts live connections anew from them. In a new
//     process there are no sessions, so all counts begin at zero.
//   - So does what the health actor said, which it says once.
//   - A message in hand when the actor crashed is dropped. To lose no lease
//     by that, a return is booked before, and a grant after, all that may
//     go wrong.
//
// How a backend is found is told in package choice, which does it without
// goroutines or stores. The loop here keeps the leases, the counts, the turns
// and the assignments, and tells the health actor what sessions met.
//
// With a store that several gateways share (stores.Shared) turns come from
// the store, some in reserve; a pick waits only when the reserve is empty, and
// never longer than Config.ParkFor. Counts are told by Beats, assignments by
// what the store watches. When the store is away, the gateway goes on alone,
// and begins alone: what the store remembers is taken in when it is there.
package policy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/policy/choice"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
)

// Config is what the actor needs. Zero durations mean the defaults.
type Config struct {
	Name       string        // tells several policy actors apart in logs; may be empty
	Store      stores.Store  // required, here or by Use; the caller opens and closes it
	FlushEvery time.Duration // longest age of a change in memory; 0 means 250 ms
	SyncEvery  time.Duration // longest time without a disk sync after a write; 0 means 5 s
	LoadWithin time.Duration // wait for the store at a start, then serve without; 0 means 3 s. For a shared one, ParkFor if that is less
	StopWithin time.Duration // for the last writes at the end, and again for the store to let go; 0 means 2 s
	Log        zerolog.Logger
	Rand       *rand.Rand       // owned by the actor from then on; nil: seeded by chance
	Now        func() time.Time // nil: time.Now
	Mailbox    int              // capacity; 0 means 256
	// Health is told what sessions meet; the zero Mailbox means there is no
	// health actor.
	Health mailbox.Mailbox[messages.ToHealth]
	// Sticky is how many assignments are kept in memory and in the store; 0
	// means 4 Mi. The oldest use goes first.
	Sticky int
	// With a shared store only.
	ParkFor   time.Duration // longest wait of a pick for a turn; 0 means 50 ms
	BeatEvery time.Duration // between the renewals of this gateway's lease; 0 means 1 s
}

func (c Config) withDefaults() Config {
	orElse := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	orElse(&c.FlushEvery, 250*time.Millisecond)
	orElse(&c.SyncEvery, 5*time.Second)
	orElse(&c.LoadWithin, 3*time.Second)
	orElse(&c.StopWithin, 2*time.Second)
	orElse(&c.ParkFor, 50*time.Millisecond)
	orElse(&c.BeatEvery, time.Second)
	if c.Sticky == 0 {
		c.Sticky = 4 << 20
	}
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Mailbox == 0 {
		c.Mailbox = 256
	}
	return c
}

// Actor is the policy actor. Run may be called again after it ended, never
// twice at a time.
type Actor struct {
	// Immutable.
	cfg Config
	log zerolog.Logger
	box mailbox.Mailbox[messages.ToPolicy]

	// Owned by the loop, kept over a crash.
	configured []messages.Pool // the last ConfigurePools with the UpdatePools since
	leases     leaseTable
	gates      gates
	parked     parked

	// Owned by the loop, made anew by each Run.
	book    *book
	sticky  *choice.Table
	out     *outbox
	share   *share
	teller  teller
	loading loading
	kids    *supervise.Group
	ask     choice.Ask        // of one pick
	scratch []*choice.Backend // of one pick
}

// New returns an actor that waits for Run. Messages sent before are kept, up
// to the capacity of the mailbox.
func New(cfg Config) *Actor {
	cfg = cfg.withDefaults()
	a := &Actor{cfg: cfg, box: mailbox.New[messages.ToPolicy](cfg.Mailbox), gates: newGates()}
	a.log = cfg.Log.With().Str("actor", a.String()).Logger()
	return a
}

func (a *Actor) String() string {
	if a.cfg.Name == "" {
		return "policy"
	}
	return "policy/" + a.cfg.Name
}

// Mailbox is where the actor is spoken to. Its supervisor retires it.
func (a *Actor) Mailbox() mailbox.Mailbox[messages.ToPolicy] { return a.box }

// Use gives the actor what was made after it: the store, and the health actor
// that is told what sessions meet. It comes before Run, if at all.
func (a *Actor) Use(store stores.Store, health mailbox.Mailbox[messages.ToHealth]) {
	a.cfg.Store, a.cfg.Health = store, health
}

// burst is how many messages are handled between two looks at the other
// events; a select over one channel costs a fraction of one over five.
const burst = 64

// Run serves until ctx ends, then writes what is unwritten. It returns nil
// for that proper end.
func (a *Actor) Run(ctx context.Context) error {
	// The store must still answer when ctx has ended, for the last writes.
	storeCtx, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon() // fourth
	kidsCtx, stop := context.WithCancel(ctx)
	a.kids = supervise.NewGroup(8)
	a.sticky = choice.NewTable(a.cfg.Sticky)
	a.share = newShare(kidsCtx, a.cfg, a.log, a.kids)
	a.out = newOutbox(storeCtx, a.cfg, a.log, a.sticky, a.share.on())
	defer a.kids.Wait()        // third: no child outlives the loop
	defer a.out.close(abandon) // second: what was handed over is written, the writer ends
	defer stop()               // first: tells the children, who may hold the store up
	a.wake(kidsCtx)

	for {
		a.share.want(a.book, &a.parked)
		a.out.hold(a.share.on() && (a.share.down || a.loading.running || !a.loading.over)) // what is there is read first
		select {
		case m := <-a.box.C():
			a.handle(m)
			a.drain(burst - 1)
		case <-a.out.due():
			a.out.flush()
		case err := <-a.out.done:
			a.written(err)
		case exit := <-a.out.kids.Exits():
			return early(exit)
		case exit := <-a.kids.Exits():
			if !proper(ctx, exit) {
				return early(exit)
			}
		case p := <-a.loading.pieces:
			a.loaded(kidsCtx, p)
		case <-a.teller.timer.C:
			a.tellAgain()
		case <-a.parked.timer.C:
			a.unpark(false)
		case g := <-a.share.turns:
			a.share.granted(g, a.book)
			a.unpark(g.err != nil)
		case <-a.share.timer.C:
			a.share.beat(a.book)
		case h := <-a.share.heard:
			a.heard(kidsCtx, h)
		case n := <-a.share.news:
			a.heardNews(kidsCtx, n)
		case <-ctx.Done():
			a.drain(cap(a.box.C()))
			a.unpark(true)
			a.out.finish(a.book)
			return nil
		}
	}
}

// proper reports whether a child was meant to end: with the actor, or the
// loader when it is done.
func proper(ctx context.Context, exit supervise.Exit) bool {
	_, loads := exit.Actor.(*loader)
	return ctx.Err() != nil || loads && exit.Err == nil
}

func early(exit supervise.Exit) error {
	return fmt.Errorf("the %v ended early: %w", exit.Actor, exit.Err)
}

// wake brings the actor to where it was: from the store, and after a crash
// from what it kept.
func (a *Actor) wake(ctx context.Context) {
	a.teller = newTeller(a.cfg.Health)
	a.parked.timer = time.NewTimer(time.Hour)
	a.parked.timer.Stop()
	a.loading = loading{pieces: make(chan piece, 1)}
	a.book = newBook(a.out, &a.gates, a.share.on())
	a.begin(ctx)
	a.book.configure(a.configured, a.log)
	a.leases.each(a.book.adopt)
	a.share.wanting = true
	a.parked.arm()
}

// written books what the writer answered.
func (a *Actor) written(err error) {
	a.out.flushed(err, a.book)
	if a.share.on() && err != nil && !errors.Is(err, stores.ErrRenewed) {
		a.share.failed(err, a.out.began, a.book)
	}
}

// heard books the answer to a Beat. After an outage the store is read again
// before anything is written to it.
func (a *Actor) heard(ctx context.Context, h heard) {
	if a.share.answered(h, a.book) {
		a.load(ctx)
		a.share.wanting = true
	}
	if a.share.down {
		a.unpark(true)
	}
}

// tellAgain tells the health actor what it had no room for.
func (a *Actor) tellAgain() {
	for _, c := range a.teller.again() {
		a.book.settle(c)
	}
}

// drain handles up to n messages that are there already.
func (a *Actor) drain(n int) {
	for range n {
		select {
		case m := <-a.box.C():
			a.handle(m)
		default:
			return
		}
	}
}

func (a *Actor) handle(m messages.ToPolicy) {
	switch m := m.(type) {
	case messages.PickBackend:
		a.pick(&m)
	case messages.ReportConnected:
		a.connected(m)
	case messages.ReportFailed:
		a.failed(m)
	case messages.ReleaseLease:
		a.release(m)
	case messages.WithdrawPick:
		a.withdraw(m)
	case messages.ConfigurePools:
		a.configure(m)
	case messages.UpdatePool:
		a.update(m)
	case messages.HealthChanged:
		a.health(m)
	case messages.ReportLost:
		a.lost(m)
	case messages.DescribePools:
		a.describe(m)
	default:
		a.log.Error().Type("message", m).Msg("a message that policy does not know; it is dropped")
	}
}
