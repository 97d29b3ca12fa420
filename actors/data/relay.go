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
	limit    time.Duration
	dst, src *net.TCPConn
	aborted  *atomic.Bool // set before an abort expires the deadlines

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
	_ = s.dst.SetWriteDeadline(at) // fails only on a closed one
	_ = s.src.SetReadDeadline(at)
	if s.aborted.Load() { // an abort must not be undone by its being overtaken
		expire(s.dst)
		expire(s.src)
	}
}

// forgives says whether a deadline passed too early, and sets it anew then.
// Only the deadline: ETIMEDOUT is a timeout, too, but one after which the
// socket, its error told, feigns a proper end.
func (s *stallClock) forgives(err error) bool {
	if s.limit <= 0 || s.aborted.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	if time.Since(s.moved) >= s.limit && !s.drains() {
		return false
	}
	s.renew()
	return true
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
	return errors.Is(err, os.ErrDeadlineExceeded) && !s.aborted.Load() && s.limit > 0
}

// copy moves all bytes from src to dst. It returns nil at the proper end of
// src, with every byte handed to dst.
func (c *Channel) copy(dst, src *net.TCPConn, from messages.Side) *fault {
	clock := &stallClock{limit: c.cfg.Stalled, dst: dst, src: src, aborted: &c.aborted}
	clock.start()
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
