package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc/panics"

	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
)

// slowest is the longest pause before writing to a failing store again.
const slowest = 30 * time.Second

// outbox hands what changed on the shelf to the writer, one batch at a time. It
// belongs to the actor's loop; only the writer waits for the store.
type outbox struct {
	cfg   Config
	log   zerolog.Logger
	shelf *shelf
	kids  *supervise.Group
	found chan found           // capacity 1: what was in the store
	jobs  chan []stores.Change // capacity 1, sent to only while not busy
	done  chan error           // capacity 1, one answer per job
	timer *time.Timer

	sent     []place // the batch that the writer has
	busy     bool
	armed    bool
	failures int // in a row
}

func newOutbox(ctx context.Context, cfg Config, log zerolog.Logger, shelf *shelf, loaded bool) *outbox {
	o := &outbox{
		cfg: cfg, log: log, shelf: shelf,
		kids:  supervise.NewGroup(1),
		found: make(chan found, 1),
		jobs:  make(chan []stores.Change, 1),
		done:  make(chan error, 1),
		timer: time.NewTimer(slowest),
	}
	o.timer.Stop()
	w := &writer{store: cfg.Store(), jobs: o.jobs, done: o.done}
	if !loaded {
		w.found = o.found
	}
	o.kids.Go(ctx, w) // ends when jobs is closed
	return o
}

// close ends the writer after its present batch, and by abandoning the store
// if that takes too long.
func (o *outbox) close(abandon func()) {
	o.timer.Stop()
	close(o.jobs)
	late := time.AfterFunc(o.cfg.StopWithin, abandon)
	defer late.Stop()
	o.kids.Wait()
}

func (o *outbox) arm(after time.Duration) {
	if !o.armed && !o.busy {
		o.armed = true
		o.timer.Reset(after)
	}
}

// unwritten counts the changes that the store has not confirmed.
func (o *outbox) unwritten() int { return len(o.shelf.dirty) + len(o.sent) }

// flush hands one batch to the writer if that is free and there is one.
func (o *outbox) flush() {
	o.armed = false
	if o.busy {
		return
	}
	places, changes := o.shelf.batch()
	if len(changes) > 0 {
		o.sent, o.busy = places, true
		o.jobs <- changes // free: the last job was answered
	}
}

// flushed books the answer of the writer.
func (o *outbox) flushed(err error) {
	o.busy = false
	pause := o.cfg.FlushEvery
	switch {
	case errors.Is(err, stores.ErrRenewed):
		o.shelf.touchAll()
	case err != nil:
		o.requeue()
		o.failures++
		pause = min(o.cfg.FlushEvery<<min(o.failures, 10), slowest)
		level := zerolog.DebugLevel
		if o.failures == 1 {
			level = zerolog.WarnLevel // said once, not at every attempt
		}
		o.log.WithLevel(level).Err(err).Msg("the store does not take TLS sessions; they are kept in memory, and writing is tried again")
	case o.failures > 0:
		o.log.Info().Int("failed", o.failures).Msg("the store takes TLS sessions again")
		o.failures = 0
	}
	o.sent = nil
	if o.shelf.changed() {
		o.arm(pause)
	}
}

// requeue makes what may not be written wait again.
func (o *outbox) requeue() {
	for _, p := range o.sent {
		o.shelf.touch(p)
	}
	o.sent = nil
}

// finish writes all that waits, as far as the time given for it allows.
func (o *outbox) finish() {
	late := time.NewTimer(o.cfg.StopWithin)
	defer late.Stop()
	for o.flush(); o.busy; o.flush() {
		select {
		case err := <-o.done:
			o.flushed(err)
			if o.failures > 0 {
				return // was logged; there is no later time to try
			}
		case <-late.C:
			o.log.Warn().Stringer("waited", o.cfg.StopWithin).Msg("the store is too slow; the last TLS sessions are not kept over the restart")
			return
		}
	}
}

// writer is the child that waits for the store.
type writer struct {
	store stores.Store
	found chan<- found // nil: nothing is to be loaded
	jobs  <-chan []stores.Change
	done  chan<- error
}

func (w *writer) String() string { return "vault writer" }

// Run loads what there is, then applies batches until jobs is closed. It never
// syncs: what a power cut takes is had again by a full handshake.
func (w *writer) Run(ctx context.Context) error {
	if w.found != nil {
		var f found
		if err := attempt(func() (err error) { f, err = readAll(ctx, w.store); return err }); err != nil {
			f = found{err: err}
		}
		w.found <- f // capacity 1 and sent once: never blocks
	}
	for batch := range w.jobs {
		w.done <- attempt(func() error { return w.store.Apply(ctx, batch) }) // capacity 1 and one job at a time: never blocks
	}
	return nil
}

// attempt makes a store's panic an error, so that the writer lives on.
func attempt(f func() error) (err error) {
	if r := panics.Try(func() { err = f() }); r != nil {
		return fmt.Errorf("the store panicked: %w", r.AsError())
	}
	return err
}

// found is what a store gave.
type found struct {
	sessions   []entry
	useless    []place // records that are to leave the store
	bad        int
	unreadable error // why the first of the bad ones could not be read
	err        error // the store could not be read at all
}

func readAll(ctx context.Context, store stores.Loader) (found, error) {
	var f found
	records, err := store.Load(ctx, stores.KindTLSSession)
	if err != nil {
		return f, fmt.Errorf("load TLS sessions: %w", err)
	}
	for _, r := range records {
		p := place{r.Key.Pool, r.Key.Name}
		session, err := stores.ParseTLSSession(r.Value)
		if err != nil {
			f.useless = append(f.useless, p)
			f.bad++
			if f.unreadable == nil {
				f.unreadable = fmt.Errorf("%v: %w", r.Key, err)
			}
			continue
		}
		f.sessions = append(f.sessions, entry{p, session})
	}
	return f, nil
}
