package choice

import (
	"testing"

	"github.com/sluice-gateway/sluice/messages"
)

func TestGate(t *testing.T) {
	g := NewGate(0)
	steps := []struct {
		claim      string
		do         func()
		connecting int
		lets       bool
	}{
		{"nobody said anything", func() {}, 1000, true},
		{"a failure alone is no limit", func() { g.Observe(true) }, 1000, true},
		{"in doubt, one attempt is left", func() { g.Change(messages.HealthChanged{Attempts: 1, Observed: 1}) }, 0, true},
		{"it is under way", func() {}, 1, false},
		{"it failed, which the health actor has not heard of", func() { g.Observe(true) }, 0, false},
		{"an answer to the older one changes nothing", func() { g.Change(messages.HealthChanged{Attempts: 1, Observed: 1}) }, 0, false},
		{"down", func() { g.Change(messages.HealthChanged{State: messages.Down, Attempts: 0, Observed: 2}) }, 0, false},
		{"a try", func() { g.Change(messages.HealthChanged{State: messages.Probing, Attempts: 1, Observed: 2}) }, 0, true},
		{"a good banner does not lower attempts", func() { g.Observe(false) }, 0, true},
		{"up again", func() { g.Change(messages.HealthChanged{Attempts: -1, Observed: 3}) }, 1000, true},
		{"a health actor that began anew", func() { g.Change(messages.HealthChanged{Attempts: 2}) }, 1, true},
		{"maintenance", func() { g.Change(messages.HealthChanged{State: messages.Maintenance, Attempts: -1}) }, 0, false},
	}
	for _, s := range steps {
		s.do()
		if got := g.lets(s.connecting); got != s.lets {
			t.Fatalf("%s: with %d under way it lets one more: %v, want %v", s.claim, s.connecting, got, s.lets)
		}
	}
}

// However many fail at once, a gate never lets more through than it was told.
func TestGateHoldsACrowdBack(t *testing.T) {
	g := NewGate(7)
	g.Change(messages.HealthChanged{Attempts: 2, Observed: 7})
	connecting, tried := 0, 0
	for range 500 {
		if g.lets(connecting) {
			connecting++
			tried++
		}
		if connecting > 1 {
			connecting--
			g.Observe(true)
		}
	}
	if tried != 2 {
		t.Errorf("%d of 500 tried a backend that had 2 attempts left", tried)
	}
	if seq, row := g.Observe(true); seq != 9 || row != 2 {
		t.Errorf("observation %d, row of %d, want 9 and 2", seq, row)
	}
}

func TestPlainGatesAreThoseOfNewcomers(t *testing.T) {
	g := NewGate(0)
	if !g.Plain() {
		t.Error("a new gate is to be remembered")
	}
	g.Observe(true)
	if g.Plain() {
		t.Error("a row of failures is to be forgotten")
	}
	g.Reset()
	if !g.Plain() || g.Seq() != 1 {
		t.Errorf("after the reset: plain %v, number %d", g.Plain(), g.Seq())
	}
}
