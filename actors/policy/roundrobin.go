package policy

// roundRobin gives each backend in turn: the one after the last given, from
// the first of the list. Backends to skip lose this turn.
type roundRobin struct{}

func (roundRobin) rotates() bool { return true }

func (roundRobin) pick(p *pool, r request) int {
	n := len(p.slots)
	for step := 1; step <= n; step++ {
		if i := (p.last + step) % n; !r.skips(i) {
			return i
		}
	}
	return (p.last + 1) % n
}
