package supervise

import (
	"math"
	"math/rand/v2"
	"time"
)

// Budget bounds how often a permanent child may fail. Each failure counts 1
// and loses half its weight every HalfLife; above Limit the child is given up.
// Pauses double with every failure in the ledger, from First up to Longest,
// spread by a tenth so that many children do not come back in step.
type Budget struct {
	Limit    float64       // failures the ledger may hold; 0 means 8
	HalfLife time.Duration // 0 means 30 s
	First    time.Duration // pause before the first restart; 0 means 20 ms
	Longest  time.Duration // longest pause; 0 means 10 s
}

func (b Budget) withDefaults() Budget {
	if b.Limit == 0 {
		b.Limit = 8
	}
	if b.HalfLife == 0 {
		b.HalfLife = 30 * time.Second
	}
	if b.First == 0 {
		b.First = 20 * time.Millisecond
	}
	if b.Longest == 0 {
		b.Longest = 10 * time.Second
	}
	return b
}

func (b Budget) open() *ledger { return &ledger{Budget: b} }

// ledger is one child's record of failures.
type ledger struct {
	Budget
	weight float64
	last   time.Time
}

// fail books a failure at the given time and returns the pause before the
// next start, or false when the budget is spent.
func (l *ledger) fail(at time.Time) (time.Duration, bool) {
	if !l.last.IsZero() {
		l.weight *= math.Exp2(-float64(at.Sub(l.last)) / float64(l.HalfLife))
	}
	l.last = at
	l.weight++
	if l.weight > l.Limit {
		return 0, false
	}
	pause := min(float64(l.First)*math.Exp2(l.weight-1), float64(l.Longest))
	return time.Duration(pause * (0.9 + 0.2*rand.Float64())), true
}
