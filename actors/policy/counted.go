package policy

import (
	"time"

	"github.com/sluice-gateway/sluice/actors/policy/choice"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

// counted is what is known about one backend of one pool. It outlives its
// place in the list while sessions still hold it. One that only look-ups name
// lives while sessions hold it, and no longer.
type counted struct {
	choice.Backend
	pool      string
	record    stores.Counters
	listed    bool // in the pool's present list
	dirty     bool // in the outbox's list of things to write
	forgotten bool // its record was deleted since it left the list
	// untold is what the health actor has not been told yet.
	untold *messages.BackendObserved
}

func (c *counted) storeKey() stores.Key { return counters(c.pool, c.Key) }

// counters is the key of a backend's record; it also names the backend where
// gateways tell each other what they hold.
func counters(pool, backend string) stores.Key {
	return stores.Key{Kind: stores.KindCounters, Pool: pool, Name: backend}
}

// slot is one place of a pool's list. Two places may lead to one backend.
type slot struct {
	backend messages.Backend
	counted *counted
}

func (s slot) entry() choice.Entry {
	tier := s.backend.Tier
	if s.backend.URL.Backup && tier < messages.BackupTier {
		tier += messages.BackupTier
	}
	return choice.Entry{Backend: &s.counted.Backend, Weight: s.backend.URL.Weight, Max: s.backend.URL.Max, Tier: tier}
}

func entries(slots []slot) []choice.Entry {
	out := make([]choice.Entry, len(slots))
	for i, s := range slots {
		out[i] = s.entry()
	}
	return out
}

// gates hold what the health actor said of each backend. They outlive a crash
// of this actor, as health says a thing once.
type gates struct {
	of map[stores.Key]*choice.Gate
	// floor is above all numbers of observations given to gates that are no
	// more, so that a backend that comes back never gets one twice.
	floor uint64
}

func newGates() gates { return gates{of: map[stores.Key]*choice.Gate{}} }

func (g *gates) get(k stores.Key) *choice.Gate {
	gate := g.of[k]
	if gate == nil {
		gate = choice.NewGate(g.floor)
		g.of[k] = gate
	}
	return gate
}

func (g *gates) drop(k stores.Key) {
	if gate := g.of[k]; gate != nil {
		g.floor = max(g.floor, gate.Seq())
		delete(g.of, k)
	}
}

// smooth weighs the newest connect time with an eighth, as TCP does for round
// trips (RFC 6298 section 2). The first sample counts whole; a measured time
// is never zero, which means never measured.
func smooth(old, sample time.Duration) time.Duration {
	sample = max(sample, 1)
	if old == 0 {
		return sample
	}
	return max(old+(sample-old)/8, 1)
}
