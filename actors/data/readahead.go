package data

import (
	"errors"
	"io"
	"sync/atomic"
)

// readahead is the first goroutine of a shaped transfer: it reads, decrypts and
// inflates while the other sends what came before. It never closes anything.
type readahead struct {
	s          *shaper
	all        [shapedPortions]*portion
	full, free chan *portion
	halt       chan struct{} // closed by stop: nobody wants more
	broken     chan struct{} // closed when the source broke off
	broke      atomic.Pointer[error]
	ended      bool // the source ended properly; to be read after full is closed
}

// errNoVerdict is what is known of a source whose reader crashed.
var errNoVerdict = errors.New("the reading side of the transfer has ended")

func newReadahead(s *shaper) *readahead {
	a := &readahead{
		s:    s,
		full: make(chan *portion, shapedPortions), free: make(chan *portion, shapedPortions),
		halt: make(chan struct{}), broken: make(chan struct{}),
	}
	for i := range a.all {
		a.all[i] = s.stock.take()
		a.free <- a.all[i]
	}
	s.in.busy = func() bool { return len(a.free) < shapedPortions-1 } // one is to be filled
	if s.gate != nil {
		s.gate.broken = a.broken
	}
	return a
}

func (a *readahead) run() {
	defer close(a.full)
	most := a.s.gate.portion(shapedSize)
	for {
		var p *portion
		select {
		case p = <-a.free:
		case <-a.halt:
			return
		}
		n, err := a.s.content.Read(p.buf[:most])
		p.n = n
		a.full <- p // has room for all there are
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			a.ended = true
			return
		default:
			a.fail(err)
			return
		}
	}
}

// fail tells of a break at once: what is still on its way towards the destination
// is of no use to anybody.
func (a *readahead) fail(err error) {
	a.broke.Store(&err)
	close(a.broken)
	a.s.out.halt()
}

// failure is what the source broke off with so far.
func (a *readahead) failure() error {
	if err := a.broke.Load(); err != nil {
		return *err
	}
	return nil
}

// verdict is what became of the source.
func (a *readahead) verdict() error {
	switch err := a.failure(); {
	case err != nil:
		return err
	case !a.ended:
		return errNoVerdict
	}
	return nil
}

// stop ends the reading, wherever it waits. Where it has failed there is nothing
// to end, and its clock is still to say whether that was a stall.
func (a *readahead) stop() {
	close(a.halt)
	if a.failure() == nil {
		a.s.in.clock.Halt()
	}
}

// release comes when both goroutines are done with all portions.
func (a *readahead) release() {
	for _, p := range a.all {
		a.s.stock.give(p)
	}
}
