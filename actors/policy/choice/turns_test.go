package choice

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/messages"
)

// exactly checks that over whole rounds each living backend has its turns, no
// more and no less, whoever is dead; also after the list changed.
func exactly(t *testing.T, policy string) {
	rapid.Check(t, func(rt *rapid.T) {
		f, alive := drawn(rt, Rules{Law: law(t, policy), Pool: "p"})
		ask := &Ask{Turns: &counter{next: rapid.Uint64Range(0, 1<<40).Draw(rt, "turn")}}
		check := func() {
			rounds := rapid.IntRange(1, 5).Draw(rt, "rounds")
			turns := ask.Turns.(*counter)
			// A round begins where its turns do.
			n := uint64(f.sum(all(f)) / f.common())
			turns.next = (turns.next + n - 1) / n * n
			got := f.take(rt, rounds*f.sum(alive)/f.common(), ask)
			for i, e := range f.entries {
				want := 0
				if slices.Contains(alive, i) {
					want = rounds * e.Weight / f.common()
				}
				if got[i] != want {
					rt.Fatalf("%d rounds gave %v, want %d of %s with weight %d", rounds, got, want, e.Backend.Key, e.Weight)
				}
			}
		}
		check()
		f.reweigh(rt)
		alive = alive[:0]
		for i, e := range f.entries {
			if e.Backend.Gate.State == messages.Up {
				alive = append(alive, i)
			}
		}
		check()
	})
}

func all(f *fleet) (out []int) {
	for i := range f.entries {
		out = append(out, i)
	}
	return out
}

func TestRoundRobinGivesEachItsTurns(t *testing.T) { exactly(t, "RoundRobin") }

func TestShuffleGivesEachItsTurns(t *testing.T) { exactly(t, "Shuffle") }

func TestRoundRobinOrder(t *testing.T) {
	for _, c := range []struct {
		claim   string
		weights []int
		want    []int32
	}{
		{"equal weights follow the list", []int{1, 1, 1}, []int32{0, 1, 2}},
		{"a common factor does not matter", []int{4, 4}, []int32{0, 1}},
		{"as nginx documents for 5 1 1", []int{5, 1, 1}, []int32{0, 0, 1, 0, 2, 0, 0}},
		{"a list of one", []int{7}, []int32{0}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			f := lined(Rules{Law: roundRobin{}}, c.weights...)
			if got := f.list.tiers[0].turns; !slices.Equal(got, c.want) {
				t.Errorf("weights %v give %v, want %v", c.weights, got, c.want)
			}
		})
	}
}

func TestCyclesAreBounded(t *testing.T) {
	for _, weights := range [][]int{{1, 9999}, {65535, 65534, 65533}, slices.Repeat([]int{1, 1000, 77}, 300), slices.Repeat([]int{1}, 5000)} {
		f := lined(Rules{Law: roundRobin{}}, weights...)
		c := f.list.tiers[0].turns
		if len(c) > max(longest, len(weights)) {
			t.Errorf("%d weights give %d turns", len(weights), len(c))
		}
		turns := make([]int, len(weights))
		for _, i := range c {
			turns[i]++
		}
		if slices.Min(turns) < 1 {
			t.Errorf("of %d backends one has no turn", len(weights))
		}
		sum := f.sum(all(f))
		for i, w := range weights {
			share, got := float64(w)/float64(sum), float64(turns[i])/float64(len(c))
			if got > share*1.3+0.001 || got < share*0.7-0.001 {
				t.Errorf("weight %d of %d has %d of %d turns", w, sum, turns[i], len(c))
			}
		}
	}
}

func TestRoundRobinSpreadsHeavyOnes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f, _ := drawn(rt, Rules{Law: roundRobin{}})
		c := f.list.tiers[0].turns
		for i, e := range f.entries {
			ideal := float64(f.sum(all(f))) / float64(e.Weight)
			last := -1
			for at := range 2 * len(c) {
				if c.at(uint64(at)) != int32(i) {
					continue
				}
				if gap := float64(at - last); last >= 0 && gap > 2*ideal+1 {
					rt.Fatalf("%d turns between two of a backend that has every %.1fth: %v", int(gap), ideal, c)
				}
				last = at
			}
		}
	})
}

func TestShuffleIsAlikeEverywhereAndEachRoundItsOwn(t *testing.T) {
	one, two := lined(Rules{Law: shuffle{}, Pool: "p"}, 1, 1, 1, 1, 1, 1, 1, 1), lined(Rules{Law: shuffle{}, Pool: "p"}, 1, 1, 1, 1, 1, 1, 1, 1)
	other := lined(Rules{Law: shuffle{}, Pool: "q"}, 1, 1, 1, 1, 1, 1, 1, 1)
	deal := func(f *fleet, round int) (out []int32) {
		for turn := range 8 {
			out = append(out, f.list.tiers[0].deal.at(uint64(8*round+turn)))
		}
		return out
	}
	distinct := map[string]bool{}
	for round := range 50 {
		a, b := deal(one, round), deal(two, 49-round)
		if b2 := deal(two, round); !slices.Equal(a, b2) {
			t.Fatalf("round %d: %v at one gateway, %v at another", round, a, b2)
		}
		_ = b // asked for out of order, on purpose
		distinct[string(rune('0'+a[0]))+string(rune('0'+a[1]))+string(rune('0'+a[2]))] = true
		if round == 7 && slices.Equal(a, deal(other, round)) {
			t.Error("two pools are dealt alike")
		}
	}
	if len(distinct) < 30 {
		t.Errorf("50 rounds began in %d ways", len(distinct))
	}
}

func TestSlowStartGivesAGrowingShare(t *testing.T) {
	for _, policy := range []string{"RoundRobin", "Shuffle", "Random"} {
		for _, c := range []struct {
			after time.Duration
			share float64
		}{{0, 0.1}, {15 * time.Second, 0.55}, {30 * time.Second, 1}, {time.Hour, 1}} {
			f := lined(Rules{Law: law(t, policy), Pool: "p", SlowStart: 30 * time.Second}, 1, 1, 1, 1)
			f.backends[2].Gate.Change(messages.HealthChanged{Attempts: unlimited, Recovered: noon})
			f.backends[2].Changed()
			const n = 20000
			got := f.take(t, n, &Ask{Now: noon.Add(c.after), Rand: dice(7), Turns: &counter{}})
			want := n * c.share / (3 + c.share)
			if d := float64(got[2]) - want; d > 0.1*want || d < -0.1*want {
				t.Errorf("%s: %v after it came back %d of %d picks, want about %.0f", policy, c.after, got[2], n, want)
			}
			for _, i := range []int{0, 1, 3} {
				want := n / (3 + c.share)
				if d := float64(got[i]) - want; d > 0.1*want || d < -0.1*want {
					t.Errorf("%s: the load of a slow start is not spread: %v", policy, got)
				}
			}
		}
	}
}

func TestSlowStartOfAllStillServes(t *testing.T) {
	for _, policy := range []string{"RoundRobin", "Shuffle", "Random", "LeastConns", "LeastResponseTime", "PerUser"} {
		f := lined(Rules{Law: law(t, policy), Pool: "p", SlowStart: time.Minute}, 1, 2)
		for _, b := range f.backends {
			b.Gate.Change(messages.HealthChanged{Attempts: unlimited, Recovered: noon})
			b.Changed()
		}
		f.take(t, 1000, &Ask{Now: noon, Rand: dice(7), Turns: &counter{}, Name: "joe"})
	}
}

func TestAlign(t *testing.T) {
	for _, c := range []struct {
		claim, policy, last string
		turn, want          uint64
		weights             []int
	}{
		{"after the backend picked last", "RoundRobin", "b1", 7, 8, []int{1, 1, 1}},
		{"nothing to do", "RoundRobin", "b0", 7, 7, []int{1, 1, 1}},
		{"the backend is gone", "RoundRobin", "b9", 7, 7, []int{1, 1, 1}},
		{"no turn yet", "RoundRobin", "b0", 0, 0, []int{1, 1, 1}},
		{"a list of one", "RoundRobin", "b0", 1, 1, []int{1}},
		{"a new round", "Shuffle", "b0", 7, 9, []int{1, 1, 1}},
		{"a round is over anyway", "Shuffle", "b0", 6, 6, []int{1, 1, 1}},
		{"no turns", "Random", "b0", 6, 6, []int{1, 1, 1}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			f := lined(Rules{Law: law(t, c.policy)}, c.weights...)
			if got := f.list.Align(c.turn, c.last); got != c.want {
				t.Errorf("turn %d becomes %d, want %d", c.turn, got, c.want)
			}
		})
	}
}

// Turns of a shared store are not to be used up by passing over the dead.
func TestPassesAreBounded(t *testing.T) {
	for _, policy := range []string{"RoundRobin", "Shuffle"} {
		f := lined(Rules{Law: law(t, policy), Pool: "p"}, slices.Repeat([]int{1}, 100)...)
		for i := range 90 {
			f.set(i, messages.Down)
		}
		turns := &counter{}
		got := f.take(t, 1000, &Ask{Turns: turns, Passes: 4})
		if turns.next > 4000 {
			t.Errorf("%s: 1000 picks took %d turns", policy, turns.next)
		}
		for i := 90; i < 100; i++ {
			if got[i] < 20 {
				t.Errorf("%s: one of ten living ones has %d of 1000 picks", policy, got[i])
			}
		}
	}
}
