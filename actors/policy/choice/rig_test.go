package choice

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/messages"
)

// counter is the turns of a gateway that is alone.
type counter struct{ next uint64 }

func (c *counter) Next() (uint64, bool) { c.next++; return c.next - 1, true }

func law(t testing.TB, policy string) Law {
	l, err := LawFor(policy)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fleet is backends b0, b1 … with their list.
type fleet struct {
	rules    Rules
	backends []*Backend
	entries  []Entry
	list     *List
}

// lined makes a list of backends with these weights, all up.
func lined(rules Rules, weights ...int) *fleet {
	f := &fleet{rules: rules}
	for i, w := range weights {
		b := &Backend{Key: fmt.Sprint("b", i), Gate: NewGate(0)}
		f.backends = append(f.backends, b)
		f.entries = append(f.entries, Entry{Backend: b, Weight: w})
	}
	f.relist()
	return f
}

func (f *fleet) relist() {
	if f.list != nil {
		f.list.Detach()
	}
	f.list = NewList(f.rules, f.entries)
}

func (f *fleet) set(i int, state messages.HealthState) {
	f.backends[i].Gate.Change(messages.HealthChanged{State: state, Attempts: unlimited})
	f.backends[i].Changed()
}

// take picks n times and counts.
func (f *fleet) take(t rapid.TB, n int, ask *Ask) []int {
	t.Helper()
	counts := make([]int, len(f.entries))
	for range n {
		p, err := f.list.Pick(ask)
		if err != nil {
			t.Fatalf("pick: %v", err)
		}
		counts[p.Place]++
	}
	return counts
}

// drawn makes a list of 1 to 8 backends with weights 1 to 5, of which some but
// not all are down.
func drawn(t *rapid.T, rules Rules) (f *fleet, alive []int) {
	weights := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 8).Draw(t, "weights")
	f = lined(rules, weights...)
	sure := rapid.IntRange(0, len(weights)-1).Draw(t, "surely alive")
	for i := range weights {
		if i != sure && rapid.IntRange(0, 2).Draw(t, "fate") == 0 {
			f.set(i, rapid.SampledFrom([]messages.HealthState{messages.Down, messages.Draining, messages.Maintenance}).Draw(t, "state"))
		} else {
			alive = append(alive, i)
		}
	}
	return f, alive
}

// reweigh changes the list: other weights, another order, one more backend.
func (f *fleet) reweigh(t *rapid.T) {
	f.entries = rapid.Permutation(f.entries).Draw(t, "order")
	for i := range f.entries {
		f.entries[i].Weight = rapid.IntRange(1, 5).Draw(t, "weight")
	}
	b := &Backend{Key: "new", Gate: NewGate(0)}
	f.backends = append(f.backends, b)
	f.entries = append(f.entries, Entry{Backend: b, Weight: rapid.IntRange(1, 5).Draw(t, "weight")})
	f.relist()
}

func (f *fleet) sum(of []int) (n int) {
	for _, i := range of {
		n += f.entries[i].Weight
	}
	return n
}

// common is what all weights can be divided by.
func (f *fleet) common() (g int) {
	for _, e := range f.entries {
		g = gcd(e.Weight, g)
	}
	return g
}

func dice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
