//go:build unix

// Package reactor is the one-threaded event loop on which the proving ground's backend and load run.
//
// Rules: the loop's own goroutine alone touches it (Wake excepted). A handler may be called although
// nothing is ready, since a descriptor's number can be reused within one batch of events; it then sees
// EAGAIN and returns nil.
package reactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Interest names what a descriptor is watched for.
type Interest uint8

// What a descriptor may be watched for. Errors and hang-ups always wake the handler.
const (
	Readable Interest = iota
	Writable
)

// Handler is told that its descriptor is ready. An error ends the loop.
type Handler interface {
	Ready() error
}

// noEnd is the time of a loop that runs until it is stopped.
var noEnd time.Time

// Loop waits for many descriptors at once.
type Loop struct {
	poll     *poller
	handlers []Handler // by descriptor
	ready    []int
	wake     [2]int // a pipe: Wake writes, the loop reads
	stopped  bool
}

// batch bounds how many descriptors one wait reports.
const batch = 256

// New opens a loop; the caller closes it.
func New() (*Loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, fmt.Errorf("open a poller: %w", err)
	}
	l := &Loop{poll: p, ready: make([]int, batch)}
	if err := l.openWake(); err != nil {
		p.close()
		return nil, fmt.Errorf("open a wake pipe: %w", err)
	}
	return l, nil
}

func (l *Loop) openWake() error {
	if err := unix.Pipe(l.wake[:]); err != nil {
		return err
	}
	for _, fd := range l.wake {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
	}
	return l.Watch(l.wake[0], Readable, drain(l.wake[0]))
}

// drain empties the wake pipe.
type drain int

func (d drain) Ready() error {
	var b [64]byte
	_, err := unix.Read(int(d), b[:])
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		return err
	}
	return nil
}

// Watch calls h whenever fd is ready.
func (l *Loop) Watch(fd int, want Interest, h Handler) error {
	for fd >= len(l.handlers) {
		l.handlers = append(l.handlers, nil)
	}
	if err := l.poll.add(fd, want); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	l.handlers[fd] = h
	return nil
}

// Forget ends the watch over fd; call it before closing fd.
func (l *Loop) Forget(fd int) {
	if fd >= 0 && fd < len(l.handlers) && l.handlers[fd] != nil {
		l.handlers[fd] = nil
		l.poll.remove(fd)
	}
}

// Stop makes Run return nil after the handler that calls it.
func (l *Loop) Stop() { l.stopped = true }

// Run serves until Stop, until the given time (zero: no end), until ctx ends (its cause is returned) or
// until a handler returns an error.
func (l *Loop) Run(ctx context.Context, until time.Time) error {
	l.stopped = false
	defer context.AfterFunc(ctx, l.Wake)()
	for !l.stopped {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		timeout, over := left(until)
		if over {
			return nil
		}
		n, err := l.poll.wait(l.ready, timeout)
		if err != nil {
			return fmt.Errorf("wait for descriptors: %w", err)
		}
		if err := l.dispatch(l.ready[:n]); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loop) dispatch(fds []int) error {
	for _, fd := range fds {
		if h := l.handlers[fd]; h != nil {
			if err := h.Ready(); err != nil {
				return err
			}
		}
	}
	return nil
}

// left is the time to wait in milliseconds, rounded up; -1 without an end.
func left(until time.Time) (ms int, over bool) {
	if until.IsZero() {
		return -1, false
	}
	d := time.Until(until)
	if d <= 0 {
		return 0, true
	}
	return int((d + time.Millisecond - 1) / time.Millisecond), false
}

// Wake makes a waiting Run look at its context; any goroutine may call it until Close.
func (l *Loop) Wake() {
	_, _ = unix.Write(l.wake[1], []byte{0}) // a full pipe wakes just as well
}

// Close gives the loop's own descriptors back; those being watched stay open.
func (l *Loop) Close() {
	l.poll.close()
	_ = unix.Close(l.wake[0])
	_ = unix.Close(l.wake[1])
}
