package choice

import "sort"

// random gives each backend with a chance of its weight to the sum of the
// weights of all that may be picked; during a slow start with less.
type random struct{}

func (random) String() string { return "Random" }
func (random) Turns() bool    { return false }
func (random) Names() Names   { return NoNames }

func (random) prepare(l *List, t *tier) { t.shares = newShares(l.weights(t)) }

// draws is how often chance is asked before the exact way: with a half of the
// backends down, one pick in 65536 goes it.
const draws = 16

func (random) pick(l *List, t *tier, a *Ask, f filter) (int32, error) {
	warming := l.warming(a.Now)
	for range draws {
		i := t.places[t.shares.at(a.Rand.Uint64N(t.shares.sum()))]
		if l.may(i, f) && (!warming || a.Rand.Float64() < l.share(i, a.Now)) {
			return i, nil
		}
	}
	sum := 0.0
	for _, i := range t.places {
		if l.may(i, f) {
			sum += float64(l.places[i].Weight) * l.share(i, a.Now)
		}
	}
	x, last := a.Rand.Float64()*sum, int32(0)
	for _, i := range t.places {
		if !l.may(i, f) {
			continue
		}
		last = i
		if x -= float64(l.places[i].Weight) * l.share(i, a.Now); x < 0 {
			break
		}
	}
	return last, nil
}

// shares are the running sums of a tier's weights: index x of the list with
// each place as often as its weight says is found without making that list.
type shares []uint64

func newShares(weights []int) shares {
	out, sum := make(shares, len(weights)), uint64(0)
	for at, w := range weights {
		sum += uint64(w)
		out[at] = sum
	}
	return out
}

func (s shares) sum() uint64 { return s[len(s)-1] }

// at is the index in the tier that x falls on; x is less than the sum.
func (s shares) at(x uint64) int {
	if s.sum() == uint64(len(s)) {
		return int(x) // all weights are 1
	}
	return sort.Search(len(s), func(at int) bool { return s[at] > x })
}
