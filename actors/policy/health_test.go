package policy_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

var errBanner = errors.New("no banner")

// ward is a health actor that counts failures in a row, as PassiveChecks with
// two failures do, and tells policy.
type ward struct {
	g        *gateway
	box      mailbox.Mailbox[messages.ToHealth]
	strikes  map[string]int
	observed []messages.BackendObserved
}

func newWard(capacity int) *ward {
	return &ward{box: mailbox.New[messages.ToHealth](capacity), strikes: map[string]int{}}
}

func (w *ward) run(ctx context.Context) {
	for {
		select {
		case m := <-w.box.C():
			o := m.(messages.BackendObserved)
			w.observed = append(w.observed, o)
			w.strikes[o.Key] = o.Failures
			said := messages.HealthChanged{Pool: o.Pool, Key: o.Key, Attempts: -1, Observed: o.Seq}
			if o.Failures > 0 {
				said.Attempts = 2 - o.Failures
			}
			if o.Failures >= 2 {
				said.State, said.Attempts = messages.Down, 0
			}
			w.g.send(said)
		case <-ctx.Done():
			return
		}
	}
}

// TestACrowdDoesNotWalkIntoADeadBackend has 64 clients log in at once, over
// and over, while one of five backends is dead.
func TestACrowdDoesNotWalkIntoADeadBackend(t *testing.T) {
	for _, name := range []string{"RoundRobin", "Random", "Shuffle", "LeastConns", "LeastResponseTime", "PerUser"} {
		t.Run(name, func(t *testing.T) {
			w := newWard(16)
			g := start(t, policy.Config{Health: w.box})
			defer g.stop()
			w.g = g
			ctx, stop := context.WithCancel(context.Background())
			var wards, clients conc.WaitGroup
			wards.Go(func() { w.run(ctx) })
			g.send(servers(name, "abcde"))
			g.send(messages.HealthChanged{Pool: "p", Key: keyOf("c"), Attempts: 1}) // in doubt: one strike
			var tries atomic.Int64
			for client := range 64 {
				clients.Go(func() {
					for range 20 {
						var tried []string
						for {
							r := g.pickFor(messages.PickBackend{User: string(rune('A' + client)), Tried: tried})
							if r.Err != nil {
								t.Error(r.Err)
								return
							}
							if r.Backend.URL.Host != "c" {
								g.send(messages.ReportConnected{Lease: r.Lease, Took: time.Millisecond})
								g.send(messages.ReleaseLease{Lease: r.Lease})
								break
							}
							tries.Add(1)
							tried = append(tried, r.Backend.URL.Key())
							g.send(messages.ReportFailed{Lease: r.Lease, Err: errBanner})
						}
					}
				})
			}
			clients.Wait()
			stop()
			wards.Wait()
			if n := tries.Load(); n > 2 {
				t.Errorf("%d of 1280 logins tried the dead backend, want at most 2", n)
			}
			if n := g.live(); n != 0 {
				t.Errorf("%d connections are counted at the end", n)
			}
		})
	}
}

func TestWhatIsObservedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := mailbox.New[messages.ToHealth](100)
		g := start(t, policy.Config{Health: box})
		defer g.stop()
		g.send(servers("RoundRobin", "a"))
		one, two, three := g.pick("p").Lease, g.pick("p").Lease, g.pick("p").Lease
		g.send(messages.ReportConnected{Lease: one, Took: 3})
		g.send(messages.ReportLost{Lease: one, Err: errBanner})
		g.send(messages.ReportLost{Lease: 99, Err: errBanner})
		g.send(messages.ReleaseLease{Lease: one})
		g.send(messages.ReportFailed{Lease: two}) // without saying why
		g.send(messages.ReportConnected{Lease: three, Took: 5})
		g.describe()
		time.Sleep(time.Second)
		want := []messages.BackendObserved{
			{Took: 3, Seq: 1},
			{Seq: 2, Failures: 1},
			{Took: 5, Seq: 3},
		}
		left := 0
		// A rendezvous takes them as they come together; the last is told in any case.
		var got []messages.BackendObserved
		for len(got) == 0 || got[len(got)-1].Seq < 3 {
			switch m := (<-box.C()).(type) {
			case messages.BackendObserved:
				got = append(got, m)
			case messages.BackendLeft:
				if left++; m != (messages.BackendLeft{Pool: "p", Key: keyOf("a")}) {
					t.Errorf("told %+v", m)
				}
			}
		}
		if left > 1 {
			t.Errorf("told %d times of one that broke off", left)
		}
		for _, o := range got {
			w := want[o.Seq-1]
			if o.Pool != "p" || o.Key != keyOf("a") || o.Took != w.Took || o.Failures != w.Failures || (o.Err == nil) != (o.Failures == 0) {
				t.Errorf("told %+v, want %+v", o, w)
			}
		}
	})
}

// With a full mailbox picks go on, and one observation stands for all.
func TestADeafHealthActorDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := mailbox.New[messages.ToHealth](0)
		g := start(t, policy.Config{Health: box})
		defer g.stop()
		g.send(servers("RoundRobin", "ab"))
		begin := time.Now()
		for range 1000 {
			g.send(messages.ReportFailed{Lease: g.pick("p").Lease, Err: errBanner})
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("2000 messages took %v", d)
		}
		told := map[string]messages.BackendObserved{}
		for range 2 {
			o := (<-box.C()).(messages.BackendObserved)
			told[o.Key] = o
		}
		for _, h := range []string{"a", "b"} {
			if o := told[keyOf(h)]; o.Seq != 500 || o.Failures != 500 {
				t.Errorf("of %s is told %+v, want the 500th", h, o)
			}
		}
		box.Retire()
		g.send(messages.ReportFailed{Lease: g.pick("p").Lease, Err: errBanner}) // nobody to tell
		g.describe()
	})
}

func TestWhatHealthSaidSurvivesACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trap atomic.Bool
		box := mailbox.New[messages.ToHealth](100)
		g := start(t, policy.Config{Health: box, Now: func() time.Time {
			if trap.CompareAndSwap(true, false) {
				panic("forced")
			}
			return time.Now()
		}})
		defer g.stop()
		g.send(servers("RoundRobin", "abc"))
		g.send(messages.UpdatePool{ID: "p", Backends: servers("", "abcd").Pools[0].Backends})
		g.send(messages.UpdatePool{ID: "q"}) // not configured
		g.send(messages.HealthChanged{Pool: "p", Key: keyOf("b"), State: messages.Down})
		g.send(messages.HealthChanged{Pool: "p", Key: keyOf("c"), State: messages.Probing, Attempts: 1})
		lease := messages.LeaseID(0)
		for range 3 {
			if r := g.pick("p"); r.Backend.URL.Host == "a" {
				lease = r.Lease
			} // and c has its one attempt under way
		}
		trap.Store(true)
		g.send(messages.ReportFailed{Lease: lease, Err: errBanner}) // crashes
		for range 6 {
			if h := g.pick("p").Backend.URL.Host; h != "a" && h != "d" {
				t.Errorf("after the crash %s was picked", h)
			}
		}
		if g.restarts() != 1 {
			t.Errorf("%d restarts", g.restarts())
		}
		d := g.describe()[0].Backends
		if len(d) != 4 || d[1].State != messages.Down || d[2].State != messages.Probing {
			t.Errorf("%+v", d)
		}
		// A backend that leaves the list and comes back is as good as new.
		g.send(servers("RoundRobin", "a"))
		g.send(servers("RoundRobin", "ab"))
		if s := g.describe()[0].Backends[1].State; s != messages.Up {
			t.Errorf("b came back %v", s)
		}
	})
}
