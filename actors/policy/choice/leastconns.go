package choice

// leastConns gives the backend with the fewest connections open now, here and
// at other gateways of the store, for its weight; of equals the first in the
// list.
type leastConns struct{}

func (leastConns) String() string { return "LeastConns" }
func (leastConns) Turns() bool    { return false }
func (leastConns) Names() Names   { return NoNames }

func (leastConns) prepare(_ *List, t *tier) {
	t.least = newTournament(len(t.places), func(p *place) float64 {
		return float64(p.Backend.open()) / float64(p.Weight)
	})
}

func (leastConns) pick(l *List, t *tier, a *Ask, f filter) (int32, error) {
	return l.byScore(t, a, f), nil
}
