package choice

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/messages"
)

// fair fails unless each count is within five standard deviations of its
// share.
func fair(t rapid.TB, counts []int, shares []float64) {
	t.Helper()
	n, sum := 0, 0.0
	for i := range counts {
		n, sum = n+counts[i], sum+shares[i]
	}
	for i, got := range counts {
		p := shares[i] / sum
		if d := math.Abs(float64(got) - float64(n)*p); d > 5*math.Sqrt(float64(n)*p*(1-p))+1 {
			t.Fatalf("%v of %d, want shares %v", counts, n, shares)
		}
	}
}

func TestRandomFollowsTheWeights(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f, alive := drawn(rt, Rules{Law: random{}})
		ask := &Ask{Rand: dice(rapid.Uint64().Draw(rt, "seed"))}
		shares := make([]float64, len(f.entries))
		for _, i := range alive {
			shares[i] = float64(f.entries[i].Weight)
		}
		fair(rt, f.take(rt, 3000, ask), shares)
		f.reweigh(rt)
		shares = make([]float64, len(f.entries))
		for i, e := range f.entries {
			if e.Backend.Gate.State == messages.Up {
				shares[i] = float64(e.Weight)
			}
		}
		fair(rt, f.take(rt, 3000, ask), shares)
	})
}

// With nearly all backends dead the exact way is gone.
func TestRandomAmongFew(t *testing.T) {
	f := lined(Rules{Law: random{}}, slices.Repeat([]int{3}, 1000)...)
	shares := make([]float64, 1000)
	for i := range 1000 {
		if i%400 == 7 {
			shares[i] = 1
		} else {
			f.set(i, messages.Down)
		}
	}
	fair(t, f.take(t, 3000, &Ask{Rand: dice(3)}), shares)
}
