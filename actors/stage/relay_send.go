package stage

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sender is the writing half of a socket. It writes all it is given, and while
// a relay paces it, beyond deadlines that passed on a slow peer only: a deadline
// that crypto/tls hears of is the end of its connection.
type sender struct {
	raw  syscall.RawConn
	try  func(fd uintptr) bool // s.attempt, made once
	pace Pace                  // nil: a deadline is the end
	more bool                  // more follows at once: no need to send what fills no segment

	held   *burst // what is gathered, to be sent at once; nil: everything is sent as it comes
	fill   int    // bytes of it
	broken error  // a gathered write failed: what came after it would not be understood

	rest []byte // of the write under way
	err  error
}

func (s *sender) init(raw syscall.RawConn) {
	s.raw = raw
	s.try = s.attempt
}

func (s *sender) write(p []byte) (int, error) {
	s.rest, s.err = p, nil
	err := s.raw.Write(s.try)
	for err != nil && s.pace != nil && s.pace.Forgives(err) {
		err = s.raw.Write(s.try)
	}
	if err == nil {
		err = s.err
	}
	n := len(p) - len(s.rest)
	s.rest = nil
	return n, err
}

// attempt writes what fits; false makes the poller wait for more room.
func (s *sender) attempt(fd uintptr) bool {
	for len(s.rest) > 0 {
		n, err := send(int(fd), s.rest, s.more)
		if err == unix.EAGAIN {
			if s.pace != nil {
				s.pace.Full(fd)
			}
			return false
		}
		if err != nil {
			s.err = os.NewSyscallError("write", err)
			return true
		}
		s.rest = s.rest[n:]
		if s.pace != nil {
			s.pace.Moved()
		}
	}
	return true
}

// Write sends what crypto/tls made: a record, or a flight of the handshake. A
// relay's records are gathered.
func (w *wire) Write(p []byte) (int, error) {
	s := &w.out
	switch {
	case s.broken != nil:
		return 0, s.broken
	case s.held == nil:
		return s.write(p)
	case s.fill+len(p) > len(s.held): // many small records
		if _, err := s.flush(true); err != nil {
			return 0, err
		}
	}
	s.fill += copy(s.held[s.fill:], p)
	return len(p), nil
}

// flush sends what is gathered, and tells how much of it the kernel took.
func (s *sender) flush(more bool) (n int, err error) {
	s.more = more
	n, s.broken = s.write(s.held[:s.fill])
	s.fill, s.more = 0, false
	return n, s.broken
}

// SetWriteDeadline is what crypto/tls does around its close_notify. A relay has
// deadlines of its own, which a slow peer may outlive.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.out.pace != nil {
		return nil
	}
	return w.TCPConn.SetWriteDeadline(t)
}

// Finish sends a close_notify, however long a peer that is slow but alive has no
// room for it. It does not close the TCP connection.
func (c *Conn) Finish(pace Pace) error {
	c.wire.out.pace = pace
	defer func() { c.wire.out.pace = nil }()
	pace.Restart()
	return c.tls.CloseWrite()
}
