// Package supervisetest runs an actor in a test as the real tree runs it: under
// a supervisor that starts it again when it falls, and retires its mailbox at
// the end.
package supervisetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// Run starts an actor under a supervisor, which tells observe of what happens to
// it; nil: nobody. The actor has ten seconds to end when stop is called, which
// waits for that, and may be called again. A supervisor that gives the actor up
// fails the test.
func Run(t testing.TB, a supervise.Actor, retire func(), observe func(supervise.Event)) (stop func()) {
	tree := supervise.NewTree("test", supervise.Options{Observe: observe})
	tree.Add(supervise.Child{Actor: a, Retire: retire, Grace: 10 * time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := tree.Run(ctx); err != nil {
			t.Errorf("the tree gave up: %v", err)
		}
	})
	return sync.OnceFunc(func() { cancel(); wg.Wait() })
}
