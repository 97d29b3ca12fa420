package data

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// stallClock tells slow from stalled: a deadline of the system that passes
// while bytes still moved is renewed, one that passes without is the end.
type stallClock struct {
	limit   time.Duration
	moved   time.Time    // when the last byte moved
	set     time.Time    // when the deadline was last set
	aborted *atomic.Bool // set before an abort expires the deadlines
}

// renewEvery bounds how often deadlines are pushed on; it costs a lock each.
const renewEvery = time.Second

func (s *stallClock) start(conns ...*net.TCPConn) {
	s.moved = time.Now()
	s.renew(conns...)
}

// progress notes that bytes moved.
func (s *stallClock) progress(conns ...*net.TCPConn) {
	if s.limit <= 0 {
		return
	}
	s.moved = time.Now()
	if s.moved.Sub(s.set) >= min(renewEvery, s.limit/4) {
		s.renew(conns...)
	}
}

func (s *stallClock) renew(conns ...*net.TCPConn) {
	if s.limit <= 0 {
		return
	}
	s.set = time.Now()
	for _, c := range conns {
		_ = c.SetDeadline(s.moved.Add(s.limit)) // fails only on a closed one
	}
	if s.aborted.Load() { // an abort must not be undone by its being overtaken
		for _, c := range conns {
			expire(c)
		}
	}
}

// stalled reports whether a deadline error means that nothing moves any more.
func (s *stallClock) stalled(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && !s.aborted.Load() && s.limit > 0 && time.Since(s.moved) >= s.limit
}

// copy moves all bytes from src to dst. It returns nil at the proper end of
// src, with every byte handed to dst.
func (c *Channel) copy(dst, src *net.TCPConn, from messages.Side) *fault {
	clock := &stallClock{limit: c.cfg.Stalled, aborted: &c.aborted}
	clock.start(dst, src)
	n, side, err := c.relay(dst, src, clock)
	c.bytes = n
	if err == nil {
		return nil
	}
	where := from
	if side == writing {
		where = other(from)
	}
	if clock.stalled(err) {
		return &fault{where, messages.StageStall, fmt.Errorf("no byte moved for %v: %w", c.cfg.Stalled, err)}
	}
	return &fault{where, messages.StageCopy, err}
}

func other(s messages.Side) messages.Side {
	if s == messages.FrontSide {
		return messages.BackSide
	}
	return messages.FrontSide
}

// end names the side of a copy at which an error arose.
type end bool

const (
	reading end = false
	writing end = true
)

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
