package policy

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/policy/choice"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
)

// slowest is the longest pause before writing to a failing store again.
const slowest = 30 * time.Second

// outbox collects what is to be written and hands it to the writer, one batch
// at a time. It belongs to the actor's loop; only the writer blocks.
type outbox struct {
	cfg    Config
	log    zerolog.Logger
	kids   *supervise.Group
	jobs   chan []stores.Change // capacity 1, sent to only while not busy
	done   chan error           // capacity 1, one answer per job
	timer  *time.Timer
	sticky *choice.Table
	shared bool

	waiting  unwritten
	sent     unwritten // the batch that the writer has
	busy     bool
	began    time.Time // when the writer got its batch
	armed    bool
	held     bool // nothing is written now: a shared store is away, or to be read first
	failures int  // in a row
	sweep    int  // next part of the assignments to write anew; at the end: none
}

// unwritten is a set of changes. Deletes come before puts, so that what was
// forgotten and came back is there in the end.
type unwritten struct {
	forgotten []stores.Key
	counters  []*counted
	pools     []*pool
	sticky    []stickyChange
}

// stickyChange is an assignment to write. The first one of a name yields to
// another gateway's.
type stickyChange struct {
	key   choice.Key
	first bool
}

func (u *unwritten) empty() bool {
	return len(u.forgotten)+len(u.counters)+len(u.pools)+len(u.sticky) == 0
}

func newOutbox(ctx context.Context, cfg Config, log zerolog.Logger, sticky *choice.Table, shared bool) *outbox {
	o := &outbox{
		cfg: cfg, log: log, sticky: sticky, shared: shared, sweep: sticky.Shards(),
		kids:  supervise.NewGroup(1),
		jobs:  make(chan []stores.Change, 1),
		done:  make(chan error, 1),
		timer: time.NewTimer(slowest),
	}
	o.timer.Stop()
	w := &writer{store: cfg.Store, every: cfg.SyncEvery, log: log, jobs: o.jobs, done: o.done}
	if shared {
		w.log = log.Level(zerolog.ErrorLevel) // an outage is said once for all calls
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

// due fires when it is time to flush.
func (o *outbox) due() <-chan time.Time { return o.timer.C }

func (o *outbox) arm(after time.Duration) {
	if !o.armed && !o.busy {
		o.armed = true
		o.timer.Reset(after)
	}
}

// touch notes that a backend's record changed.
func (o *outbox) touch(c *counted) {
	if !c.dirty && c.listed {
		c.dirty = true
		o.waiting.counters = append(o.waiting.counters, c)
		o.arm(o.cfg.FlushEvery)
	}
}

// touchPool notes that a pool's rotation moved.
func (o *outbox) touchPool(p *pool) {
	if !p.dirty {
		p.dirty = true
		o.waiting.pools = append(o.waiting.pools, p)
		o.arm(o.cfg.FlushEvery)
	}
}

// touchAssignment notes that an assignment is new, moved, or used today.
func (o *outbox) touchAssignment(k choice.Key, first bool) {
	o.waiting.sticky = append(o.waiting.sticky, stickyChange{k, first})
	o.arm(o.cfg.FlushEvery)
}

// touchSticky makes all assignments be written anew, part by part.
func (o *outbox) touchSticky() {
	o.sweep = 0
	o.arm(o.cfg.FlushEvery)
}

// hold stops writing, or lets it go on at once.
func (o *outbox) hold(held bool) {
	if o.held && !held && !o.empty() {
		o.armed = false
		o.arm(0)
	}
	o.held = held
}

func (o *outbox) empty() bool { return o.waiting.empty() && o.sweep == o.sticky.Shards() }

// forget notes that a record is to be deleted.
func (o *outbox) forget(k stores.Key) {
	o.waiting.forgotten = append(o.waiting.forgotten, k)
	o.arm(o.cfg.FlushEvery)
}

// flush hands one batch to the writer if that is free and there is one.
func (o *outbox) flush() {
	o.armed = false
	if o.busy || o.held {
		return
	}
	if batch := o.take(); len(batch) > 0 {
		o.busy, o.began = true, time.Now()
		o.jobs <- batch // free: the last job was answered
	}
}

// take moves as much as fits into one batch from waiting to sent.
func (o *outbox) take() []stores.Change {
	o.sent = unwritten{}
	t := taking{log: o.log}
	n := 0
	for ; n < len(o.waiting.forgotten) && t.add(stores.Delete(o.waiting.forgotten[n])); n++ {
	}
	o.sent.forgotten, o.waiting.forgotten = cut(o.waiting.forgotten, n)
	for n = 0; n < len(o.waiting.counters); n++ {
		c := o.waiting.counters[n]
		if c.listed && !t.add(stores.Put(c.storeKey(), stores.AppendCounters(nil, c.record))) {
			break
		}
		c.dirty = false
	}
	o.sent.counters, o.waiting.counters = cut(o.waiting.counters, n)
	for n = 0; n < len(o.waiting.pools); n++ {
		p := o.waiting.pools[n]
		if !p.closed && !t.add(stores.Put(p.storeKey(), stores.AppendRotation(nil, p.rotation()))) {
			break
		}
		p.dirty = false
	}
	o.sent.pools, o.waiting.pools = cut(o.waiting.pools, n)
	o.takeSticky(&t)
	return t.batch
}

// takeSticky takes assignments as they are now. One that is no more was
// evicted, and its delete is on the way.
func (o *outbox) takeSticky(t *taking) {
	for len(o.waiting.sticky) < stores.MaxBatch && o.sweep < o.sticky.Shards() {
		for _, k := range o.sticky.Keys(o.sweep) {
			o.waiting.sticky = append(o.waiting.sticky, stickyChange{k, true})
		}
		o.sweep++
	}
	n := 0
	for ; n < len(o.waiting.sticky); n++ {
		c := o.waiting.sticky[n]
		as, ok := o.sticky.Get(c.key.Pool, c.key.Name)
		if !ok {
			continue
		}
		put := stores.Put(stickyKey(c.key), stores.AppendSticky(nil, stores.Sticky{Backend: as.Backend, Since: as.Since, Seen: as.Seen}))
		put.First = o.shared && c.first && !as.Moved
		if !t.add(put) {
			break
		}
	}
	o.sent.sticky, o.waiting.sticky = cut(o.waiting.sticky, n)
}

// cut splits a list; the rest moves to memory of its own, so that what was
// written does not hold it.
func cut[T any](all []T, n int) (sent, rest []T) {
	return all[:n:n], append([]T(nil), all[n:]...)
}

// taking fills one batch up to the limits of a store.
type taking struct {
	log   zerolog.Logger
	batch []stores.Change
	bytes int
}

// add reports whether there was room. What no store could take is left out,
// because it would keep all others from being written too.
func (t *taking) add(c stores.Change) bool {
	key, err := stores.AppendKey(nil, c.Key)
	size := len(key) + len(c.Value)
	if err != nil || size > stores.MaxBatchBytes {
		t.log.Error().Err(err).Int("bytes", size).Msg("a record does not fit into a store; it is not kept over a restart")
		return true
	}
	if len(t.batch) == stores.MaxBatch || t.bytes+size > stores.MaxBatchBytes {
		return false
	}
	t.batch, t.bytes = append(t.batch, c), t.bytes+size
	return true
}

// flushed books the answer of the writer.
func (o *outbox) flushed(err error, b *book) {
	o.busy = false
	pause := o.cfg.FlushEvery
	if len(o.sent.sticky) >= stores.MaxBatch/2 {
		pause = o.cfg.FlushEvery / 16 // there is more: catch up
	}
	switch {
	case errors.Is(err, stores.ErrRenewed):
		o.log.Warn().Err(err).Msg("all counters and positions are written again")
		b.touchAll()
	case err != nil:
		o.requeue()
		o.failures++
		pause = min(o.cfg.FlushEvery<<min(o.failures, 10), slowest)
		level := zerolog.DebugLevel
		if o.failures == 1 && !o.shared { // of a shared store it is said once for all calls
			level = zerolog.ErrorLevel // said once, not at every attempt
		}
		o.log.WithLevel(level).Err(err).Msg("the store does not take writes; picks go on, and writing is tried again")
	case o.failures > 0 && !o.shared:
		o.log.Info().Int("failed", o.failures).Msg("the store takes writes again")
		o.failures = 0
	default:
		o.failures = 0
	}
	o.sent = unwritten{}
	if !o.empty() {
		o.arm(pause)
	}
}

// requeue makes what was not written wait again.
func (o *outbox) requeue() {
	o.waiting.forgotten = append(o.sent.forgotten, o.waiting.forgotten...)
	for _, c := range o.sent.counters {
		o.touch(c)
	}
	for _, p := range o.sent.pools {
		o.touchPool(p)
	}
	o.waiting.sticky = append(o.sent.sticky, o.waiting.sticky...)
}

// finish writes all that waits, as far as the time given for it allows.
func (o *outbox) finish(b *book) {
	if o.held {
		o.log.Warn().Msg("the shared store is away at the end; what it was not told is lost")
		return
	}
	late := time.NewTimer(o.cfg.StopWithin)
	defer late.Stop()
	for o.flush(); o.busy; o.flush() {
		select {
		case err := <-o.done:
			o.flushed(err, b)
			if o.failures > 0 {
				return // was logged; there is no later time to try
			}
		case <-late.C:
			o.log.Error().Stringer("waited", o.cfg.StopWithin).Msg("the store is too slow; the last changes may be lost")
			return
		}
	}
}
