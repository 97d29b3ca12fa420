package policy

// leastResponseTime gives the backend with the smallest product of open
// connections and smoothed connect time. Those never measured come first, the
// least used of them before the others, so that a burst at the start does not
// fall on one; an idle one scores zero; of equals the first in the list.
type leastResponseTime struct{}

func (leastResponseTime) rotates() bool { return false }

func (leastResponseTime) pick(p *pool, r request) int {
	return least(p, r, func(c *counted) float64 {
		if c.record.ConnectTime == 0 {
			return -1 / (1 + float64(c.live))
		}
		return float64(c.live) * float64(c.record.ConnectTime)
	})
}
