// Package policy is the actor that chooses backends. It owns, for its pools,
// whose turn it is, which sessions hold which backend, and what is known
// about each backend. It decides in memory and writes behind: no pick ever
// waits for a disk.
//
// What survives what:
//   - The rotation and the counters go to the store in batches, at most one
//     per Config.FlushEvery. After a crash of the actor or a kill of the
//     process they resume from the last batch written.
//   - Leases live in the Actor value, not on Run's stack: a restart after a
//     panic finds them, and counts live connections anew from them. In a new
//     process there are no sessions, so all counts begin at zero.
//   - A message in hand when the actor crashed is dropped. To lose no lease
//     by that, a return is booked before, and a grant after, all that may
//     go wrong.
//
// How turns are counted (RoundRobin, Shuffle): a turn is spent by the pick,
// not by its success. A backend that fails has had its turn, and the retry
// takes the next turn in the rotation like any other pick; so a dead backend's
// load spreads over all others evenly instead of falling on its neighbour.
// Only a backend that this same session tried already is passed over, as long
// as there is another one.
package policy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/stores"
)

// Config is what the actor needs. Zero durations mean the defaults.
type Config struct {
	Name       string        // tells several policy actors apart in logs; may be empty
	Store      stores.Store  // required; the caller opens and closes it
	FlushEvery time.Duration // longest age of a change in memory; 0 means 250 ms
	SyncEvery  time.Duration // longest time without a disk sync after a write; 0 means 5 s
	LoadWithin time.Duration // wait for the store at a start, then serve without; 0 means 3 s
	StopWithin time.Duration // for the last writes at the end, and again for the store to let go; 0 means 2 s
	Log        zerolog.Logger
	Rand       *rand.Rand       // owned by the actor from then on; nil: seeded by chance
	Now        func() time.Time // nil: time.Now
	Mailbox    int              // capacity; 0 means 256
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
	configured []messages.Pool // the last ConfigurePools
	leases     leaseTable

	// Owned by the loop, made anew by each Run.
	book *book
	out  *outbox
}

// New returns an actor that waits for Run. Messages sent before are kept, up
// to the capacity of the mailbox.
func New(cfg Config) *Actor {
	cfg = cfg.withDefaults()
	a := &Actor{cfg: cfg, box: mailbox.New[messages.ToPolicy](cfg.Mailbox)}
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

// burst is how many messages are handled between two looks at the other
// events; a select over one channel costs a fraction of one over five.
const burst = 64

// Run serves until ctx ends, then writes what is unwritten. It returns nil
// for that proper end.
func (a *Actor) Run(ctx context.Context) error {
	// The store must still answer when ctx has ended, for the last writes.
	storeCtx, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon() // third
	a.out = newOutbox(storeCtx, a.cfg, a.log)
	defer a.out.close(abandon) // second: what was handed over is written, the writer ends
	a.book = newBook(a.cfg.Rand, a.out)
	a.book.restore(a.out.load(ctx, storeCtx))
	a.book.configure(a.configured, a.log)
	a.leases.each(func(l *lease) { l.to = a.book.adopt(l.to) })

	for {
		select {
		case m := <-a.box.C():
			a.handle(m)
			a.drain(burst - 1)
		case <-a.out.due():
			a.out.flush()
		case err := <-a.out.done:
			a.out.flushed(err, a.book)
		case exit := <-a.out.kids.Exits():
			if a.out.ended(exit) {
				return fmt.Errorf("the %v ended early: %w", exit.Actor, exit.Err)
			}
		case <-ctx.Done():
			a.drain(cap(a.box.C()))
			a.out.finish(a.book)
			return nil
		}
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
		a.giveBack(m.Lease, "released")
	case messages.WithdrawPick:
		a.withdraw(m)
	case messages.ConfigurePools:
		a.configured = m.Pools
		a.book.configure(m.Pools, a.log)
	case messages.DescribePools:
		a.describe(m)
	default:
		a.log.Error().Type("message", m).Msg("a message that policy does not know; it is dropped")
	}
}
