package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/stores"
)

// Fleet is what a shared implementation brings for the suite: one store that
// is empty in the beginning, gateways that join it, and its troubles.
type Fleet struct {
	// Join returns the store of one more gateway. The suite closes it.
	Join func(t testing.TB) stores.Shared
	// Lease is how long a gateway counts as living.
	Lease time.Duration
	// Pass returns when that much of the lease's time has passed.
	Pass func(time.Duration)
	// Cut begins or ends an outage of the whole store.
	Cut func(t testing.TB, away bool)
	// Forget restarts the store with nothing in it.
	Forget func(t testing.TB)
}

// patience bounds every wait of the suite.
const patience = 20 * time.Second

// RunShared holds an implementation of stores.Shared to its contract. open
// returns a new fleet.
func RunShared(t *testing.T, open func(t *testing.T) Fleet) {
	for name, claim := range map[string]func(*testing.T, *fleet){
		"turns_are_taken_once":                        turnsOnce,
		"turns_begin_at_no_less_than":                 turnsAtLeast,
		"turns_that_cannot_be_are_refused":            turnsRefused,
		"a_beat_sums_the_others":                      beatSums,
		"changed_counts_are_told_and_the_same_not":    beatTells,
		"a_gateway_whose_lease_ended_is_forgotten":    beatForgets,
		"a_gateway_that_slept_comes_back":             beatReturns,
		"a_closed_gateway_leaves_at_once":             beatLeaves,
		"a_watch_tells_the_others_changes":            watchOthers,
		"a_first_is_decided_once_and_the_losers_told": watchFirst,
		"an_outage_is_said_and_a_watch_tells_of_it":   outage,
		"each_writer_hears_once_that_all_was_lost":    renewed,
		"a_watch_ends_with_its_context_or_the_store":  watchEnds,
	} {
		t.Run(name, func(t *testing.T) { claim(t, &fleet{Fleet: open(t), t: t}) })
	}
}

type fleet struct {
	Fleet
	t *testing.T
}

func (f *fleet) join() stores.Shared {
	s := f.Join(f.t)
	f.t.Cleanup(func() { must(f.t, s.Close()) })
	return s
}

// ear hears the news of one gateway.
type ear struct {
	t    *testing.T
	news chan stores.News
}

// listen starts a Watch and waits until it listens.
func (f *fleet) listen(s stores.Shared) *ear {
	f.t.Helper()
	e := &ear{t: f.t, news: make(chan stores.News, 10000)}
	ctx, cancel := context.WithCancelCause(context.Background())
	over := errors.New("the test is over")
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := s.Watch(ctx, func(n stores.News) { e.news <- n }); !errors.Is(err, over) {
			f.t.Errorf("the watch ended with %v", err)
		}
	})
	f.t.Cleanup(func() { cancel(over); wg.Wait() })
	if n := e.next("the beginning of a watch"); len(n.Records) > 0 || n.Counts || n.Lost {
		f.t.Fatalf("a watch begins with %+v", n)
	}
	return e
}

func (e *ear) next(what string) stores.News {
	e.t.Helper()
	select {
	case n := <-e.news:
		return n
	case <-time.After(patience):
		e.t.Fatalf("%s was not told", what)
		return stores.News{}
	}
}

// hears returns when the wanted changes came, in this order and without any
// other news.
func (e *ear) hears(want ...stores.Change) {
	e.t.Helper()
	for len(want) > 0 {
		n := e.next(want[0].Key.String())
		if n.Lost || n.Counts || len(n.Records) == 0 || len(n.Records) > len(want) {
			e.t.Fatalf("told %+v, want %+v", n, want)
		}
		for i, got := range n.Records {
			w := want[i]
			if got.Key != w.Key || string(got.Value) != string(w.Value) || (got.Value == nil) != (w.Value == nil) {
				e.t.Fatalf("told %v = %q, want %v = %q", got.Key, got.Value, w.Key, w.Value)
			}
		}
		want = want[len(n.Records):]
	}
}

// lost returns at the first Lost and drops what came before.
func (e *ear) lost() {
	e.t.Helper()
	for !e.next("a loss").Lost {
	}
}

// counts returns at the news that counts changed.
func (e *ear) counts() {
	e.t.Helper()
	if n := e.next("a change of counts"); !n.Counts || n.Lost || len(n.Records) > 0 {
		e.t.Fatalf("told %+v, want a change of counts", n)
	}
}

// eventually tries until it works: the first calls after an outage may meet
// what is left of it.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}
