package choice

import (
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// unlimited is a gate's number of attempts when there is no limit.
const unlimited = -1

// mostUnseen bounds what a gate remembers of its own observations. It needs
// no more than the attempts that a backend in doubt is ever given.
const mostUnseen = 64

// Gate is how a backend's health bears on picks: what the health actor said
// last, and what this actor has seen since.
type Gate struct {
	State     messages.HealthState
	Attempts  int       // allowed to be under way; negative: no limit
	Recovered time.Time // zero: long ago

	seq    uint64   // of the newest observation
	row    int      // failures in a row up to it
	unseen []uint64 // failures that the health actor has not counted yet
}

// NewGate returns the gate of a backend that nobody said anything about. Its
// observations are numbered from after on, so that a number is never given
// twice to one backend.
func NewGate(after uint64) *Gate { return &Gate{Attempts: unlimited, seq: after} }

// Change takes in what the health actor says.
func (g *Gate) Change(m messages.HealthChanged) {
	g.State, g.Attempts, g.Recovered = m.State, m.Attempts, m.Recovered
	g.unseen = slices.DeleteFunc(g.unseen, func(seq uint64) bool { return seq <= m.Observed })
}

// Observe numbers an observation and counts failures in a row. A failure
// lowers the attempts from now on, not from when the health actor has heard of
// it: in between, a crowd would walk into the dead backend.
func (g *Gate) Observe(failed bool) (seq uint64, row int) {
	g.seq++
	if !failed {
		g.row = 0
		return g.seq, 0
	}
	g.row++
	if len(g.unseen) == mostUnseen {
		g.unseen = slices.Delete(g.unseen, 0, 1)
	}
	g.unseen = append(g.unseen, g.seq)
	return g.seq, g.row
}

// Failing reports whether the newest observation was a failure.
func (g *Gate) Failing() bool { return g.row > 0 }

// Seq is the number of the newest observation.
func (g *Gate) Seq() uint64 { return g.seq }

// Plain reports whether the gate is that of a backend in good health, of
// which nothing needs to be remembered.
func (g *Gate) Plain() bool {
	return g.State == messages.Up && g.Attempts < 0 && g.Recovered.IsZero() && g.row == 0
}

// Reset makes it the gate of a backend that nobody said anything about.
func (g *Gate) Reset() { *g = *NewGate(g.seq) }

// up reports whether the backend may be picked at all.
func (g *Gate) up() bool { return g.State == messages.Up || g.State == messages.Probing }

// standing reports whether the backend may be picked when all are down: an
// administrator's word holds even then.
func (g *Gate) standing() bool { return g.up() || g.State == messages.Down }

// spent reports whether as many attempts are under way as the gate allows.
func (g *Gate) spent(connecting int) bool {
	return g.Attempts >= 0 && connecting+len(g.unseen) >= g.Attempts
}

// lets reports whether one more pick may go to the backend.
func (g *Gate) lets(connecting int) bool { return g.up() && !g.spent(connecting) }
