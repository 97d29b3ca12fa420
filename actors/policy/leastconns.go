package policy

// leastConns gives the backend with the fewest connections open now; of
// equals the first in the list.
type leastConns struct{}

func (leastConns) rotates() bool { return false }

func (leastConns) pick(p *pool, r request) int {
	return least(p, r, func(c *counted) float64 { return float64(c.live) })
}
