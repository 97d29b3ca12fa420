package stores

import (
	"context"
	"fmt"
)

// Shared is a store that several gateways use at one time. Each holds a store
// of its own to it.
type Shared interface {
	Store
	// Turns takes n turns of a pool's rotation, atomically among all gateways,
	// beginning at no less than atLeast: first, first+1 and so on. n is at
	// least 1, and no turn is above MaxTurn.
	Turns(ctx context.Context, pool string, n int, atLeast uint64) (first uint64, err error)
	// Beat says which connections this gateway holds, all of them by kind of
	// counters and backend, and renews its lease; the counts of a gateway whose
	// lease ran out are gone. It returns what the other living gateways hold,
	// summed. Neither side counts less than 1.
	Beat(ctx context.Context, own map[Key]int) (others map[Key]int, err error)
	// Watch tells what other gateways do until ctx ends, whose cause it
	// returns, or until the store is closed. Its first News, empty or Lost,
	// says that it listens from then on: what is loaded after that misses
	// nothing. It reconnects by itself. tell is called by one goroutine at a
	// time, may use the store, and should not wait for long: what does not fit
	// into the buffers on its way meanwhile is Lost.
	Watch(ctx context.Context, tell func(News)) error
}

// News is what a Shared store tells. The empty one says that listening began.
type News struct {
	// Records are those that other gateways changed (a nil Value: deleted), in
	// the order of the changes to one key; and the present ones where a First
	// put of this gateway came too late. They are for reading only.
	Records []Change
	// Lost says that the connection was broken and is back. What came meanwhile
	// is unknown: load again.
	Lost bool
	// Counts says that somebody's counts changed: Beat soon.
	Counts bool
}

// CheckTurns refuses what Turns does not take.
func CheckTurns(pool string, n int, atLeast uint64) error {
	switch {
	case n < 1:
		return fmt.Errorf("take %d turns of pool %q: at least 1 is taken", n, pool)
	case atLeast > MaxTurn || uint64(n) > MaxTurn-atLeast:
		return fmt.Errorf("take %d turns of pool %q from %d on: turns end at %d", n, pool, atLeast, uint64(MaxTurn))
	}
	return nil
}
