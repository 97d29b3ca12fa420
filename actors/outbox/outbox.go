// Package outbox is the part of an actor that writes behind: what changed waits
// in memory, and a child brings it to the store, batch by batch. The actor never
// waits for the store; one that is slow, broken or away costs it nothing but what
// a crash would lose.
//
// Its rules:
//   - It belongs to the loop of one actor, which selects on its channels and calls
//     the method that each names. Only its children wait for the store.
//   - A change that changes again before it was taken is written once. Batches
//     keep within what every store takes, and one is under way at a time.
//   - What the store refused waits again, unless it changed meanwhile. Each
//     attempt comes later than the last; the first is said, and so is the end of
//     the trouble.
//   - What was asked to be loaded comes before what waits is written, so that what
//     is older here does not go over what is newer there.
//   - An orderly end writes all there is, within a time.
package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
)

// slowest is the longest pause before writing to a failing store again.
const slowest = 30 * time.Second

// Config is what an outbox needs. All of it is required but Listen.
type Config struct {
	Owner string              // the actor's name, for those of the children
	Store func() stores.Store // asked at each Open
	Kind  stores.Kind         // of the records that a load gives
	// Listen has what other gateways do heard, if the store is one that several
	// share.
	Listen bool

	FlushEvery time.Duration // longest age of a change in memory
	StopWithin time.Duration // for the last writes at the end, and again for the store to let go

	Says Says
	Log  zerolog.Logger
}

// Says are the lines of the log.
type Says struct {
	Refused string // the store does not take what it is given
	Taken   string // it does again
	Late    string // it was too slow at the end
}

// Source is what waits to be written. It belongs to the actor's loop.
type Source interface {
	// Waiting counts the changes that wait.
	Waiting() int
	// Take moves as many of them as fit into one batch to the writer's hands.
	// Durable ones are synced before the next batch is taken.
	Take() (batch []stores.Change, durable bool)
	// Settle says what became of the batch taken last: it was written, or is to
	// wait again. Nothing may have been taken.
	Settle(written bool)
}

// Found is what a store gave.
type Found struct {
	Records []stores.Record
	Err     error
}

// Outbox writes behind for one actor.
type Outbox struct {
	// immutable
	cfg    Config
	source Source

	// made anew by Open
	kids     *supervise.Group
	stopNews context.CancelFunc
	found    chan Found       // capacity 1
	news     chan stores.News // from other gateways
	jobs     chan job         // capacity 1, sent to only while not busy
	done     chan error       // capacity 1, one answer per job
	timer    *time.Timer
	busy     bool
	armed    bool
	again    bool // load again, before anything is written
	failures int  // in a row
}

// job is what the writer does: load, or apply a batch.
type job struct {
	load    bool
	batch   []stores.Change
	durable bool
}

// New returns an outbox that waits for Open.
func New(cfg Config, source Source) *Outbox { return &Outbox{cfg: cfg, source: source} }

// Open starts the children, and has the store read first if that is wanted. It
// may be called again after Close, also when a crash came between.
func (o *Outbox) Open(ctx context.Context, load bool) {
	o.source.Settle(false) // of an earlier life: whether the store took its last batch is not known
	o.kids = supervise.NewGroup(2)
	o.found, o.news = make(chan Found, 1), make(chan stores.News)
	o.jobs, o.done = make(chan job, 1), make(chan error, 1)
	o.timer = time.NewTimer(slowest)
	o.timer.Stop()
	o.busy, o.armed, o.failures = false, false, 0
	store := o.cfg.Store()
	o.kids.Go(ctx, &writer{owner: o.cfg.Owner, store: store, kind: o.cfg.Kind, found: o.found, jobs: o.jobs, done: o.done}) // ends when jobs is closed
	newsCtx, stop := context.WithCancel(ctx)
	o.stopNews = stop
	if shared, ok := store.(stores.Shared); ok && o.cfg.Listen {
		o.kids.Go(newsCtx, &listener{owner: o.cfg.Owner, store: shared, news: o.news, log: o.cfg.Log}) // ends with newsCtx
	}
	o.again = load
	o.Flush()
	o.Changed()
}

// Close ends the children, the writer after its present batch, and by abandoning
// the store if that takes too long.
func (o *Outbox) Close(abandon func()) {
	o.timer.Stop()
	o.stopNews()
	close(o.jobs)
	late := time.AfterFunc(o.cfg.StopWithin, abandon)
	defer late.Stop()
	o.kids.Wait()
}

// Found gives what the store held, once for each load.
func (o *Outbox) Found() <-chan Found { return o.found }

// News gives what other gateways did.
func (o *Outbox) News() <-chan stores.News { return o.news }

// Due fires when it is time to Flush.
func (o *Outbox) Due() <-chan time.Time { return o.timer.C }

// Done gives the writer's answers, each for Flushed.
func (o *Outbox) Done() <-chan error { return o.done }

// Exits tells of children that ended, which they should not before Close.
func (o *Outbox) Exits() <-chan supervise.Exit { return o.kids.Exits() }

// Changed has what waits written in time.
func (o *Outbox) Changed() {
	if o.source.Waiting() > 0 {
		o.arm(o.cfg.FlushEvery)
	}
}

func (o *Outbox) arm(after time.Duration) {
	if !o.armed && !o.busy {
		o.armed = true
		o.timer.Reset(after)
	}
}

// Reload has the store read again before anything more is written.
func (o *Outbox) Reload() {
	o.again = true
	o.Flush()
}

// Flush hands one job to the writer if that is free and there is one.
func (o *Outbox) Flush() {
	o.armed = false
	switch {
	case o.busy:
	case o.again:
		o.again, o.busy = false, true
		o.jobs <- job{load: true} // free: the last job was answered
	case o.source.Waiting() > 0:
		if batch, durable := o.source.Take(); len(batch) > 0 {
			o.busy = true
			o.jobs <- job{batch: batch, durable: durable}
		}
	}
}

// Flushed books the answer of the writer. It reports that the store was lost,
// and all is to be written again.
func (o *Outbox) Flushed(err error) (renewed bool) {
	o.busy = false
	o.source.Settle(err == nil)
	pause := o.cfg.FlushEvery
	switch {
	case errors.Is(err, stores.ErrRenewed):
		renewed = true
	case err != nil:
		o.failures++
		pause = min(o.cfg.FlushEvery<<min(o.failures, 10), slowest)
		level := zerolog.DebugLevel
		if o.failures == 1 {
			level = zerolog.WarnLevel // said once, not at every attempt
		}
		o.cfg.Log.WithLevel(level).Err(err).Msg(o.cfg.Says.Refused)
	case o.failures > 0:
		o.cfg.Log.Info().Int("failed", o.failures).Msg(o.cfg.Says.Taken)
		o.failures = 0
	}
	if o.again && o.failures == 0 {
		o.Flush()
	} else if o.again || renewed || o.source.Waiting() > 0 {
		o.arm(pause)
	}
	return renewed
}

// Finish writes all that waits, as far as the time given for it allows.
func (o *Outbox) Finish() {
	late := time.NewTimer(o.cfg.StopWithin)
	defer late.Stop()
	o.again = false
	for o.Flush(); o.busy; o.Flush() {
		select {
		case err := <-o.done:
			o.Flushed(err)
			if o.failures > 0 {
				return // was logged; there is no later time to try
			}
		case <-late.C:
			o.cfg.Log.Warn().Stringer("waited", o.cfg.StopWithin).Msg(o.cfg.Says.Late)
			return
		}
	}
}
