package data

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// relay moves bytes with splice(2): from socket to pipe to socket, inside the
// kernel. The loop is our own rather than TCPConn.ReadFrom because what a
// deadline leaves in the pipe must not be lost when the transfer was merely
// slow, and because a stall has to be told from a slow peer.
func (c *Channel) relay(dst, src *net.TCPConn, clock *stallClock) (moved int64, at end, err error) {
	in, err := src.SyscallConn()
	if err != nil {
		return 0, reading, err
	}
	out, err := dst.SyscallConn()
	if err != nil {
		return 0, writing, err
	}
	p, err := c.cfg.Pipes.take()
	if err != nil {
		return 0, reading, err
	}
	defer func() { c.cfg.Pipes.give(p, err == nil) }()

	for {
		n, err := spliceIn(in, p, func(err error) bool { return retry(clock, err, dst, src) })
		if err != nil {
			return moved, reading, err
		}
		if n == 0 {
			return moved, reading, nil
		}
		for n > 0 {
			k, err := spliceOut(out, p, n, func(err error) bool { return retry(clock, err, dst, src) })
			if err != nil {
				return moved, writing, err
			}
			n -= k
			moved += int64(k)
			clock.progress(dst, src)
		}
	}
}

// retry says whether a deadline error is to be forgiven.
func retry(clock *stallClock, err error, conns ...*net.TCPConn) bool {
	if clock.limit <= 0 || clock.aborted.Load() || !os.IsTimeout(err) || time.Since(clock.moved) >= clock.limit {
		return false
	}
	clock.renew(conns...)
	return true
}

const spliceFlags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK

func spliceIn(in syscall.RawConn, p *pipe, again func(error) bool) (n int, err error) {
	for {
		var serr error
		err = in.Read(func(fd uintptr) bool {
			n, serr = splice(int(fd), p.w, p.size)
			return serr != unix.EAGAIN
		})
		if err == nil && serr != nil {
			err = os.NewSyscallError("splice", serr)
		}
		if err == nil || !again(err) {
			return n, err
		}
	}
}

func spliceOut(out syscall.RawConn, p *pipe, max int, again func(error) bool) (n int, err error) {
	for {
		var serr error
		err = out.Write(func(fd uintptr) bool {
			n, serr = splice(p.r, int(fd), max)
			return serr != unix.EAGAIN
		})
		if err == nil && serr != nil {
			err = os.NewSyscallError("splice", serr)
		}
		if err == nil || !again(err) {
			return n, err
		}
	}
}

func splice(from, to, max int) (int, error) {
	for {
		n, err := unix.Splice(from, nil, to, nil, max, spliceFlags)
		if err == unix.EINTR {
			continue
		}
		return int(n), err
	}
}

// pipe is a kernel buffer between two sockets.
type pipe struct {
	r, w int
	size int // bytes it holds
}

// pipeSize is what a pipe is asked to hold. The system may grant less to
// unprivileged users (fs.pipe-user-pages-soft); then what it gives will do.
const pipeSize = 1 << 20

// keptPipes bounds how many idle pipes are kept for the next transfers.
const keptPipes = 64

// Pipes keeps idle pipes for reuse, since opening one costs four system calls.
type Pipes struct{ free chan *pipe }

// NewPipes returns an empty stock.
func NewPipes() *Pipes { return &Pipes{make(chan *pipe, keptPipes)} }

// Close closes the idle pipes.
func (s *Pipes) Close() {
	for {
		select {
		case p := <-s.free:
			p.close()
		default:
			return
		}
	}
}

func (s *Pipes) take() (*pipe, error) {
	select {
	case p := <-s.free:
		return p, nil
	default:
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("opening a pipe for splice: %w", err)
	}
	p := &pipe{r: fds[0], w: fds[1], size: 64 << 10}
	if n, err := unix.FcntlInt(uintptr(p.w), unix.F_SETPIPE_SZ, pipeSize); err == nil {
		p.size = n
	}
	return p, nil
}

// give returns a pipe. One that may still hold bytes is closed.
func (s *Pipes) give(p *pipe, empty bool) {
	if empty {
		select {
		case s.free <- p:
			return
		default:
		}
	}
	p.close()
}

func (p *pipe) close() {
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// newsDelay estimates how long news on another connection of the same peer may
// be late: a round trip and its spread, at least a millisecond.
func newsDelay(conn *net.TCPConn) time.Duration {
	const least, most = time.Millisecond, 250 * time.Millisecond
	raw, err := conn.SyscallConn()
	if err != nil {
		return least
	}
	var info *unix.TCPInfo
	var ierr error
	err = raw.Control(func(fd uintptr) {
		info, ierr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || ierr != nil {
		return least
	}
	d := time.Duration(info.Rtt+4*info.Rttvar) * time.Microsecond
	if d < 10*time.Millisecond { // the first estimates on a fast path are mostly delayed acks
		d = least
	}
	return min(d, most)
}

// lateBind lets the system choose the source port at connect time, so that one
// port can serve many destinations.
func lateBind(_, _ string, c syscall.RawConn) error {
	var serr error
	if err := c.Control(func(fd uintptr) {
		serr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}); err != nil {
		return err
	}
	return serr
}
