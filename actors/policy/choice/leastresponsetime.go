package choice

import "time"

// leastResponseTime gives the backend with the smallest
//
//	(open connections + 1) × smoothed time to a banner ÷ weight
//
// where open connections are those here and at other gateways of the store,
// and the time is smoothed as TCP does for round trips: each new sample
// counts an eighth (RFC 6298 section 2). The connection that is to be made is
// counted in, so that among idle backends the fastest wins and not the first.
//
// Those never measured come before the others, the least used of them first,
// so that a burst at the start does not fall on one; one that failed before
// it could be measured counts as slow instead. Of equals the first in the list
// wins.
type leastResponseTime struct{}

// slow is what a backend counts as that failed and was never measured.
const slow = time.Second

func (leastResponseTime) String() string { return "LeastResponseTime" }
func (leastResponseTime) Turns() bool    { return false }
func (leastResponseTime) Names() Names   { return NoNames }

func (leastResponseTime) prepare(_ *List, t *tier) {
	t.least = newTournament(len(t.places), func(p *place) float64 {
		took := p.Backend.Took
		use := float64(p.Backend.open()+1) / float64(p.Weight)
		switch {
		case took > 0:
			return use * float64(took)
		case p.Backend.Gate.Failing():
			return use * float64(slow)
		default:
			return -1 / use
		}
	})
}

func (leastResponseTime) pick(l *List, t *tier, a *Ask, f filter) (int32, error) {
	return l.byScore(t, a, f), nil
}
