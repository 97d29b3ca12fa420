// Package mailbox is how actors hear each other: a bounded, typed queue with
// one reader. Back-pressure is a full mailbox; there is no unbounded one.
//
// A mailbox is never closed, so a sender can never panic. Instead its owner
// retires it once, when nobody will read it again, and every sender that
// waits or comes later is told ErrGone.
package mailbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrGone says that the actor behind a mailbox ended and will not be started
// again. A sender should stop relying on it; sending again gives the same.
var ErrGone = errors.New("the actor behind this mailbox is gone")

// ErrFull is TrySend's answer when there is no room at this moment.
var ErrFull = errors.New("mailbox is full")

// Mailbox is a bounded queue of messages of type M. The zero value is not
// usable; copies of a Mailbox share one queue.
type Mailbox[M any] struct {
	in   chan M
	gone *retirement
}

type retirement struct {
	once sync.Once
	done chan struct{}
}

// New returns a mailbox that holds up to capacity unread messages. With
// capacity 0 every send waits for the reader, which the suite uses to flush
// out actors that rely on slack (build tag mailbox0 forces it everywhere).
func New[M any](capacity int) Mailbox[M] {
	return Mailbox[M]{
		in:   make(chan M, effective(capacity)),
		gone: &retirement{done: make(chan struct{})},
	}
}

// C is the reader's end, for its select. Only the owning actor receives.
func (b Mailbox[M]) C() <-chan M { return b.in }

// Gone is closed once the mailbox is retired.
func (b Mailbox[M]) Gone() <-chan struct{} { return b.gone.done }

// Retire tells all senders, present and future, that nobody reads any more.
// Calling it again is harmless. Messages still queued stay unread.
func (b Mailbox[M]) Retire() { b.gone.once.Do(func() { close(b.gone.done) }) }

// Drain handles what is queued, for an owner that ends: what was sent before is
// done. It takes no more than there is room for, and waits for nobody.
func (b Mailbox[M]) Drain(handle func(M)) {
	for range cap(b.in) {
		select {
		case m := <-b.in:
			handle(m)
		default:
			return
		}
	}
}

// Send tells m, waiting for room until ctx ends. It returns ErrGone when the
// reader has retired and the context's cause when the wait was given up.
func (b Mailbox[M]) Send(ctx context.Context, m M) error {
	// A retired mailbox may still have room: looking first keeps messages
	// from vanishing into it.
	select {
	case <-b.gone.done:
		return ErrGone
	default:
	}
	select {
	case b.in <- m:
		return nil
	default:
	}
	select {
	case b.in <- m:
		return nil
	case <-b.gone.done:
		return ErrGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// TrySend tells m only if that needs no waiting; otherwise it returns ErrFull
// or ErrGone and m is not sent.
func (b Mailbox[M]) TrySend(m M) error {
	select {
	case <-b.gone.done:
		return ErrGone
	default:
	}
	select {
	case b.in <- m:
		return nil
	default:
		return ErrFull
	}
}

// Tell sends m and waits at most the given time, for senders that have no
// context of their own any more, such as an actor that says goodbye.
func (b Mailbox[M]) Tell(m M, within time.Duration) error {
	if err := b.TrySend(m); !errors.Is(err, ErrFull) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	err := b.Send(ctx, m)
	if err != nil && !errors.Is(err, ErrGone) {
		return fmt.Errorf("no room in mailbox within %v: %w", within, err)
	}
	return err
}

// Ask sends the message that build makes around a reply channel and waits for
// the answer, both together for at most the given time. The reply channel has
// capacity 1, so the answering actor never blocks, even if the asker gave up.
func Ask[M, R any](ctx context.Context, to Mailbox[M], within time.Duration, build func(reply chan<- R) M) (R, error) {
	var none R
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	reply := make(chan R, 1)
	if err := to.Send(ctx, build(reply)); err != nil {
		return none, err
	}
	select {
	case r := <-reply:
		return r, nil
	case <-to.Gone():
		// The answer may have been given just before the end.
		select {
		case r := <-reply:
			return r, nil
		default:
			return none, ErrGone
		}
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}
