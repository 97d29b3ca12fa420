package policy_test

import (
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
)

// TestAThousandLoginsFollowTheLaw has 64 clients log in at once to five
// backends of weights 1 1 2 2 4, and stay.
func TestAThousandLoginsFollowTheLaw(t *testing.T) {
	for _, name := range policies {
		t.Run(name, func(t *testing.T) {
			g := start(t, policy.Config{})
			defer g.stop()
			m := servers(name, "abcde")
			weights := []int{1, 1, 2, 2, 4}
			for i := range weights {
				m.Pools[0].Backends[i].URL.Weight = weights[i]
			}
			g.send(m)
			var wg conc.WaitGroup
			var left atomic.Int64
			left.Store(1000)
			for range 64 {
				wg.Go(func() {
					for n := left.Add(-1); n >= 0; n = left.Add(-1) {
						user := fmt.Sprintf("%x", n*7919)
						r := g.pickFor(messages.PickBackend{User: user, Group: user, Client: addr(n)})
						g.send(messages.ReportConnected{Lease: r.Lease, Took: time.Millisecond})
					}
				})
			}
			wg.Wait()
			for i, b := range g.describe()[0].Backends {
				want := float64(100 * weights[i])
				slack := 0.0 // RoundRobin, Shuffle: whole rounds
				switch name {
				case "LeastConns", "LeastResponseTime":
					slack = 10
				case "Random", "PerUser", "PerGroup", "PerHost":
					slack = 5 * math.Sqrt(want*(1-want/1000))
				}
				if d := math.Abs(float64(b.Live) - want); d > slack {
					t.Errorf("%s with weight %d has %d of 1000 sessions, want %.0f ± %.0f", b.Key, b.Weight, b.Live, want, slack)
				}
			}
		})
	}
}

// TestCountsReturnToZero does everything that can happen to a lease in any
// order, crashes of the actor in between, and looks for what is left.
func TestCountsReturnToZero(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var trap atomic.Bool
		g := start(t, policy.Config{Log: quiet(), Now: func() time.Time {
			if trap.CompareAndSwap(true, false) {
				panic("forced")
			}
			return time.Now()
		}})
		defer g.stop()
		name := rapid.SampledFrom(policies).Draw(rt, "policy")
		g.send(servers(name, "abcd"))
		var open []messages.LeaseID
		one := func(rt *rapid.T) (l messages.LeaseID) {
			if len(open) == 0 {
				rt.Skip()
			}
			i := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
			return open[i]
		}
		back := func(l messages.LeaseID) {
			for i := range open {
				if open[i] == l {
					open = append(open[:i], open[i+1:]...)
					return
				}
			}
		}
		crashes := 0
		rt.Repeat(map[string]func(*rapid.T){
			"pick": func(rt *rapid.T) {
				m := messages.PickBackend{User: rapid.SampledFrom([]string{"joe", "eva"}).Draw(rt, "user"), Client: addr(7)}
				if rapid.Bool().Draw(rt, "looked up") {
					m.Candidates = candidates("dxy")
				}
				if rapid.Bool().Draw(rt, "tried") {
					m.Tried = []string{keyOf("a"), keyOf("x")}
				}
				if r := g.pickFor(m); r.Err == nil {
					open = append(open, r.Lease)
				}
			},
			"connect": func(rt *rapid.T) { g.send(messages.ReportConnected{Lease: one(rt), Took: 1}) },
			"lose":    func(rt *rapid.T) { g.send(messages.ReportLost{Lease: one(rt), Err: errStore}) },
			"fail": func(rt *rapid.T) {
				l := one(rt)
				back(l)
				g.send(messages.ReportFailed{Lease: l, Err: errStore})
			},
			"release": func(rt *rapid.T) {
				l := one(rt)
				back(l)
				g.send(messages.ReleaseLease{Lease: l})
			},
			"withdraw": func(*rapid.T) {
				reply := make(chan messages.BackendPicked, 1)
				g.send(messages.PickBackend{Pool: "p", User: "jim", Reply: reply})
				g.send(messages.WithdrawPick{Reply: reply})
			},
			"list": func(rt *rapid.T) {
				g.send(messages.UpdatePool{ID: "p", Backends: candidates(rapid.SampledFrom([]string{"ab", "cd", "abcd", ""}).Draw(rt, "hosts"))})
			},
			"health": func(rt *rapid.T) {
				g.send(messages.HealthChanged{
					Pool: "p", Key: keyOf(rapid.SampledFrom([]string{"a", "d", "x"}).Draw(rt, "host")),
					State:    messages.HealthState(rapid.IntRange(0, 4).Draw(rt, "state")),
					Attempts: rapid.IntRange(-1, 2).Draw(rt, "attempts"),
				})
			},
			"crash": func(rt *rapid.T) {
				if crashes == 3 { // the supervisor's patience
					rt.Skip()
				}
				l := one(rt)
				back(l)
				crashes++
				trap.Store(true)
				g.send(messages.ReportFailed{Lease: l, Err: errStore})
			},
		})
		g.send(servers(name, "abcd"))
		if n := g.live(); n != len(open) {
			rt.Fatalf("%d connections are counted, %d are open", n, len(open))
		}
		for _, l := range open {
			g.send(messages.ReleaseLease{Lease: l})
		}
		for _, b := range g.describe()[0].Backends {
			if b.Live != 0 {
				rt.Fatalf("at the end %+v", b)
			}
		}
		// A gate that lets one attempt through must find none under way.
		for _, h := range []string{"a", "b", "c", "d"} {
			g.send(messages.HealthChanged{Pool: "p", Key: keyOf(h), State: messages.Probing, Attempts: 1, Observed: 1 << 40})
		}
		seen := map[string]bool{}
		for range 4 {
			r := g.pickFor(messages.PickBackend{User: "joe", Client: addr(7)})
			seen[r.Backend.URL.Host] = true
		}
		if len(seen) != 4 {
			rt.Fatalf("of four backends with one attempt each, %v had one", seen)
		}
	})
}
