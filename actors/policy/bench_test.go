package policy_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
)

// BenchmarkPick takes and returns leases through the mailbox, 64 askers at a
// time, each with a reply channel of its own. One op is one pick with its
// release, which is two messages and one answer.
func BenchmarkPick(b *testing.B) {
	for _, name := range []string{"RoundRobin", "Random", "Shuffle", "LeastConns", "LeastResponseTime"} {
		for _, backends := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/backends=%d", name, backends), func(b *testing.B) { benchmarkPick(b, name, backends) })
		}
	}
}

func benchmarkPick(b *testing.B, name string, backends int) {
	g := start(b, policy.Config{Log: quiet()})
	defer g.stop()
	hosts := ""
	for i := range backends {
		hosts += string(rune('0' + i))
	}
	g.send(servers(name, hosts))
	g.pick("p")
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg conc.WaitGroup
	for range 64 {
		wg.Go(func() {
			reply := make(chan messages.BackendPicked, 1)
			for left.Add(-1) >= 0 {
				if err := g.box.Send(b.Context(), messages.PickBackend{Pool: "p", Reply: reply}); err != nil {
					b.Error(err)
					return
				}
				r := <-reply
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
}
