package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/stores"
)

// turns is a pool's rotation as a number. Alone, a gateway just counts. With
// a shared store each turn is given to one gateway of the fleet; some are held
// in reserve, so that a pick need not wait for the store.
type turns struct {
	shared bool
	alone  bool   // the store does not answer: the gateway counts by itself
	next   uint64 // above all turns that were given here
	spans  []span // the reserve
	target int    // how large it is to be: 1 at rest, so that two gateways alternate
	taken  int    // since the last look at the demand
}

// span is turns from one number up to another, without it.
type span struct{ from, until uint64 }

// mostReserve is the largest reserve.
const mostReserve = 64

// Next implements choice.Turns.
func (t *turns) Next() (turn uint64, ok bool) {
	t.taken++
	if len(t.spans) > 0 {
		s := &t.spans[0]
		turn = s.from
		if s.from++; s.from == s.until {
			t.spans = t.spans[1:]
		}
		t.next = max(t.next, turn+1)
		return turn, true
	}
	if t.shared && !t.alone {
		return 0, false
	}
	turn = t.next
	t.next++
	return turn, true
}

func (t *turns) reserve() (n int) {
	for _, s := range t.spans {
		n += int(s.until - s.from)
	}
	return n
}

// need is how many turns to ask the store for when so many picks wait.
func (t *turns) need(waiting int) int {
	have := t.reserve()
	if waiting == 0 && have > t.target/2 {
		return 0
	}
	if waiting > 1 { // one may be waiting at rest, too
		t.target = min(max(2*t.target, waiting), mostReserve)
	}
	return max(t.target+waiting-have, 0)
}

// shrink lets the reserve follow a demand that went down.
func (t *turns) shrink() {
	if t.taken < t.target {
		t.target = max(t.target/2, 1)
	}
	t.taken = 0
}

// ask is a question for turns; the turner answers each with a grant.
type ask struct {
	pool    string
	n       int
	atLeast uint64
}

type grant struct {
	pool string
	span span
}

type granted struct {
	grants []grant
	err    error
}

// turner is the child that waits for a shared store's turns.
type turner struct {
	store  stores.Shared
	within time.Duration
	asks   <-chan []ask
	done   chan<- granted // capacity 1, one answer per job
}

func (t *turner) String() string { return "policy turner" }

// Run answers until ctx ends.
func (t *turner) Run(ctx context.Context) error {
	for {
		select {
		case asks := <-t.asks:
			if got := t.take(ctx, asks); !ended(ctx) {
				t.done <- got // never blocks
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *turner) take(ctx context.Context, asks []ask) (out granted) {
	ctx, cancel := context.WithTimeout(ctx, t.within)
	defer cancel()
	for _, q := range asks {
		var first uint64
		err := attempt(func() (err error) {
			first, err = t.store.Turns(ctx, q.pool, q.n, q.atLeast)
			return err
		})
		if err != nil {
			out.err = fmt.Errorf("take turns of pool %q from the shared store: %w", q.pool, err)
			return out
		}
		out.grants = append(out.grants, grant{q.pool, span{first, first + uint64(q.n)}})
	}
	return out
}
