package policy

import (
	"fmt"
	"math/rand/v2"
)

// chooser is one value of ProxyReverseConnectPolicy: one file each. It finds
// the place in a pool's list for one pick. It has no state of its own; what
// it must remember stands in the pool.
type chooser interface {
	// pick returns a place that is not to be skipped. The pool has at least
	// one backend, and at least one that is not skipped.
	pick(p *pool, r request) int
	// rotates reports whether a pick depends on those before it, so that the
	// place picked is to be remembered.
	rotates() bool
}

// request is what a pick may depend on.
type request struct {
	skip []bool // places to pass over; nil: none
	rand *rand.Rand
}

func (r request) skips(i int) bool { return r.skip != nil && r.skip[i] }

// chooserFor finds a policy by its name, as the directive spells it.
func chooserFor(name string) (chooser, error) {
	switch name {
	case "RoundRobin":
		return roundRobin{}, nil
	case "Random":
		return random{}, nil
	case "Shuffle":
		return shuffle{}, nil
	case "LeastConns":
		return leastConns{}, nil
	case "LeastResponseTime":
		return leastResponseTime{}, nil
	case "PerUser", "PerGroup", "PerHost":
		return nil, fmt.Errorf("ProxyReverseConnectPolicy %s is not supported yet: use RoundRobin, LeastConns or another that keeps no assignments", name)
	default:
		return nil, fmt.Errorf("unknown ProxyReverseConnectPolicy %q", name)
	}
}

// least returns the first place with the smallest score, in list order.
func least(p *pool, r request, score func(*counted) float64) int {
	best, lowest := -1, 0.0
	for i, s := range p.slots {
		if r.skips(i) {
			continue
		}
		if v := score(s.counted); best < 0 || v < lowest {
			best, lowest = i, v
		}
	}
	return best
}

// draw returns one of the places that want accepts, each with equal chance;
// -1 when there is none.
func draw(p *pool, r request, want func(i int) bool) int {
	n := 0
	for i := range p.slots {
		if !r.skips(i) && want(i) {
			n++
		}
	}
	if n == 0 {
		return -1
	}
	nth := r.rand.IntN(n)
	for i := range p.slots {
		if !r.skips(i) && want(i) {
			if nth == 0 {
				return i
			}
			nth--
		}
	}
	return -1
}
