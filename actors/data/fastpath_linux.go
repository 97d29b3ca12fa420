package data

import (
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// relay moves bytes with splice(2): from socket to pipe to socket, inside the
// kernel. The loop is our own rather than TCPConn.ReadFrom because what a
// deadline leaves in the pipe must not be lost when the transfer was merely
// slow, and because a stall has to be told from a slow peer. Where there is no
// splice, or no pipe worth having, it copies instead.
func (c *Channel) relay(dst, src *net.TCPConn, clock *stallClock) (moved int64, at end, err error) {
	pipes := c.cfg.Pipes
	if pipes.copyOnly.Load() {
		return c.relayCopy(dst, src, clock)
	}
	p, err := pipes.stock.take()
	if err != nil {
		return c.relayCopy(dst, src, clock)
	}
	s, err := newSplicer(dst, src, p, clock)
	if err != nil {
		pipes.stock.give(p, true)
		return 0, reading, err
	}
	s.gate = c.gate
	moved, at, err = s.run(&pipes.stock)
	pipes.stock.give(p, err == nil)
	if moved == 0 && at == reading && noSplice(err) {
		pipes.copyOnly.Store(true)
		return c.relayCopy(dst, src, clock)
	}
	return moved, at, err
}

// noSplice reports whether the kernel (or a filter before it) does not do what
// was asked at all; it has taken no byte then.
func noSplice(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM)
}

// splicer is one relay at work. Its two callbacks are made once, so that the
// loop allocates nothing.
type splicer struct {
	in, out     syscall.RawConn
	dst         *net.TCPConn
	pipe        *pipe
	clock       *stallClock
	gate        *gate // nil: everything may pass
	fill, drain func(fd uintptr) bool

	most int // bytes to fill the pipe with
	held int // bytes in the pipe
	turn int // bytes moved since others had their turn
	n    int // result of the last splice
	err  error
}

func newSplicer(dst, src *net.TCPConn, p *pipe, clock *stallClock) (*splicer, error) {
	in, err := src.SyscallConn()
	if err != nil {
		return nil, err
	}
	out, err := dst.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &splicer{in: in, out: out, dst: dst, pipe: p, clock: clock}
	s.fill, s.drain = s.tryFill, s.tryDrain
	return s, nil
}

func (s *splicer) run(stock *pipeStock) (moved int64, at end, err error) {
	for {
		s.most = s.pipe.size
		if s.gate != nil {
			if err := s.queue(); err != nil {
				return moved, reading, err
			}
		}
		if err := s.repeat(s.in.Read, s.fill); err != nil {
			return moved, reading, err
		}
		if s.n == 0 {
			return moved, reading, nil
		}
		s.held, err = s.n, nil
		if s.gate != nil {
			s.held, err = s.gate.pass(s.n) // the rest goes with the pipe
		}
		for ; s.held > 0; s.held -= s.n {
			s.clock.unsent = unknown
			if err := s.repeat(s.out.Write, s.drain); err != nil {
				return moved, writing, err
			}
			moved += int64(s.n)
			s.turn += s.n
			s.clock.progress()
		}
		if err != nil {
			return moved, reading, err
		}
		if s.turn >= turnSize {
			s.turn = 0
			runtime.Gosched()
		}
		if moved >= growAfter && !s.pipe.settled {
			stock.grow(s.pipe)
		}
	}
}

// queue waits for the gate. Nobody is to blame for that time.
func (s *splicer) queue() error {
	n, waited, err := s.gate.await(s.most)
	s.most = n
	if waited {
		s.clock.progress()
	}
	return err
}

// repeat waits and splices, beyond deadlines that passed on a slow peer only.
func (s *splicer) repeat(wait func(func(uintptr) bool) error, try func(uintptr) bool) error {
	for {
		err := wait(try)
		if err == nil && s.err != nil {
			return os.NewSyscallError("splice", s.err)
		}
		if err == nil || !s.clock.forgives(err) {
			return err
		}
	}
}

// tryFill may take EAGAIN for an empty socket because the pipe is empty, too.
func (s *splicer) tryFill(fd uintptr) bool {
	s.n, s.err = splice(int(fd), s.pipe.w, s.most)
	return s.err != unix.EAGAIN
}

// tryDrain may take EAGAIN for a full socket because the pipe is not empty.
func (s *splicer) tryDrain(fd uintptr) bool {
	s.n, s.err = splice(s.pipe.r, int(fd), s.held)
	if s.err != unix.EAGAIN {
		return true
	}
	if s.clock.limit > 0 && s.clock.unsent == unknown {
		s.clock.unsent = unsentOf(fd)
	}
	return false
}

// turnSize is how much one transfer moves before others get the processor, which
// the scheduler cannot take from it in mid call: a millisecond or two.
const turnSize = 4 << 20

// splice moves up to max bytes. A peer that is gone is EPIPE: the runtime keeps
// SIGPIPE from descriptors other than standard output's.
//
// It never waits, so the scheduler is not told of it. Told of a call of some
// hundred microseconds, it would hand the processor to another thread in the
// middle of most of them, which costs a quarter more time per byte.
func splice(from, to, max int) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0,
			uintptr(max), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}
