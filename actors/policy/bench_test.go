package policy_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

// BenchmarkPick takes and returns leases through the mailbox, 64 askers at a
// time, each with a reply channel of its own. One op is one pick with its
// release, which is two messages and one answer. What one such pick costs the
// actor itself is in BenchmarkServe.
func BenchmarkPick(b *testing.B) {
	for _, name := range policies {
		for _, backends := range []int{5, 500, 1000} {
			b.Run(fmt.Sprintf("%s/backends=%d", name, backends), func(b *testing.B) {
				benchmarkPick(b, policy.Config{Log: quiet()}, name, backends, 64)
			})
		}
	}
}

// BenchmarkPickAlone is one asker: the time from question to answer, with both
// switches of goroutines in it.
func BenchmarkPickAlone(b *testing.B) {
	for _, name := range policies {
		for _, backends := range []int{5, 500, 1000} {
			b.Run(fmt.Sprintf("%s/backends=%d", name, backends), func(b *testing.B) {
				benchmarkPick(b, policy.Config{Log: quiet()}, name, backends, 1)
			})
		}
	}
}

var policies = []string{"RoundRobin", "Random", "Shuffle", "LeastConns", "LeastResponseTime", "PerUser", "PerGroup", "PerHost"}

// many makes a pool of so many backends.
func many(name string, backends int) messages.ConfigurePools {
	p := messages.Pool{ID: "p", Policy: name}
	for i := range backends {
		p.Backends = append(p.Backends, messages.Backend{URL: backend(fmt.Sprint("backend", i))})
	}
	return messages.ConfigurePools{Pools: []messages.Pool{p}}
}

func benchmarkPick(b *testing.B, cfg policy.Config, name string, backends, askers int) {
	g := start(b, cfg)
	defer g.stop()
	g.send(many(name, backends))
	g.describe()
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, askers)
	var wg conc.WaitGroup
	for asker := range askers {
		wg.Go(func() {
			reply := make(chan messages.BackendPicked, 1)
			user := fmt.Sprint("user", asker)
			for left.Add(-1) >= 0 {
				begin := time.Now()
				if err := g.box.Send(b.Context(), messages.PickBackend{Pool: "p", User: user, Group: user, Reply: reply}); err != nil {
					b.Error(err)
					return
				}
				r := <-reply
				took[asker] = append(took[asker], time.Since(begin))
				if err := g.box.Send(b.Context(), messages.ReleaseLease{Lease: r.Lease}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "picks/s")
	report(b, slices.Concat(took...))
}

// report gives the median and the 99th percentile.
func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))]) }
	b.ReportMetric(at(0.5), "p50-ns")
	b.ReportMetric(at(0.99), "p99-ns")
}

// BenchmarkStart reads a million assignments and serves the first pick.
func BenchmarkStart(b *testing.B) {
	store := memory.New()
	var batch []stores.Change
	for n := range 1000000 {
		batch = append(batch, stores.Put(
			stores.Key{Kind: stores.KindSticky, Pool: "p", Name: fmt.Sprintf("u:user%07d", n)},
			stores.AppendSticky(nil, stores.Sticky{Backend: keyOf(fmt.Sprint("backend", n%500)), Since: time.Now(), Seen: time.Now()})))
		if len(batch) == stores.MaxBatch || n == 999999 {
			if err := store.Apply(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	b.ResetTimer()
	for range b.N {
		g := start(b, policy.Config{Store: store, Log: quiet(), LoadWithin: time.Minute})
		g.send(many("PerUser", 500))
		if h := g.user("user0123456"); h != "backend456" {
			b.Errorf("the user is at %s", h)
		}
		g.stop()
	}
}
