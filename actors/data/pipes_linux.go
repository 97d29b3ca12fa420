package data

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// pipeSize is what the system gives without being asked. Less comes of an
	// unprivileged user's limit (fs.pipe-user-pages-soft): two pages, through
	// which splicing is slower than copying.
	pipeSize = 64 << 10
	// grownSize is what a pipe holds once its transfer proved to be a large
	// one: a pipe has one slot per fragment, and fragments off a network are
	// small.
	grownSize = 1 << 20
	// growAfter is how many bytes make a transfer a large one.
	growAfter = 1 << 20
	// maxGrown bounds how many pipes are grown, to half of the usual
	// fs.pipe-user-pages-soft, which leaves 512 pipes of the plain size.
	maxGrown = 32
	// keptPipes bounds how many idle pipes are kept for the next transfers.
	keptPipes = 64
)

var errTinyPipe = errors.New("the pipe that the system grants is too small")

// pipe is a kernel buffer between two sockets.
type pipe struct {
	r, w    int
	size    int  // bytes it holds at most
	settled bool // not to be grown, or not again
	grown   bool
}

// pipeStock keeps idle pipes, since one costs five system calls.
type pipeStock struct {
	free  chan *pipe
	grown *atomic.Int32
}

func newPipeStock() pipeStock {
	return pipeStock{make(chan *pipe, keptPipes), new(atomic.Int32)}
}

func (s *pipeStock) close() {
	for {
		select {
		case p := <-s.free:
			s.discard(p)
		default:
			return
		}
	}
}

// take returns an empty pipe.
func (s *pipeStock) take() (*pipe, error) {
	select {
	case p := <-s.free:
		return p, nil
	default:
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("opening a pipe for splice: %w", err)
	}
	p := &pipe{r: fds[0], w: fds[1]}
	n, err := unix.FcntlInt(uintptr(p.w), unix.F_GETPIPE_SZ, 0)
	if err == nil && n < pipeSize {
		err = errTinyPipe
	}
	if err != nil {
		s.discard(p)
		return nil, fmt.Errorf("opening a pipe for splice: %w", err)
	}
	p.size = n
	return p, nil
}

// give returns a pipe. One that may still hold bytes is closed.
func (s *pipeStock) give(p *pipe, empty bool) {
	if empty {
		select {
		case s.free <- p:
			return
		default:
		}
	}
	s.discard(p)
}

// grow makes a pipe large, if it may and the system lets it.
func (s *pipeStock) grow(p *pipe) {
	if s.grown.Add(1) > maxGrown {
		s.grown.Add(-1)
		return // perhaps another time, when others are gone
	}
	p.settled = true
	n, err := unix.FcntlInt(uintptr(p.w), unix.F_SETPIPE_SZ, grownSize)
	if err != nil {
		s.grown.Add(-1)
		return
	}
	p.size, p.grown = n, true
}

func (s *pipeStock) discard(p *pipe) {
	if p.grown {
		s.grown.Add(-1)
	}
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}
