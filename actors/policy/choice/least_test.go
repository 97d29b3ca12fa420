package choice

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/messages"
)

// best is the law in its plainest words: of those that may be picked the first
// with the smallest score.
func best(f *fleet, tried []*Backend, score func(Entry) float64) int {
	for _, avoid := range []bool{true, false} {
		at, low := -1, math.Inf(1)
		for i, e := range f.entries {
			skip := false
			for _, b := range tried {
				skip = skip || avoid && b == e.Backend
			}
			b := e.Backend
			open := b.Gate.State <= messages.Probing && (e.Max == 0 || b.Live+b.Elsewhere < e.Max) &&
				(b.Gate.Attempts < 0 || b.Connecting < b.Gate.Attempts)
			if s := score(e); open && !skip && s < low {
				at, low = i, s
			}
		}
		if at >= 0 {
			return at
		}
	}
	return -1
}

// followsModel drives a list through changes of all sorts and compares each
// pick with the law's plain words.
func followsModel(t *testing.T, policy string, score func(Entry) float64) {
	rapid.Check(t, func(rt *rapid.T) {
		f, _ := drawn(rt, Rules{Law: law(t, policy)})
		which := func(rt *rapid.T) *Backend { return rapid.SampledFrom(f.backends).Draw(rt, "backend") }
		rt.Repeat(map[string]func(*rapid.T){
			"connections": func(rt *rapid.T) {
				b := which(rt)
				b.Live = rapid.IntRange(0, 6).Draw(rt, "live")
				b.Connecting = rapid.IntRange(0, b.Live).Draw(rt, "connecting")
				b.Elsewhere = rapid.IntRange(0, 3).Draw(rt, "elsewhere")
				b.Changed()
			},
			"time": func(rt *rapid.T) {
				b := which(rt)
				b.Took = time.Duration(rapid.IntRange(0, 5).Draw(rt, "took"))
				b.Changed()
			},
			"health": func(rt *rapid.T) {
				b := which(rt)
				b.Gate.Change(messages.HealthChanged{
					State:    messages.HealthState(rapid.IntRange(0, 4).Draw(rt, "state")),
					Attempts: rapid.IntRange(-1, 2).Draw(rt, "attempts"),
				})
				b.Changed()
			},
			"list": func(rt *rapid.T) {
				for i := range f.entries {
					f.entries[i].Weight = rapid.IntRange(1, 4).Draw(rt, "weight")
					f.entries[i].Max = rapid.IntRange(0, 5).Draw(rt, "max")
				}
				f.relist()
			},
			"": func(rt *rapid.T) {
				var tried []*Backend
				for _, b := range f.backends {
					if rapid.IntRange(0, 4).Draw(rt, "tried") == 0 {
						tried = append(tried, b)
					}
				}
				want := best(f, tried, score)
				got, err := f.list.Pick(&Ask{Tried: tried})
				switch {
				case want < 0 && len(f.backends) > 0: // the last resort is told in another test
				case err != nil || got.Place != want:
					rt.Fatalf("picked %d, %v, want %d", got.Place, err, want)
				}
			},
		})
	})
}

func TestLeastConnsPicksTheLeastUsed(t *testing.T) {
	followsModel(t, "LeastConns", func(e Entry) float64 {
		return float64(e.Backend.Live+e.Backend.Elsewhere) / float64(max(e.Weight, 1))
	})
}

func TestLeastResponseTimePicksBySpeedAndLoad(t *testing.T) {
	followsModel(t, "LeastResponseTime", func(e Entry) float64 {
		use := float64(e.Backend.Live+e.Backend.Elsewhere+1) / float64(max(e.Weight, 1))
		if e.Backend.Took == 0 {
			return -1 / use
		}
		return use * float64(e.Backend.Took)
	})
}

// Sessions that stay share out by weight, and by the speed of the backends.
func TestLeastLawsShareOut(t *testing.T) {
	for _, c := range []struct {
		policy  string
		weights []int
		took    []time.Duration
		want    []int
	}{
		{"LeastConns", []int{1, 2, 5}, nil, []int{100, 200, 500}},
		{"LeastResponseTime", []int{1, 1, 2}, []time.Duration{10, 20, 20}, []int{320, 160, 320}},
	} {
		f := lined(Rules{Law: law(t, c.policy)}, c.weights...)
		for i, took := range c.took {
			f.backends[i].Took = took
			f.backends[i].Changed()
		}
		for range 800 {
			p, err := f.list.Pick(&Ask{})
			if err != nil {
				t.Fatal(err)
			}
			b := f.list.At(p.Place).Backend
			b.Live++
			b.Changed()
		}
		for i, b := range f.backends {
			if d := b.Live - c.want[i]; d < -2 || d > 2 {
				t.Errorf("%s, weights %v, times %v: backend %d has %d sessions of 800, want %d", c.policy, c.weights, c.took, i, b.Live, c.want[i])
			}
		}
	}
}

func TestANeverMeasuredBackendThatFailsDoesNotComeFirst(t *testing.T) {
	f := lined(Rules{Law: leastResponseTime{}}, 1, 1)
	f.backends[0].Gate.Observe(true)
	f.backends[1].Took = time.Millisecond
	for _, b := range f.backends {
		b.Changed()
	}
	if got := f.take(t, 100, &Ask{}); got[1] != 100 {
		t.Errorf("picked %v", got)
	}
}

func TestSlowStartOfLeastConnsHoldsTheBackendBelowTheOthers(t *testing.T) {
	f := lined(Rules{Law: leastConns{}, SlowStart: time.Minute}, 1, 1)
	f.backends[0].Live = 40
	f.backends[1].Gate.Change(messages.HealthChanged{Attempts: unlimited, Recovered: noon})
	for _, b := range f.backends {
		b.Changed()
	}
	for range 20 {
		p, err := f.list.Pick(&Ask{Now: noon})
		if err != nil {
			t.Fatal(err)
		}
		b := f.list.At(p.Place).Backend
		b.Live++
		b.Changed()
	}
	if live := f.backends[1].Live; live < 4 || live > 6 {
		t.Errorf("the backend that came back has %d sessions beside 55, want a tenth", live)
	}
}
