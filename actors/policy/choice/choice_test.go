package choice

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/messages"
)

var policies = []string{"RoundRobin", "Random", "Shuffle", "LeastConns", "LeastResponseTime", "PerUser", "PerGroup", "PerHost"}

func question() *Ask { return &Ask{Turns: &counter{}, Rand: dice(1), Name: "joe"} }

// TestWhoMayBePicked is the same for all laws.
func TestWhoMayBePicked(t *testing.T) {
	for _, c := range []struct {
		claim string
		set   func(f *fleet, r *Rules)
		tried []int
		may   []int // places that may be picked
		err   error
	}{
		{claim: "all are up", may: []int{0, 1, 2, 3}},
		{claim: "the down are not", set: states(messages.Down, messages.Up, messages.Down, messages.Up), may: []int{1, 3}},
		{claim: "the probing are", set: states(messages.Down, messages.Probing, messages.Down, messages.Down), may: []int{1}},
		{claim: "drained and in maintenance are not", set: states(messages.Draining, messages.Maintenance, messages.Up, messages.Up), may: []int{2, 3}},
		{claim: "the tried are not", tried: []int{0, 2}, may: []int{1, 3}},
		{claim: "the tried are when there is nobody else", tried: []int{0, 1, 2, 3}, may: []int{0, 1, 2, 3}},
		{claim: "rather the tried that are up than the untried that are down", set: states(messages.Up, messages.Down, messages.Down, messages.Down), tried: []int{0}, may: []int{0}},
		{claim: "the full are not", set: full(0, 1, 2), may: []int{3}},
		{claim: "all are full", set: full(0, 1, 2, 3), err: ErrAllFull},
		{claim: "those that are up are full", set: both(full(0, 1), states(messages.Up, messages.Up, messages.Down, messages.Down)), err: ErrAllFull},
		{claim: "all are down, and tried anyway", set: states(messages.Down, messages.Down, messages.Maintenance, messages.Draining), may: []int{0, 1}},
		{claim: "all are down, and rather those not tried yet", set: states(messages.Down, messages.Down, messages.Maintenance, messages.Draining), tried: []int{1}, may: []int{0}},
		{claim: "all are down, and all tried", set: states(messages.Down, messages.Down, messages.Maintenance, messages.Draining), tried: []int{0, 1}, may: []int{0, 1}},
		{claim: "all are down, and refused", set: both(refuse, states(messages.Down, messages.Down, messages.Down, messages.Down)), err: ErrAllDown},
		{claim: "an administrator's word holds in any case", set: states(messages.Maintenance, messages.Draining, messages.Maintenance, messages.Draining), err: ErrAllDown},
		{claim: "the lowest tier", set: tiers(5, 7, 5, 6), may: []int{0, 2}},
		{claim: "the next tier when the lowest is down", set: both(tiers(5, 7, 5, 6), states(messages.Down, messages.Up, messages.Down, messages.Up)), may: []int{3}},
		{claim: "the next tier when the lowest was tried", set: tiers(5, 7, 5, 6), tried: []int{0, 2}, may: []int{3}},
		{claim: "the next tier when the lowest is full", set: both(tiers(0, messages.BackupTier, 0, messages.BackupTier), full(0, 2)), may: []int{1, 3}},
		{claim: "the lowest tier when all are down", set: both(tiers(1, 0, 1, 0), states(messages.Down, messages.Down, messages.Down, messages.Down)), may: []int{1, 3}},
		{claim: "no more attempts than a gate allows", set: doubtful(2, 1, 0, -1), may: []int{0, 3}},
		{claim: "all attempts are under way, and they are tried anyway", set: doubtful(1, 1, 0, 0), may: []int{0, 1, 2, 3}},
		{claim: "all attempts are under way, and it is refused", set: both(refuse, doubtful(1, 1, 0, 0)), err: ErrAllDown},
	} {
		for _, policy := range policies {
			t.Run(c.claim+"/"+policy, func(t *testing.T) {
				f := lined(Rules{Law: law(t, policy), Pool: "p"}, 1, 1, 1, 1)
				if c.set != nil {
					c.set(f, &f.rules)
				}
				f.relist()
				ask := question()
				for _, i := range c.tried {
					ask.Tried = append(ask.Tried, f.backends[i])
				}
				for n := range 200 {
					ask.Name = string(rune('a' + n))
					p, err := f.list.Pick(ask)
					if !errors.Is(err, c.err) || err == nil && !slices.Contains(c.may, p.Place) {
						t.Fatalf("picked %d, %v, want one of %v, %v", p.Place, err, c.may, c.err)
					}
				}
			})
		}
	}
}

func states(s ...messages.HealthState) func(*fleet, *Rules) {
	return func(f *fleet, _ *Rules) {
		for i := range s {
			f.set(i, s[i])
		}
	}
}

func full(which ...int) func(*fleet, *Rules) {
	return func(f *fleet, _ *Rules) {
		for _, i := range which {
			f.entries[i].Max, f.backends[i].Live, f.backends[i].Elsewhere = 5, 2, 3
		}
	}
}

func tiers(n ...int) func(*fleet, *Rules) {
	return func(f *fleet, _ *Rules) {
		for i := range n {
			f.entries[i].Tier = n[i]
		}
	}
}

// doubtful gives each backend one attempt under way and so many allowed.
func doubtful(attempts ...int) func(*fleet, *Rules) {
	return func(f *fleet, _ *Rules) {
		for i, n := range attempts {
			f.backends[i].Live, f.backends[i].Connecting = 1, 1
			f.backends[i].Gate.Change(messages.HealthChanged{Attempts: n})
		}
	}
}

func refuse(_ *fleet, r *Rules) { r.AllDown = messages.Refuse }

func both(a, b func(*fleet, *Rules)) func(*fleet, *Rules) {
	return func(f *fleet, r *Rules) { a(f, r); b(f, r) }
}

func TestAListOfNobody(t *testing.T) {
	for _, policy := range policies {
		if _, err := NewList(Rules{Law: law(t, policy)}, nil).Pick(question()); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: %v", policy, err)
		}
	}
}

// A list for one question picks as one that is kept does, and leaves the kept
// one as it is.
func TestPassingLists(t *testing.T) {
	for _, policy := range policies {
		rapid.Check(t, func(rt *rapid.T) {
			f, _ := drawn(rt, Rules{Law: law(t, policy), Pool: "p"})
			rules := f.rules
			rules.Passing = true
			passing := NewList(rules, f.entries)
			one, two := question(), question()
			if rapid.Bool().Draw(rt, "one was tried") {
				one.Tried = f.backends[:1]
				two.Tried = f.backends[:1]
			}
			for range 3 {
				a, errA := f.list.Pick(one)
				b, errB := passing.Pick(two)
				if a != b || !errors.Is(errB, errA) {
					rt.Fatalf("kept %+v, %v; passing %+v, %v", a, errA, b, errB)
				}
			}
			for _, b := range f.backends {
				if b.list != f.list {
					rt.Fatal("a backend forgot its list")
				}
			}
		})
	}
}

func TestOneBackendOnTwoPlaces(t *testing.T) {
	f := lined(Rules{Law: roundRobin{}}, 1, 1)
	f.entries = append(f.entries, f.entries[0])
	f.relist()
	if got := f.take(t, 6, question()); !slices.Equal(got, []int{2, 2, 2}) {
		t.Errorf("picked %v", got)
	}
	f.set(0, messages.Down)
	if got := f.take(t, 6, question()); !slices.Equal(got, []int{0, 6, 0}) {
		t.Errorf("picked %v", got)
	}
	ask := question()
	f.set(0, messages.Up)
	ask.Tried = f.backends[:1]
	if got := f.take(t, 6, ask); !slices.Equal(got, []int{0, 6, 0}) {
		t.Errorf("picked %v", got)
	}
}

func TestFingerprints(t *testing.T) {
	f := lined(Rules{Law: roundRobin{}}, 1, 2)
	before := f.list.Fingerprint()
	f.relist()
	if f.list.Fingerprint() != before {
		t.Error("an equal list has another fingerprint")
	}
	f.entries[0].Weight = 2
	f.relist()
	if f.list.Fingerprint() == before {
		t.Error("other weights have the same fingerprint")
	}
}

func TestUnknownPolicies(t *testing.T) {
	if _, err := LawFor("Fastest"); err == nil {
		t.Error("accepted")
	}
	for _, policy := range policies {
		if l := law(t, policy); l.String() != policy {
			t.Errorf("%s is called %s", policy, l)
		}
	}
}
