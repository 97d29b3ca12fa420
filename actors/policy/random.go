package policy

// random gives each backend with equal chance.
type random struct{}

func (random) rotates() bool { return false }

func (random) pick(p *pool, r request) int {
	if r.skip == nil {
		return r.rand.IntN(len(p.slots))
	}
	return draw(p, r, func(int) bool { return true })
}
