package storetest

import (
	"maps"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/stores"
)

func turnsOnce(t *testing.T, f *fleet) {
	const rounds = 50
	gateways := []stores.Shared{f.join(), f.join(), f.join()}
	var mu sync.Mutex
	taken := map[uint64]int{}
	total := uint64(0)
	var wg conc.WaitGroup
	for _, g := range gateways {
		wg.Go(func() {
			last := uint64(0)
			for i := range rounds {
				n := 1 + i%4
				first, err := g.Turns(t.Context(), "p", n, 0)
				if err != nil || (i > 0 && first < last) {
					t.Errorf("turn %d after %d, %v", first, last, err)
					return
				}
				last = first + uint64(n)
				mu.Lock()
				total += uint64(n)
				for turn := first; turn < last; turn++ {
					taken[turn]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for turn := range total {
		if taken[turn] != 1 {
			t.Fatalf("turn %d of %d was taken %d times", turn, total, taken[turn])
		}
	}
}

func turnsAtLeast(t *testing.T, f *fleet) {
	a, b := f.join(), f.join()
	for i, step := range []struct {
		g       stores.Shared
		pool    string
		n       int
		atLeast uint64
		want    uint64
	}{
		{a, "p", 1, 0, 0}, {b, "p", 2, 0, 1}, {a, "p", 1, 100, 100}, {b, "p", 1, 5, 101}, {a, "p", 64, 102, 102}, {b, "p", 1, 0, 166},
		{b, "other \x00ÿ", 1, 0, 0}, {a, "other \x00ÿ", 1, 7, 7},
		{a, "old", 1, 1<<52 + 1, 1<<52 + 1}, {b, "old", 1, 0, 1<<52 + 2}, {b, "old", 1, stores.MaxTurn - 1, stores.MaxTurn - 1},
	} {
		if got, err := step.g.Turns(t.Context(), step.pool, step.n, step.atLeast); err != nil || got != step.want {
			t.Errorf("step %d: %d turns of %q at %d or later begin at %d, %v; want %d", i, step.n, step.pool, step.atLeast, got, err, step.want)
		}
	}
	if got, err := a.Turns(t.Context(), "old", 1, 0); err == nil {
		t.Errorf("turn %d was given after the last", got)
	}
}

func turnsRefused(t *testing.T, f *fleet) {
	a := f.join()
	for _, bad := range []struct {
		n       int
		atLeast uint64
	}{{0, 0}, {-1, 0}, {1, stores.MaxTurn}, {1, 1 << 63}, {1<<62 + 1, 0}} {
		if first, err := a.Turns(t.Context(), "p", bad.n, bad.atLeast); err == nil {
			t.Errorf("%d turns from %d on began at %d", bad.n, bad.atLeast, first)
		}
	}
	if first, err := a.Turns(t.Context(), "p", 1, 0); err != nil || first != 0 {
		t.Errorf("after what was refused the first turn is %d, %v", first, err)
	}
}

type counts = map[stores.Key]int

// beat says what g holds and expects what the others do.
func beat(t *testing.T, g stores.Shared, own, want counts) {
	t.Helper()
	before := maps.Clone(own)
	got, err := g.Beat(t.Context(), own)
	if err != nil || !cmp.Equal(got, want) {
		t.Fatalf("the others hold something else, %v:\n%s", err, cmp.Diff(want, got))
	}
	if !cmp.Equal(own, before) {
		t.Fatal("a beat changed the map that it was given")
	}
}

func beatSums(t *testing.T, f *fleet) {
	a, b, c := f.join(), f.join(), f.join()
	x, y, z := counter("p", "x"), counter("p", "y"), counter("q", "x\x00ÿ")
	beat(t, a, counts{x: 1, y: 2}, counts{})
	beat(t, b, counts{x: 10, z: 5, y: 0}, counts{x: 1, y: 2})
	beat(t, c, nil, counts{x: 11, y: 2, z: 5})
	beat(t, a, counts{x: 2}, counts{x: 10, z: 5})
	beat(t, c, counts{y: 7, z: -1}, counts{x: 12, z: 5})
	beat(t, b, counts{}, counts{x: 2, y: 7})
	beat(t, a, counts{x: 2}, counts{y: 7})
	beat(t, a, counts{}, counts{y: 7})
	beat(t, c, counts{y: 7}, counts{})
}

func beatTells(t *testing.T, f *fleet) {
	a, b := f.join(), f.join()
	heard, own := f.listen(b), f.listen(a)
	x := counter("p", "x")
	beat(t, a, nil, counts{}) // nothing held, as before
	beat(t, a, counts{x: 1}, counts{})
	heard.counts()
	beat(t, a, counts{x: 1}, counts{}) // the same
	beat(t, a, counts{x: 2}, counts{})
	heard.counts()
	beat(t, a, counts{}, counts{})
	heard.counts()
	end := stores.Put(x, []byte("end"))
	must(t, b.Apply(t.Context(), []stores.Change{end}))
	own.hears(end) // and nothing of its own counts
	must(t, a.Apply(t.Context(), []stores.Change{end}))
	heard.hears(end) // and no more than three changes
}

func beatForgets(t *testing.T, f *fleet) {
	a, b, c := f.join(), f.join(), f.join()
	x := counter("p", "x")
	beat(t, a, counts{x: 1}, counts{})
	beat(t, b, counts{x: 10}, counts{x: 1})
	beat(t, c, counts{x: 100}, counts{x: 11})
	const parts = 5
	for part := range 3 * parts { // a is dead, b and c live on
		f.Pass(f.Lease / parts)
		fromB, err := b.Beat(t.Context(), counts{x: 10})
		must(t, err)
		fromC, err := c.Beat(t.Context(), counts{x: 100})
		must(t, err)
		if fromB[x] < 100 || fromC[x] < 10 {
			t.Fatalf("%d/%d of the lease later the living are forgotten: %v %v", part+1, parts, fromB, fromC)
		}
		if part == 0 && (fromB[x] != 101 || fromC[x] != 11) {
			t.Fatalf("a fifth of the lease later the dead one is forgotten: %v %v", fromB, fromC)
		}
	}
	beat(t, b, counts{x: 10}, counts{x: 100})
	beat(t, c, counts{x: 100}, counts{x: 10})
}

func beatReturns(t *testing.T, f *fleet) {
	a, b := f.join(), f.join()
	x := counter("p", "x")
	beat(t, a, counts{x: 1}, counts{})
	beat(t, b, counts{}, counts{x: 1})
	f.Pass(2 * f.Lease)
	beat(t, b, counts{}, counts{})
	beat(t, a, counts{x: 1}, counts{})
	beat(t, b, counts{}, counts{x: 1})
}

func beatLeaves(t *testing.T, f *fleet) {
	a, b := f.join(), f.join()
	heard := f.listen(b)
	x := counter("p", "x")
	beat(t, a, counts{x: 1}, counts{})
	heard.counts()
	must(t, a.Close())
	heard.counts()
	beat(t, b, counts{}, counts{})
	if _, err := a.Beat(t.Context(), counts{x: 1}); err == nil {
		t.Error("a closed gateway beats")
	}
}
