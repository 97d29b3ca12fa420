// Package warden is the actor that keeps those out who misbehave. Others tell it
// what clients do (a login refused too often, a broken handshake); it counts that
// as the rules say (BanOnEvent), and bans a host, a user or a class for a while.
// It knows no protocol.
//
// Its rules:
//   - Nobody waits for it to learn whether a client is banned: the answer comes
//     from what it published last (Banned). A message is sent only about events
//     that some rule counts, and given up if there is no room for it.
//   - What it counts is bounded in number; the visitor not heard of for longest
//     makes room. So are bans, of which those make room that end soonest.
//   - It writes behind. Bans that it finds in the store hold on; with a store that
//     several gateways share, they hold for all of them, and so does a pardon.
//     Each gateway counts for itself.
//   - Every ban and every end of one is one line in the log, with the reason.
package warden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/stores"
)

// Config is what the actor needs. Zero values mean the defaults.
type Config struct {
	// Store gives the store, which the caller opens and closes. Required. It is
	// asked at each start of Run.
	Store func() stores.Store
	Log   zerolog.Logger // what goes wrong
	Bans  zerolog.Logger // bans and their ends (BanLog)

	Most    int // bans in force at one time; 0 means 65,536
	Watched int // hosts, users and classes that are counted, by rule; 0 means 65,536

	TakeWithin time.Duration // wait for room of who tells of an event; 0 means 20 ms
	LoadWithin time.Duration // wait for the store at the start; 0 means 3 s
	FlushEvery time.Duration // longest age of a change in memory; 0 means 100 ms
	StopWithin time.Duration // for the last writes at the end, and again for the store to let go; 0 means 2 s
	SweepEvery time.Duration // between two looks for what is over; 0 means 1 s
	Mailbox    int           // capacity; 0 means 1024

	Now func() time.Time // nil: time.Now
}

func (c Config) withDefaults() Config {
	c.Most = cmp.Or(c.Most, 1<<16)
	c.Watched = cmp.Or(c.Watched, 1<<16)
	c.TakeWithin = cmp.Or(c.TakeWithin, 20*time.Millisecond)
	c.LoadWithin = cmp.Or(c.LoadWithin, 3*time.Second)
	c.FlushEvery = cmp.Or(c.FlushEvery, 100*time.Millisecond)
	c.StopWithin = cmp.Or(c.StopWithin, 2*time.Second)
	c.SweepEvery = cmp.Or(c.SweepEvery, time.Second)
	c.Mailbox = cmp.Or(c.Mailbox, 1024)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Actor is the warden. Run may be called again after it ended, never twice at a
// time; what is known outlives a crash.
type Actor struct {
	// immutable
	cfg Config
	log zerolog.Logger
	box mailbox.Mailbox[messages.ToWarden]

	// written by the loop, read by all
	view atomic.Pointer[view]

	// counted by all
	passed   atomic.Uint64
	answered atomic.Uint64

	// owned by the loop, kept over a crash
	bans    map[subject][]messages.Ban // one for each server; the slices never change
	total   int                        // of bans
	busy    bool                       // changes are being made that will be published as one
	faded   map[id]time.Time           // bans that are over: when their records go
	tallies *tallies
	names   map[string]string // of servers, for the log
	counted uint64
	loaded  bool
	lost    uint64 // of passed, what was logged

	// owned by the loop, made anew by each Run
	out   *outbox.Records
	sweep *time.Timer
	armed bool
}

// New returns an actor that waits for Run. Messages sent before are kept, up to
// the capacity of the mailbox; nobody is banned before.
func New(cfg Config) *Actor {
	cfg = cfg.withDefaults()
	a := &Actor{
		cfg: cfg, box: mailbox.New[messages.ToWarden](cfg.Mailbox),
		bans: map[subject][]messages.Ban{}, faded: map[id]time.Time{}, tallies: newTallies(cfg.Watched), names: map[string]string{},
	}
	a.log = cfg.Log.With().Str("actor", a.String()).Logger()
	a.view.Store(&view{})
	return a
}

func (a *Actor) String() string { return "warden" }

// Mailbox is where the actor is spoken to. Its supervisor retires it.
func (a *Actor) Mailbox() mailbox.Mailbox[messages.ToWarden] { return a.box }

// Banned answers from what was published last. It may be called by anybody, and
// never waits.
func (a *Actor) Banned(q messages.AskBan) messages.BanAnswered {
	b, r, found := a.view.Load().banned(q.Visitor, a.cfg.Now())
	if !found {
		return messages.BanAnswered{}
	}
	a.answered.Add(1)
	text := b.Text
	if text == "" {
		text = r.Text
	}
	why := fmt.Sprintf("%v %s is banned: %s", b.Kind, printable(b.Name), b.Why)
	if !b.Until.IsZero() {
		why += fmt.Sprintf(", until %s", b.Until.Format(time.RFC3339))
	}
	return messages.BanAnswered{Banned: true, Text: told(text, q.Visitor), Why: why}
}

// Happened tells the warden of an event, if a rule counts it. It may be called by
// anybody, and waits for a moment at most: in a flood some events are passed over.
func (a *Actor) Happened(e messages.EventHappened) {
	r := a.view.Load().rules[place{e.By.Server, e.By.Class}]
	if r == nil || e.What >= messages.Misdeeds || len(r.on[e.What]) == 0 {
		return
	}
	if a.box.Tell(e, a.cfg.TakeWithin) != nil {
		a.passed.Add(1) // the next sweep says so
	}
}

// Run serves until ctx ends, then writes what is unwritten. It returns nil for
// that proper end.
func (a *Actor) Run(ctx context.Context) error {
	// The store must still answer when ctx has ended, for the last writes.
	storeCtx, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon() // second
	a.begin(storeCtx)
	defer a.out.Close(abandon) // first
	defer a.sweep.Stop()
	a.await(ctx)
	for {
		select {
		case m := <-a.box.C():
			a.handle(m)
		case <-a.sweep.C:
			a.swept()
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

var errEarly = errors.New("it should outlive the warden")

func (a *Actor) begin(storeCtx context.Context) {
	if a.out == nil {
		a.out = newOutbox(a)
	}
	a.out.Open(storeCtx, !a.loaded)
	a.busy = false
	a.atOnce(func() {}) // a crash may have come between a change and its publication
	a.sweep, a.armed = time.NewTimer(time.Hour), false
	a.sweep.Stop()
	a.wake()
}

// await waits for the bans that an earlier process left, but not for long.
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
		a.log.Warn().Stringer("waited", a.cfg.LoadWithin).Msg("the store is slow; earlier bans hold from when it answers")
	case <-ctx.Done():
	}
}

// wake has swept called as long as there is something to look at.
func (a *Actor) wake() {
	if !a.armed && a.total+len(a.faded)+len(a.tallies.byKey) > 0 {
		a.armed = true
		a.sweep.Reset(a.cfg.SweepEvery)
	}
}

func (a *Actor) swept() {
	a.armed = false
	now := a.cfg.Now()
	a.expire(now)
	a.tallies.sweep(now)
	if passed := a.passed.Load(); passed > a.lost {
		a.log.Warn().Uint64("events", passed-a.lost).Msg("events came faster than they could be counted; some were passed over")
		a.lost = passed
	}
	a.wake()
}
