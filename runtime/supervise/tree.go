package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sourcegraph/conc"
)

// Restart says what the end of a tree's child means.
type Restart int

const (
	// Permanent children run until the tree stops: any end but that one
	// restarts them after a growing pause, until their budget is spent.
	Permanent Restart = iota
	// Temporary children are never started again; their error is an event.
	Temporary
)

// Child is one member of a Tree.
type Child struct {
	Actor   Actor
	Restart Restart
	// Grace is how long the child may take to stop; 0 means 5 s. After that
	// the tree goes on stopping the others and reports the laggard.
	Grace time.Duration
	// Retire, when set, is called once when the child will not run again, so
	// that those who wait for it learn that (see mailbox.Mailbox.Retire).
	Retire func()
}

// Event is something that happened to a child, for the log.
type Event struct {
	Child string
	Kind  EventKind
	Err   error         // why it ended; nil for Started
	Pause time.Duration // before the restart, for Restarting
}

// EventKind names what happened to a child of a tree.
type EventKind string

// What can happen to a child.
const (
	Started    EventKind = "started"
	Restarting EventKind = "restarting"
	GaveUp     EventKind = "gave up restarting"
	Ended      EventKind = "ended"
	Lagging    EventKind = "did not stop in time"
)

// Options tune a Tree; zero values mean the defaults.
type Options struct {
	Budget  Budget
	Observe func(Event) // called from the children's goroutines
}

// Tree starts its children in order, without waiting for one to be ready, and
// stops them in the reverse order, each with its own deadline. When a permanent child spends its failure budget the
// whole tree stops and Run returns that child's error.
type Tree struct {
	name     string
	opts     Options
	children []Child
}

// NewTree returns an empty tree.
func NewTree(name string, opts Options) *Tree {
	if opts.Observe == nil {
		opts.Observe = func(Event) {}
	}
	opts.Budget = opts.Budget.withDefaults()
	return &Tree{name: name, opts: opts}
}

// Add appends a child. It must be called before Run.
func (t *Tree) Add(c Child) {
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	t.children = append(t.children, c)
}

func (t *Tree) String() string { return t.name }

// Run starts all children and waits. It returns nil after an ordered stop
// (ctx ended), or the error of the child that could not be kept alive.
func (t *Tree) Run(ctx context.Context) error {
	var wg conc.WaitGroup
	defer wg.Wait()
	failed := make(chan error, len(t.children))
	nodes := make([]*node, 0, len(t.children))
	for _, c := range t.children {
		// Each child has a context of its own, cut loose from ctx, because
		// the order in which they stop is the tree's to choose.
		childCtx, stop := context.WithCancelCause(context.WithoutCancel(ctx))
		n := &node{Child: c, tree: t, ctx: childCtx, stop: stop, done: make(chan struct{})}
		nodes = append(nodes, n)
		wg.Go(func() { n.keepAlive(failed) })
	}

	var cause, result error
	select {
	case result = <-failed:
		cause = fmt.Errorf("%s stops: %w", t.name, result)
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		nodes[i].shutDown(cause)
	}
	return result
}

// node is a child at run time.
type node struct {
	Child
	tree *Tree
	ctx  context.Context
	stop context.CancelCauseFunc
	done chan struct{}
}

func (n *node) shutDown(cause error) {
	n.stop(cause)
	timer := time.NewTimer(n.Grace)
	defer timer.Stop()
	select {
	case <-n.done:
	case <-timer.C:
		n.observe(Lagging, fmt.Errorf("still running %v after it was told to stop", n.Grace), 0)
	}
}

func (n *node) observe(kind EventKind, err error, pause time.Duration) {
	n.tree.opts.Observe(Event{Child: n.Actor.String(), Kind: kind, Err: err, Pause: pause})
}

// keepAlive runs the child until it may end for good.
func (n *node) keepAlive(failed chan<- error) {
	defer close(n.done)
	if n.Retire != nil {
		defer n.Retire()
	}
	ledger := n.tree.opts.Budget.open()
	for {
		n.observe(Started, nil, 0)
		err := call(n.ctx, n.Actor)
		if n.ctx.Err() != nil || n.Restart == Temporary {
			n.observe(Ended, err, 0)
			return
		}
		if err == nil {
			err = errors.New("ended although it should run for ever")
		}
		pause, ok := ledger.fail(time.Now())
		if !ok {
			n.observe(GaveUp, err, 0)
			failed <- fmt.Errorf("%s: %w", n.Actor, err)
			return
		}
		n.observe(Restarting, err, pause)
		if !n.rest(pause) {
			n.observe(Ended, nil, 0)
			return
		}
	}
}

// rest waits out a pause; it reports false when the child was told to stop.
func (n *node) rest(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-n.ctx.Done():
		return false
	}
}
