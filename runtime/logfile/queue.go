package logfile

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

const (
	defaultCapacity = 4096
	defaultPatience = 100 * time.Millisecond
	maxBatch        = 64 << 10 // bytes gathered for one write
	maxPooledLine   = 8 << 10  // longer lines are not kept for reuse
	lossReport      = 10 * time.Second
)

// Config tunes a Queue; zero values mean the defaults.
type Config struct {
	Capacity int              // lines that may wait; 0 means 4096, negative means none (every line waits for the writer)
	Patience time.Duration    // how long a line that matters waits for room; 0 means 100 ms
	Fallback io.Writer        // where lines go that cannot be written, used concurrently; nil means os.Stderr
	Now      func() time.Time // nil means time.Now
}

// Queue takes log lines off the hot path. It is an actor: Run writes what Sinks enqueue. It must be
// stopped after everybody who logs; lines that come later are written by the caller itself.
type Queue struct {
	// immutable
	lines    chan entry
	patience time.Duration
	fallback io.Writer
	now      func() time.Time

	running atomic.Bool
	lost    atomic.Uint64 // lines dropped since the last report

	// writing guards the writing side: whoever holds it is the one who takes lines out and writes them.
	writing sync.Mutex
	dirty   []*Sink
	total   uint64 // lines reported as lost so far
}

// entry is one line on its way.
type entry struct {
	sink  *Sink
	level zerolog.Level
	at    time.Time
	line  *[]byte
}

// NewQueue returns a queue. Sinks may be made and used before Run.
func NewQueue(cfg Config) *Queue {
	if cfg.Capacity == 0 {
		cfg.Capacity = defaultCapacity
	}
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	if cfg.Fallback == nil {
		cfg.Fallback = os.Stderr
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Queue{
		lines:    make(chan entry, max(cfg.Capacity, 0)),
		patience: cfg.Patience,
		fallback: cfg.Fallback,
		now:      cfg.Now,
	}
}

// String names the actor.
func (q *Queue) String() string { return "log writer" }

// Run writes lines until ctx ends, then what is still queued.
func (q *Queue) Run(ctx context.Context) error {
	q.running.Store(true)
	defer q.drain()
	defer q.running.Store(false) // before the drain: a line that comes after it is its sender's to write
	tick := time.NewTicker(lossReport)
	defer tick.Stop()
	for {
		select {
		case e := <-q.lines:
			q.writeWith(e)
		case <-tick.C:
			q.writing.Lock()
			q.reportLoss()
			q.writing.Unlock()
		case <-ctx.Done():
			return nil
		}
	}
}

// writeWith writes e and everything that waits behind it.
func (q *Queue) writeWith(e entry) {
	q.writing.Lock()
	defer q.writing.Unlock()
	q.render(e)
	q.takeAll()
	q.flush()
}

// drain writes everything that waits.
func (q *Queue) drain() {
	q.writing.Lock()
	defer q.writing.Unlock()
	q.takeAll()
	q.flush()
	q.reportLoss()
}

// takeAll renders the waiting lines. The caller holds writing.
func (q *Queue) takeAll() {
	for {
		select {
		case e := <-q.lines:
			q.render(e)
		default:
			return
		}
	}
}

func (q *Queue) render(e entry) {
	s := e.sink
	if len(s.pending) == 0 {
		q.dirty = append(q.dirty, s)
	}
	s.pending = s.format.Append(s.pending, *e.line, e.at)
	recycle(e.line)
	if len(s.pending) >= maxBatch {
		q.write(s)
	}
}

// flush writes what render gathered. The caller holds writing.
func (q *Queue) flush() {
	for _, s := range q.dirty {
		q.write(s)
	}
	q.dirty = q.dirty[:0]
}

// write empties one sink's batch. What a file does not take goes to the fallback, so that it is read
// by somebody; the reason is said once until the file works again.
func (q *Queue) write(s *Sink) {
	if len(s.pending) == 0 {
		return
	}
	n, err := s.to.Write(s.pending)
	if err != nil {
		if !s.failing {
			q.toFallback(fmt.Appendf(nil, "sluice: %v; log lines go to standard error until that works again\n", err))
		}
		q.toFallback(s.pending[min(n, len(s.pending)):])
	}
	s.failing = err != nil
	if cap(s.pending) > 4*maxBatch {
		s.pending = nil
	}
	s.pending = s.pending[:0]
}

// toFallback is the last resort: when standard error does not take the line either, nobody can be told.
func (q *Queue) toFallback(p []byte) { _, _ = q.fallback.Write(p) }

// Lost is how many lines were dropped so far, for the status page.
func (q *Queue) Lost() uint64 {
	q.writing.Lock()
	defer q.writing.Unlock()
	return q.total + q.lost.Load()
}

// reportLoss says how many lines were dropped since the last report. The caller holds writing.
func (q *Queue) reportLoss() {
	if lost := q.lost.Swap(0); lost > 0 {
		q.total += lost
		q.toFallback(fmt.Appendf(nil, "sluice: the log could not keep up: %d lines of level info or below were dropped (%d in all)\n",
			lost, q.total))
	}
}
