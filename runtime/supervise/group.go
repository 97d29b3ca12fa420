// Package supervise is the actor kit: it starts goroutines, waits for them,
// turns panics into exit reasons, restarts what should live for ever and
// stops everything in order. Nothing else in the tree says `go`.
//
// Two shapes cover all needs. A Group runs the temporary children of one
// actor, which hears of each end and decides what it means. A Tree runs named
// permanent children with a restart policy, stopped last to first.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/sourcegraph/conc"
)

// errVanished is the exit reason of an actor that ended its goroutine by
// runtime.Goexit: a parent must hear of that end, too.
var errVanished = errors.New("the actor's goroutine ended without returning")

// Actor is one goroutine's life: Run returns when it ends, nil for a proper
// end. String names it in logs and crash reports.
type Actor interface {
	Run(ctx context.Context) error
	String() string
}

// Exit tells a parent that a child ended, and why.
type Exit struct {
	Actor Actor
	Err   error // nil: a proper end; *Crash: a panic
}

// Crash is the exit reason of an actor that panicked.
type Crash struct {
	Actor string
	Err   error // the panic's value as an error
	Stack []byte
}

func (c *Crash) Error() string { return fmt.Sprintf("actor %s crashed: %v", c.Actor, c.Err) }

// Unwrap gives the panic's own error, if it was one.
func (c *Crash) Unwrap() error { return c.Err }

// call runs an actor and makes a panic its exit reason. It is one frame and no
// more, since every parked actor keeps it on its stack.
func call(ctx context.Context, a Actor) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Crash{Actor: a.String(), Err: asError(v), Stack: debug.Stack()}
		}
	}()
	return a.Run(ctx)
}

func asError(v any) error {
	if err, ok := v.(error); ok {
		return err
	}
	return fmt.Errorf("panic: %v", v)
}

// Group runs the children of one parent. The parent reads Exits in its select
// and calls Wait before it ends; it must have told the children to stop by
// then (by their context, or by closing what they read from).
type Group struct {
	wg      conc.WaitGroup
	exits   chan Exit
	waiting chan struct{}
	once    sync.Once
}

// NewGroup returns a group whose exits channel holds up to capacity reports.
func NewGroup(capacity int) *Group {
	return &Group{exits: make(chan Exit, capacity), waiting: make(chan struct{})}
}

// Go starts a child. Its end is reported on Exits unless the parent is
// already in Wait.
func (g *Group) Go(ctx context.Context, a Actor) {
	g.wg.Go(func() {
		exit := Exit{a, errVanished}
		defer func() { // even if the goroutine is ended from within
			select {
			case g.exits <- exit:
			case <-g.waiting:
			}
		}()
		exit.Err = call(ctx, a)
	})
}

// Exits reports the end of each child, in the order of their ends.
func (g *Group) Exits() <-chan Exit { return g.exits }

// Wait returns when every child has ended. It may be called more than once;
// exits that nobody read until the first call are dropped.
func (g *Group) Wait() {
	g.once.Do(func() { close(g.waiting) })
	g.wg.Wait()
}

// Func makes an actor of a plain function. Each call gives an actor of its own,
// which can be told from others in an Exit.
func Func(name string, run func(ctx context.Context) error) Actor { return &funcActor{name, run} }

type funcActor struct {
	name string
	run  func(ctx context.Context) error
}

func (f *funcActor) Run(ctx context.Context) error { return f.run(ctx) }
func (f *funcActor) String() string                { return f.name }
