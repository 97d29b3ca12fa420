package choice

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/messages"
)

func TestPeerHash(t *testing.T) {
	for name, want := range map[string]uint32{
		"":    0,
		"a":   97,
		"ab":  98*33 + 97,
		"joe": ('e'*33+'o')*33 + 'j',
		// 32 bits, not 64: the sum runs over here.
		"192.0.2.100": func() (h uint32) {
			for _, b := range []byte("001.2.0.291") {
				h = h*33 + uint32(b)
			}
			return h
		}(),
	} {
		if got := PeerHash(name); got != want {
			t.Errorf("hash of %q is %d, want %d", name, got, want)
		}
	}
}

// A name's backend is the list's at the hash, each backend standing there as
// often as its weight says; with dead ones it is one of the living; and an
// assignment stays whatever the list becomes, as long as it can.
func TestNamesHaveTheirBackend(t *testing.T) {
	for _, policy := range []string{"PerUser", "PerGroup", "PerHost"} {
		rapid.Check(t, func(rt *rapid.T) {
			f, alive := drawn(rt, Rules{Law: law(t, policy)})
			var row []int
			for i, e := range f.entries {
				row = append(row, slices.Repeat([]int{i}, e.Weight)...)
			}
			where := map[string]string{}
			for n := range 50 {
				name := fmt.Sprint("user", n)
				got, err := f.list.Pick(&Ask{Name: name})
				if err != nil || got.Fate != Fresh {
					rt.Fatalf("%+v, %v", got, err)
				}
				want := row[int(PeerHash(name))%len(row)]
				if slices.Contains(alive, want) && got.Place != want || !slices.Contains(alive, got.Place) {
					rt.Fatalf("%s is at %d, want %d, living %v", name, got.Place, want, alive)
				}
				where[name] = f.list.At(got.Place).Backend.Key
			}
			f.reweigh(rt)
			for name, key := range where {
				got, err := f.list.Pick(&Ask{Name: name, Assigned: key})
				if err != nil || got.Fate != Stays || f.list.At(got.Place).Backend.Key != key {
					rt.Fatalf("after the list changed %s went from %s to %+v, %v", name, key, got, err)
				}
			}
		})
	}
}

func TestNamesShareOutByWeight(t *testing.T) {
	f := lined(Rules{Law: named{Users}}, 1, 2, 3, 4)
	counts := make([]int, 4)
	for n := range 10000 {
		p, err := f.list.Pick(&Ask{Name: fmt.Sprintf("user-%d", mix(uint64(n)))})
		if err != nil {
			t.Fatal(err)
		}
		counts[p.Place]++
	}
	fair(t, counts, []float64{1, 2, 3, 4})
}

func TestADeadBackendsNamesSpreadOverAllOthers(t *testing.T) {
	f := lined(Rules{Law: named{Hosts}}, 1, 1, 1, 1, 1, 1)
	counts := make([]int, 6)
	f.set(2, messages.Down)
	for n := range 20000 {
		name := fmt.Sprintf("10.%d.%d.7", n/256, n%256)
		if PeerHash(name)%6 != 2 {
			continue
		}
		p, err := f.list.Pick(&Ask{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		counts[p.Place]++
	}
	fair(t, counts, []float64{1, 1, 0, 1, 1, 1})
}

func TestFates(t *testing.T) {
	change := func(m messages.HealthChanged) func(f *fleet) {
		return func(f *fleet) {
			f.backends[0].Gate.Change(m)
			f.backends[0].Changed()
		}
	}
	for _, c := range []struct {
		claim string
		to    func(f *fleet)
		ask   func(f *fleet, a *Ask)
		fate  Fate
		moves bool
	}{
		{claim: "nothing happened", fate: Stays},
		{claim: "none yet", ask: func(_ *fleet, a *Ask) { a.Assigned = "" }, fate: Fresh},
		{claim: "gone from the list", ask: func(_ *fleet, a *Ask) { a.Assigned = "b9" }, fate: Gone, moves: true},
		{claim: "down", to: change(messages.HealthChanged{State: messages.Down}), fate: Downed, moves: true},
		{claim: "drained", to: change(messages.HealthChanged{State: messages.Draining, Attempts: -1}), fate: Drained, moves: true},
		{claim: "maintenance", to: change(messages.HealthChanged{State: messages.Maintenance, Attempts: -1}), fate: Maintained, moves: true},
		{claim: "full", to: func(f *fleet) { f.backends[0].Elsewhere = 3; f.backends[0].Changed() }, fate: Filled, moves: true},
		{claim: "in doubt with attempts enough", to: change(messages.HealthChanged{Attempts: 0}), fate: Doubted},
		{claim: "in doubt with attempts left", to: change(messages.HealthChanged{Attempts: 1}), fate: Stays},
		{claim: "probing", to: change(messages.HealthChanged{State: messages.Probing, Attempts: 1}), fate: Stays},
		{claim: "tried by this session", ask: func(f *fleet, a *Ask) { a.Tried = f.backends[:1] }, fate: Tried},
		{claim: "all tried by this session", ask: func(f *fleet, a *Ask) { a.Tried = f.backends }, fate: Stays},
		{claim: "a backup, and the others are up", ask: func(_ *fleet, a *Ask) { a.Assigned = "b3" }, fate: Relieved, moves: true},
		{claim: "a backup, and the others are down", ask: func(_ *fleet, a *Ask) { a.Assigned = "b3" }, to: func(f *fleet) {
			for i := range 3 {
				f.set(i, messages.Down)
			}
		}, fate: Stays},
		{claim: "all are down and tried anyway", to: func(f *fleet) {
			for i := range 4 {
				f.set(i, messages.Down)
			}
		}, fate: Stays},
	} {
		t.Run(c.claim, func(t *testing.T) {
			f := lined(Rules{Law: named{Users}}, 1, 1, 1, 1)
			f.entries[0].Max = 3
			f.entries[3].Tier = messages.BackupTier
			f.relist()
			if c.to != nil {
				c.to(f)
			}
			a := &Ask{Name: "joe", Assigned: "b0"}
			if c.ask != nil {
				c.ask(f, a)
			}
			got, err := f.list.Pick(a)
			if err != nil || got.Fate != c.fate || got.Fate.Moves() != c.moves {
				t.Fatalf("fate: %v, moves %v, %v, want: %v", got.Fate, got.Fate.Moves(), err, c.fate)
			}
			if at := f.list.At(got.Place).Backend.Key; (at == a.Assigned) != (c.fate == Stays) {
				t.Errorf("%v, and the session goes to %s", got.Fate, at)
			}
		})
	}
}
