package choice

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
)

// shuffle deals rounds. In each round every backend has as many turns as its
// weight says, in an order of its own that all gateways of a store find alike.
// Backends that may not be picked lose their turn as with RoundRobin.
type shuffle struct{}

func (shuffle) String() string { return "Shuffle" }
func (shuffle) Turns() bool    { return true }
func (shuffle) Names() Names   { return NoNames }

func (shuffle) prepare(l *List, t *tier) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.rules.Pool)) // never fails
	t.deal.seed = h.Sum64() ^ mix(uint64(l.places[t.places[0]].Tier))
	for at, w := range reduced(l.weights(t)) {
		t.deal.deck = append(t.deal.deck, slices.Repeat(t.places[at:at+1], w)...)
	}
}

func (shuffle) pick(l *List, t *tier, a *Ask, f filter) (int32, error) {
	return l.byTurn(a, f, t.deal.size(), t.deal.at)
}

// deal is a deck and how it lies in one round.
type deal struct {
	seed  uint64
	deck  []int32 // each place as often as its weight says, in list order
	round uint64
	dealt []int32 // the deck in the order of that round; nil: not yet
}

func (d *deal) size() int { return len(d.deck) }

// at is the place that has a turn. The deck is shuffled at the first turn of
// a round that is asked for.
func (d *deal) at(turn uint64) int32 {
	n := uint64(len(d.deck))
	if round := turn / n; d.dealt == nil || d.round != round {
		d.round = round
		d.dealt = append(d.dealt[:0], d.deck...)
		r := rand.New(rand.NewPCG(d.seed, round))
		r.Shuffle(len(d.dealt), func(i, j int) { d.dealt[i], d.dealt[j] = d.dealt[j], d.dealt[i] })
	}
	return d.dealt[turn%n]
}
