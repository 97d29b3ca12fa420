package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/policy/choice"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores/memory"
)

// awake is an actor that is not run: what a message costs it can be timed
// without the switches of goroutines around.
func awake(b *testing.B, policy string, backends int) *Actor {
	a := New(Config{Store: memory.New(), Log: zerolog.Nop()})
	a.sticky, a.loading.over = choice.NewTable(a.cfg.Sticky), true
	a.share = &share{}
	a.out = newOutbox(b.Context(), a.cfg, a.log, a.sticky, false)
	b.Cleanup(func() { a.out.close(func() {}) })
	a.book = newBook(a.out, &a.gates, false)
	p := messages.Pool{ID: "p", Policy: policy}
	for i := range backends {
		p.Backends = append(p.Backends, messages.Backend{URL: backendurl.URL{Scheme: backendurl.FTP, Host: fmt.Sprint("backend", i), Port: 21, Weight: 1 + i%3}})
	}
	a.configure(messages.ConfigurePools{Pools: []messages.Pool{p}})
	return a
}

// BenchmarkServe times the pick itself, one by one, with weights, a few
// hundred sessions open and a tenth of the backends down: alone, and while two
// goroutines keep both processors busy.
func BenchmarkServe(b *testing.B) {
	for _, name := range []string{"RoundRobin", "Random", "Shuffle", "LeastConns", "LeastResponseTime", "PerUser", "PerGroup", "PerHost"} {
		for _, backends := range []int{5, 500, 1000} {
			b.Run(fmt.Sprintf("%s/backends=%d", name, backends), func(b *testing.B) { benchmarkServe(b, name, backends, 0) })
			b.Run(fmt.Sprintf("%s/backends=%d/loaded", name, backends), func(b *testing.B) { benchmarkServe(b, name, backends, 2) })
		}
	}
}

func benchmarkServe(b *testing.B, policy string, backends, load int) {
	a := awake(b, policy, backends)
	for i := 3; i < backends; i += 10 {
		a.health(messages.HealthChanged{Pool: "p", Key: fmt.Sprintf("ftp://backend%d:21", i), State: messages.Down})
	}
	var wg conc.WaitGroup
	done := make(chan struct{})
	for range load {
		wg.Go(func() { spin(done) })
	}
	benchmarkPicks(b, a, 300, func(n int) messages.PickBackend {
		name := fmt.Sprint("user", n%5000)
		return messages.PickBackend{Pool: "p", User: name, Group: name, Client: netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})}
	})
	close(done)
	wg.Wait()
}

func spin(done <-chan struct{}) {
	for x := 0; ; x++ {
		select {
		case <-done:
			return
		default:
		}
	}
}

// benchmarkPicks times each pick while so many sessions are open.
func benchmarkPicks(b *testing.B, a *Actor, open int, ask func(n int) messages.PickBackend) {
	reply := make(chan messages.BackendPicked, 1)
	var leases []messages.LeaseID
	took := make([]time.Duration, 0, b.N)
	asks := make([]messages.PickBackend, 5000)
	for n := range asks {
		asks[n] = ask(n)
		asks[n].Reply = reply
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		m := &asks[n%len(asks)]
		begin := time.Now()
		a.pick(m)
		took = append(took, time.Since(begin))
		r := <-reply
		if r.Err != nil {
			b.Fatal(r.Err)
		}
		a.connected(messages.ReportConnected{Lease: r.Lease, Took: time.Duration(1+n%7) * time.Millisecond})
		if leases = append(leases, r.Lease); len(leases) > open {
			a.release(messages.ReleaseLease{Lease: leases[0]})
			leases = leases[1:]
		}
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

// BenchmarkMillionUsers picks for a million users with assignments on 500
// backends.
func BenchmarkMillionUsers(b *testing.B) {
	a := awake(b, "PerUser", 500)
	reply := make(chan messages.BackendPicked, 1)
	pick := func(n int) messages.PickBackend {
		return messages.PickBackend{Pool: "p", User: fmt.Sprintf("user%07d", n*7919%1000000), Reply: reply}
	}
	for n := range 1000000 {
		m := pick(n)
		a.pick(&m)
		a.release(messages.ReleaseLease{Lease: (<-reply).Lease})
		a.out.waiting.sticky = a.out.waiting.sticky[:0] // nobody writes here
	}
	if a.sticky.Len() != 1000000 {
		b.Fatalf("%d assignments", a.sticky.Len())
	}
	benchmarkPicks(b, a, 300, pick)
}

// BenchmarkCandidates picks from lists that look-ups gave.
func BenchmarkCandidates(b *testing.B) {
	for _, n := range []int{3, 100, 1000} {
		b.Run(fmt.Sprint("candidates=", n), func(b *testing.B) {
			a := awake(b, "PerUser", n)
			list := a.configured[0].Backends
			benchmarkPicks(b, a, 300, func(n int) messages.PickBackend {
				return messages.PickBackend{Pool: "p", User: fmt.Sprint("user", n), Candidates: list}
			})
		})
	}
}
