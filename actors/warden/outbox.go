package warden

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

// outbox hands changes to the writer, one batch at a time. It belongs to the
// actor's loop; only the children wait for the store.
type outbox struct {
	cfg Config
	log zerolog.Logger

	// kept over a crash
	waiting map[stores.Key][]byte // nil: to be deleted
	sent    map[stores.Key][]byte // the batch that the writer has

	// made anew by open
	kids     *supervise.Group
	stopNews context.CancelFunc
	found    chan found       // what was in the store
	news     chan stores.News // from other gateways
	jobs     chan job         // capacity 1, sent to only while not busy
	done     chan error       // one answer per job
	timer    *time.Timer
	busy     bool
	armed    bool
	again    bool // load again, before anything is written
	failures int  // in a row
}

// job is what the writer does: load, or apply a batch.
type job struct {
	load  bool
	batch []stores.Change
}

// found is what a store gave.
type found struct {
	records []stores.Record
	err     error
}

func newOutbox(cfg Config, log zerolog.Logger) *outbox {
	return &outbox{cfg: cfg, log: log, waiting: map[stores.Key][]byte{}}
}

// open starts the children.
func (o *outbox) open(ctx context.Context, load bool) {
	o.requeue() // of an earlier life: whether the store took its last batch is not known
	o.kids = supervise.NewGroup(2)
	o.found = make(chan found, 1)
	o.news = make(chan stores.News)
	o.jobs, o.done = make(chan job, 1), make(chan error, 1)
	o.timer = time.NewTimer(slowest)
	o.timer.Stop()
	o.busy, o.armed, o.failures = false, false, 0
	store := o.cfg.Store()
	o.kids.Go(ctx, &writer{store: store, found: o.found, jobs: o.jobs, done: o.done}) // ends when jobs is closed
	newsCtx, stop := context.WithCancel(ctx)
	o.stopNews = stop
	if shared, ok := store.(stores.Shared); ok {
		o.kids.Go(newsCtx, &listener{store: shared, news: o.news, log: o.log}) // ends with newsCtx
	}
	o.again = load
	o.flush()
	if len(o.waiting) > 0 {
		o.arm(o.cfg.FlushEvery)
	}
}

// close ends the children, the writer after its present batch, and by abandoning
// the store if that takes too long.
func (o *outbox) close(abandon func()) {
	o.timer.Stop()
	o.stopNews()
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

// reload has the store read again before anything more is written: what is
// older here must not go over what is newer there.
func (o *outbox) reload() {
	o.again = true
	o.flush()
}

// change has a record written, or with a nil value deleted.
func (o *outbox) change(k stores.Key, value []byte) {
	if _, err := stores.AppendKey(nil, k); err != nil {
		o.log.Error().Err(err).Msg("a record does not fit into a store; it is not kept over a restart")
		return
	}
	o.waiting[k] = value
	o.arm(o.cfg.FlushEvery)
}

// flush hands one job to the writer if that is free and there is one.
func (o *outbox) flush() {
	o.armed = false
	switch {
	case o.busy:
	case o.again:
		o.again, o.busy = false, true
		o.jobs <- job{load: true} // free: the last job was answered
	case len(o.waiting) > 0:
		o.busy = true
		o.jobs <- o.take()
	}
}

// take moves as much as fits into one batch from waiting to sent.
func (o *outbox) take() job {
	var j job
	o.sent = map[stores.Key][]byte{}
	size := 0
	for k, value := range o.waiting {
		n := len(k.Pool) + len(k.Name) + len(value) + 16
		if len(j.batch) > 0 && (len(j.batch) == stores.MaxBatch || size+n > stores.MaxBatchBytes) {
			break
		}
		size += n
		c := stores.Delete(k)
		if value != nil {
			c = stores.Put(k, value)
		}
		j.batch = append(j.batch, c)
		o.sent[k] = value
		delete(o.waiting, k)
	}
	return j
}

// flushed books the answer of the writer. It reports that the store was lost,
// and all is to be written again.
func (o *outbox) flushed(err error) (renewed bool) {
	o.busy = false
	pause := o.cfg.FlushEvery
	switch {
	case errors.Is(err, stores.ErrRenewed):
		renewed = true
		o.requeue()
	case err != nil:
		o.requeue()
		o.failures++
		pause = min(o.cfg.FlushEvery<<min(o.failures, 10), slowest)
		level := zerolog.DebugLevel
		if o.failures == 1 {
			level = zerolog.WarnLevel // said once, not at every attempt
		}
		o.log.WithLevel(level).Err(err).Msg("the store does not take the bans; they are kept in memory, and writing is tried again")
	case o.failures > 0:
		o.log.Info().Int("failed", o.failures).Msg("the store takes the bans again")
		o.failures = 0
	}
	o.sent = nil
	if o.again && o.failures == 0 {
		o.flush()
	} else if o.again || renewed || len(o.waiting) > 0 {
		o.arm(pause)
	}
	return renewed
}

// requeue makes what may not be written wait again, unless it changed since.
func (o *outbox) requeue() {
	for k, value := range o.sent {
		if _, newer := o.waiting[k]; !newer {
			o.waiting[k] = value
		}
	}
	o.sent = nil
}

// finish writes all that waits, as far as the time given for it allows.
func (o *outbox) finish() {
	late := time.NewTimer(o.cfg.StopWithin)
	defer late.Stop()
	o.again = false
	for o.flush(); o.busy; o.flush() {
		select {
		case err := <-o.done:
			o.flushed(err)
			if o.failures > 0 {
				return // was logged; there is no later time to try
			}
		case <-late.C:
			o.log.Warn().Stringer("waited", o.cfg.StopWithin).Msg("the store is too slow; the last bans may be lost")
			return
		}
	}
}

// writer is the child that waits for the store.
type writer struct {
	store stores.Store
	found chan found // capacity 1
	jobs  <-chan job
	done  chan<- error
}

func (w *writer) String() string { return "warden writer" }

// Run does jobs until there are no more.
func (w *writer) Run(ctx context.Context) error {
	for j := range w.jobs {
		if j.load {
			w.done <- w.load(ctx)
			continue
		}
		w.done <- attempt(func() error { // capacity 1 and one job at a time: never blocks
			if err := w.store.Apply(ctx, j.batch); err != nil {
				return err
			}
			return w.store.Sync(ctx) // bans are rare, and meant to last
		})
	}
	return nil
}

// load gives the loop all records. What it gave before, if nobody has looked at
// it, is of no use any more.
func (w *writer) load(ctx context.Context) error {
	var f found
	f.err = attempt(func() (err error) { f.records, err = w.store.Load(ctx, stores.KindBan); return err })
	select {
	case <-w.found:
	default:
	}
	w.found <- f // there is room: nobody else sends
	return nil
}

// attempt makes a store's panic an error, so that the writer lives on.
func attempt(f func() error) (err error) {
	if r := panics.Try(func() { err = f() }); r != nil {
		return fmt.Errorf("the store panicked: %w", r.AsError())
	}
	return err
}

// listener is the child that hears other gateways.
type listener struct {
	store stores.Shared
	news  chan<- stores.News
	log   zerolog.Logger
}

func (l *listener) String() string { return "warden listener" }

// Run listens until ctx ends. That of the store reconnects by itself; should it
// end all the same, it is begun again.
func (l *listener) Run(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		err := attempt(func() error {
			return l.store.Watch(ctx, func(n stores.News) {
				select {
				case l.news <- n:
				case <-ctx.Done():
				}
			})
		})
		if ctx.Err() == nil {
			l.log.Warn().Err(err).Msg("other gateways cannot be heard; trying again")
		}
		pause.Reset(time.Second)
	}
}
