package choice

import "slices"

// longest is the most turns of a cycle or a round, as long as every place
// can have one turn in it.
const longest = 4096

// cycle is a tier's places in the order of their turns, each as often as its
// weight says, spread as evenly as can be.
type cycle []int32

// newCycle deals the turns as nginx does (smooth weighted round robin): at
// each turn every place gains its weight, the richest has the turn and pays
// the sum of all weights. Places of equal weight follow in list order.
func newCycle(places []int32, weights []int) cycle {
	weights = reduced(weights)
	if slices.Max(weights) == 1 {
		return slices.Clone(places)
	}
	sum := 0
	for _, w := range weights {
		sum += w
	}
	out := make(cycle, 0, sum)
	credit := make([]int, len(weights))
	for range sum {
		richest := 0
		for at, w := range weights {
			credit[at] += w
			if credit[at] > credit[richest] {
				richest = at
			}
		}
		credit[richest] -= sum
		out = append(out, places[richest])
	}
	return out
}

// reduced divides weights by what they have in common. If their sum is still
// too large it makes them smaller, none less than 1.
func reduced(weights []int) []int {
	sum, common := 0, 0
	for _, w := range weights {
		sum, common = sum+w, gcd(w, common)
	}
	out := make([]int, len(weights))
	room := max(longest-len(weights), len(weights)) // the rest is for those rounded up to 1
	for at, w := range weights {
		if sum/common <= longest {
			out[at] = w / common
		} else {
			out[at] = max(int(int64(w)*int64(room)/int64(sum)), 1)
		}
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// at is the place that has a turn.
func (c cycle) at(turn uint64) int32 { return c[turn%uint64(len(c))] }

// after is the first turn, not before the given one, that follows a turn of
// the place.
func (c cycle) after(place int32, turn uint64) uint64 {
	for step := range uint64(len(c)) {
		if t := turn + step; t > 0 && c.at(t-1) == place {
			return t
		}
	}
	return turn + 1 // at turn 0 of a list of one
}
