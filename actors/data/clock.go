package data

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/actors/stage"
)

// stallClock tells slow from stalled: a deadline of the system that passes
// while bytes still moved is renewed, one that passes without is the end.
//
// One clock may watch both sides, or, where each has a goroutine of its own, one
// of them; it is that goroutine's.
type stallClock struct {
	limit    time.Duration
	dst, src *net.TCPConn // nil: not watched
	aborted  *atomic.Bool // set before an abort expires the deadlines
	halted   atomic.Bool  // set before Halt does

	moved  time.Time // when the last byte moved
	set    time.Time // when the deadlines were last set
	unsent int       // what dst's kernel held when it could take no more, or unknown
}

// renewEvery bounds how often deadlines are pushed on; it costs a lock each.
const renewEvery = time.Second

// unknown stands for an amount that the system does not tell.
const unknown = -1

func (s *stallClock) start() {
	s.unsent = unknown
	s.moved = time.Now()
	s.renew()
}

// progress notes that bytes moved.
func (s *stallClock) progress() {
	if s.limit <= 0 {
		return
	}
	s.moved = time.Now()
	if s.moved.Sub(s.set) >= min(renewEvery, s.limit/4) {
		s.renew()
	}
}

func (s *stallClock) renew() {
	if s.limit <= 0 {
		return
	}
	s.set = time.Now()
	at := s.moved.Add(s.limit)
	s.setDeadlines(at)
	if s.over() { // an abort must not be undone by its being overtaken
		s.setDeadlines(past)
	}
}

func (s *stallClock) setDeadlines(at time.Time) {
	if s.dst != nil {
		_ = s.dst.SetWriteDeadline(at) // fails only on a closed one
	}
	if s.src != nil {
		_ = s.src.SetReadDeadline(at)
	}
}

func (s *stallClock) over() bool { return s.aborted.Load() || s.halted.Load() }

// forgives says whether a deadline passed too early, and sets it anew then.
// Only the deadline: ETIMEDOUT is a timeout, too, but one after which the
// socket, its error told, feigns a proper end.
func (s *stallClock) forgives(err error) bool {
	if s.limit <= 0 || s.over() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	if time.Since(s.moved) >= s.limit && !s.drains() {
		return false
	}
	s.renew()
	return true
}

// Restart, Moved, Full, Forgives and Halt make a stage.Pace of a clock that
// watches one side.
var _ stage.Pace = (*stallClock)(nil)

// Restart notes that only now the side is waited for.
func (s *stallClock) Restart() { s.Moved() }

// Moved notes that bytes moved, so that what the kernel holds is another amount.
func (s *stallClock) Moved() {
	s.unsent = unknown
	s.progress()
}

// Full looks how much it is that does not leave the kernel.
func (s *stallClock) Full(fd uintptr) {
	if s.limit > 0 && s.dst != nil && s.unsent == unknown {
		s.unsent = unsentOf(fd)
	}
}

// Forgives is forgives.
func (s *stallClock) Forgives(err error) bool { return s.forgives(err) }

// Halt ends all waiting. Any goroutine may call it.
func (s *stallClock) Halt() {
	s.halted.Store(true)
	s.setDeadlines(past)
}

// drains reports whether the peer took bytes although there is no room yet for
// new ones: a large send buffer on a slow line says so only every third or so.
func (s *stallClock) drains() bool {
	if s.unsent == unknown {
		return false
	}
	left := unsentBytes(s.dst)
	if left == unknown || left >= s.unsent {
		return false
	}
	s.unsent, s.moved = left, time.Now()
	return true
}

// stalled reports whether a deadline error means that nothing moves any more.
func (s *stallClock) stalled(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && !s.over() && s.limit > 0
}
