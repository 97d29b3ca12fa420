package choice

import "fmt"

// Law is one value of ProxyReverseConnectPolicy: one file each. A law has no
// state of its own; what it prepared for a list stands in the list's tiers.
type Law interface {
	fmt.Stringer
	// prepare makes what the law needs for a tier.
	prepare(l *List, t *tier)
	// pick returns a place of the tier that passes the filter; there is one.
	pick(l *List, t *tier, a *Ask, f filter) (int32, error)
	// Turns reports whether picks take turns.
	Turns() bool
	// Names reports whose assignments the law keeps.
	Names() Names
}

// Names says what an assignment is kept for.
type Names uint8

// What assignments may be kept for.
const (
	NoNames Names = iota
	Users
	Groups
	Hosts
)

// LawFor finds a law by the policy's name as the directive's reference spells
// it.
func LawFor(policy string) (Law, error) {
	switch policy {
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
	case "PerUser":
		return named{Users}, nil
	case "PerGroup":
		return named{Groups}, nil
	case "PerHost":
		return named{Hosts}, nil
	default:
		return nil, fmt.Errorf("unknown ProxyReverseConnectPolicy %q", policy)
	}
}

// mix spreads a number over all 64 bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fraction makes a number in [0, 1) of a mixed one.
func fraction(x uint64) float64 { return float64(x>>11) / (1 << 53) }
