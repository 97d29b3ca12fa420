package policy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

// pair is two gateways on one store.
type pair struct {
	*memory.Fleet
	one, two *gateway
	stores   [2]*memory.Gateway
	logs     [2]journal
}

func startPair(t *testing.T, m messages.ConfigurePools) *pair {
	p := &pair{Fleet: memory.NewFleet(0, nil)}
	p.stores[0], p.stores[1] = p.Join(), p.Join()
	p.one = start(t, policy.Config{Store: p.stores[0], Log: p.logs[0].log()})
	p.two = start(t, policy.Config{Store: p.stores[1], Log: p.logs[1].log()})
	p.one.send(m)
	p.two.send(m)
	p.settle()
	return p
}

// settle lets all that is under way arrive, and the fleet hear of it.
func (p *pair) settle() {
	time.Sleep(300 * time.Millisecond)
	synctest.Wait()
}

func (p *pair) stop() {
	p.one.stop()
	p.two.stop()
}

func TestTwoGatewaysAlternate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, servers("RoundRobin", "abcd"))
		defer p.stop()
		// At rest each holds one turn: 0 and 1, in whatever order.
		got := ""
		for range 20 {
			got += p.one.picks("p", 1)
			synctest.Wait()
			got += p.two.picks("p", 1)
			synctest.Wait()
		}
		for i := 0; i+4 <= len(got); i += 4 {
			if sorted(got[i:i+4]) != "abcd" {
				t.Fatalf("asked in turn they gave %s", got)
			}
		}
	})
}

func TestAFleetSharesItsTurnsOutUnderLoad(t *testing.T) {
	for _, name := range []string{"RoundRobin", "Shuffle"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := startPair(t, servers(name, "abcde"))
				defer p.stop()
				begin := time.Now()
				var wg conc.WaitGroup
				for _, g := range []*gateway{p.one, p.two} {
					for range 32 {
						wg.Go(func() { g.picks("p", 20) })
					}
				}
				wg.Wait()
				if d := time.Since(begin); d != 0 {
					t.Errorf("picks waited %v for turns of a store that answers", d)
				}
				counts := map[string]int{}
				for _, g := range []*gateway{p.one, p.two} {
					for _, b := range g.describe()[0].Backends {
						counts[b.Key] += b.Live
					}
				}
				for key, n := range counts { // what is in the reserves is missing
					if n < 256-30 || n > 256+30 {
						t.Errorf("%s has %d of 1280 sessions, want about 256", key, n)
					}
				}
			})
		})
	}
}

func TestLeastConnsSeesBothGateways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, servers("LeastConns", "ab"))
		defer p.stop()
		if got := p.one.picks("p", 1); got != "a" {
			t.Fatalf("picked %s", got)
		}
		p.settle()
		if got := p.two.picks("p", 1); got != "b" {
			t.Errorf("the second gateway picked %s, where the first has a session", got)
		}
		p.settle()
		if d := p.one.describe()[0].Backends; d[0].Live != 1 || d[0].Elsewhere != 0 || d[1].Live != 0 || d[1].Elsewhere != 1 {
			t.Errorf("%+v", d)
		}
		p.one.stop() // without a word: its lease runs out
		time.Sleep(7 * time.Second)
		if d := p.two.describe()[0].Backends; d[0].Elsewhere != 0 || d[1].Live != 1 {
			t.Errorf("after the death of the first: %+v", d)
		}
	})
}

func TestMaxHoldsForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := servers("RoundRobin", "ab")
		m.Pools[0].Backends[0].URL.Max = 2
		p := startPair(t, m)
		defer p.stop()
		for range 10 {
			p.one.picks("p", 1)
			p.settle()
			p.two.picks("p", 1)
			p.settle()
		}
		if d := p.one.describe()[0].Backends[0]; d.Live+d.Elsewhere != 2 || d.Max != 2 {
			t.Errorf("the backend with max=2 has %+v", d)
		}
	})
}

func TestAssignmentsHoldForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, servers("PerUser", "abc"))
		defer p.stop()
		down := func(g *gateway, host string, s messages.HealthState) {
			g.send(messages.HealthChanged{Pool: "p", Key: keyOf(host), State: s, Attempts: -1})
		}
		home := p.one.user("joe")
		down(p.one, home, messages.Down)
		moved := p.one.user("joe")
		down(p.one, home, messages.Up)
		p.settle()
		// The second gateway never saw the backend down.
		if h := p.two.user("joe"); h != moved || moved == home {
			t.Errorf("moved from %s to %s, at the other gateway %s", home, moved, h)
		}
		// Both assign one user at one moment, differently: one of them counts.
		one, two := p.one.user("eva"), ""
		down(p.two, one, messages.Down)
		two = p.two.user("eva")
		down(p.two, one, messages.Up)
		p.settle()
		if a, b := p.one.user("eva"), p.two.user("eva"); a != b || a != one && a != two {
			t.Errorf("eva is at %s and at %s; they began with %s and %s: %q %q", a, b, one, two, p.logs[0].lines, p.logs[1].lines)
		}
	})
}

// TestAnOutageIsSaidOnceAndReconciled cuts the store off under both gateways.
func TestAnOutageIsSaidOnceAndReconciled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := servers("RoundRobin", "abcd")
		m.Pools = append(m.Pools, servers("PerUser", "abc").Pools[0])
		m.Pools[1].ID = "names"
		p := startPair(t, m)
		defer p.stop()
		user := func(g *gateway, name string) string {
			t.Helper()
			reply := make(chan messages.BackendPicked, 1)
			g.send(messages.PickBackend{Pool: "names", User: name, Reply: reply})
			r := <-reply
			g.send(messages.ReleaseLease{Lease: r.Lease})
			return r.Backend.URL.Host
		}
		home := user(p.one, "joe")
		p.settle()
		p.Cut(true)
		begin := time.Now()
		for range 10 {
			if got := sorted(p.one.picks("p", 8)); got != "aabbccdd" {
				t.Errorf("alone it picked %s", got)
			}
			p.two.picks("p", 3)
			user(p.two, "eva")
			time.Sleep(time.Second)
		}
		if d := time.Since(begin) - 10*time.Second; d > 100*time.Millisecond {
			t.Errorf("picks waited %v in the outage, want at most twice the time for a turn", d)
		}
		for _, g := range []*gateway{p.one, p.two} {
			for _, b := range g.describe()[0].Backends {
				if b.Elsewhere != 0 {
					t.Errorf("counts of others are believed ten seconds into the outage: %+v", b)
				}
			}
		}
		// joe moves at one gateway while the store is away.
		p.one.send(messages.HealthChanged{Pool: "names", Key: keyOf(home), State: messages.Down})
		moved := user(p.one, "joe")
		p.one.send(messages.HealthChanged{Pool: "names", Key: keyOf(home), Attempts: -1})
		if h := user(p.two, "joe"); h != home {
			t.Errorf("the other gateway sent joe to %s", h)
		}
		p.Cut(false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if h := user(p.two, "joe"); h != moved {
			t.Errorf("after the outage joe is at %s, not at %s where he moved", h, moved)
		}
		if a, b := user(p.one, "eva"), user(p.two, "eva"); a != b {
			t.Errorf("eva is at %s and at %s", a, b)
		}
		if d := p.one.describe()[0].Backends; d[0].Live+d[1].Live+d[2].Live+d[3].Live != 80 || d[0].Elsewhere+d[1].Elsewhere+d[2].Elsewhere+d[3].Elsewhere != 30 {
			t.Errorf("after the outage: %+v", d)
		}
		for i := range p.logs {
			if a, b := len(p.logs[i].with("does not answer")), len(p.logs[i].with("the shared store is back")); a != 1 || b != 1 {
				t.Errorf("gateway %d: the outage is said %d times, its end %d times: %s", i, a, b, strings.Join(p.logs[i].lines, ""))
			}
		}
		got := ""
		for range 10 {
			got += p.one.picks("p", 1)
			synctest.Wait()
			got += p.two.picks("p", 1)
			synctest.Wait()
		}
		if n := strings.Count(got[4:], "a"); n != 4 {
			t.Errorf("after the outage they gave %s", got)
		}
	})
}

// A store that hangs is the worst: a pick waits for its turn, but not longer
// than it is allowed to, and only the first.
func TestASilentSharedStoreParksPicksBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := memory.NewFleet(0, nil)
		silent := &silent{Gateway: fleet.Join(), gate: make(chan struct{})}
		g := start(t, policy.Config{Store: silent})
		defer g.stop()
		g.send(servers("RoundRobin", "abcd"))
		time.Sleep(10 * time.Millisecond)
		begin := time.Now()
		reply := make(chan messages.BackendPicked, 1)
		g.send(messages.PickBackend{Pool: "p", Reply: reply})
		g.send(messages.WithdrawPick{Reply: reply}) // gave up while it waited
		if got := sorted(g.picks("p", 4)); got != "abcd" {
			t.Errorf("picked %s", got)
		}
		if d := time.Since(begin); d != 50*time.Millisecond {
			t.Errorf("four picks took %v, want 50ms for the first", d)
		}
		if n := g.live(); n != 4 || len(reply) != 0 {
			t.Errorf("%d live, and %d answers to the withdrawn", n, len(reply))
		}
		close(silent.gate)
	})
}

// silent gives no turns until its gate is open.
type silent struct {
	*memory.Gateway
	gate chan struct{}
}

func (s *silent) Turns(ctx context.Context, pool string, n int, atLeast uint64) (uint64, error) {
	select {
	case <-s.gate:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	return s.Gateway.Turns(ctx, pool, n, atLeast)
}

func TestAGatewayStartsWithoutItsSharedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := memory.NewFleet(0, nil)
		var log journal
		before := start(t, policy.Config{Store: fleet.Join(), Log: log.log()})
		before.send(servers("PerUser", "ab"))
		where := map[string]string{}
		for n := range 300 {
			name := fmt.Sprint("user", n)
			where[name] = before.user(name)
		}
		before.stop()
		if n := len(storetest.Dump(t, fleet.Join())); n != 300 {
			t.Fatalf("the fleet has %d records, want 300: %q", n, log.lines)
		}
		fleet.Cut(true)
		begin := time.Now()
		g := start(t, policy.Config{Store: fleet.Join(), Log: log.log()})
		defer g.stop()
		g.send(servers("PerUser", "abcdef"))
		g.user("joe")
		if d := time.Since(begin); d > 100*time.Millisecond {
			t.Errorf("the start took %v", d)
		}
		fleet.Cut(false)
		time.Sleep(3 * time.Second)
		for name, was := range where {
			if h := g.user(name); h != was {
				t.Fatalf("%s is at %s, the store says %s: %s", name, h, was, log.lines)
			}
		}
	})
}
