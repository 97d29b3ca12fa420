package policy_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

// frozen is a shared store that takes calls and answers none until its gate is
// open, as one does whose machine hangs.
type frozen struct {
	*memory.Gateway
	gate chan struct{}
}

func (f *frozen) wait(ctx context.Context) error {
	select {
	case <-f.gate:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *frozen) Load(ctx context.Context, k stores.Kind) ([]stores.Record, error) {
	return thawed(ctx, f, func() ([]stores.Record, error) { return f.Gateway.Load(ctx, k) })
}

func (f *frozen) Apply(ctx context.Context, c []stores.Change) error {
	_, err := thawed(ctx, f, func() (struct{}, error) { return struct{}{}, f.Gateway.Apply(ctx, c) })
	return err
}

func (f *frozen) Turns(ctx context.Context, pool string, n int, atLeast uint64) (uint64, error) {
	return thawed(ctx, f, func() (uint64, error) { return f.Gateway.Turns(ctx, pool, n, atLeast) })
}

func (f *frozen) Beat(ctx context.Context, own map[stores.Key]int) (map[stores.Key]int, error) {
	return thawed(ctx, f, func() (map[stores.Key]int, error) { return f.Gateway.Beat(ctx, own) })
}

func (f *frozen) Watch(ctx context.Context, hear func(stores.News)) error {
	_, err := thawed(ctx, f, func() (struct{}, error) { return struct{}{}, f.Gateway.Watch(ctx, hear) })
	return err
}

func thawed[T any](ctx context.Context, f *frozen, call func() (T, error)) (got T, err error) {
	if err = f.wait(ctx); err != nil {
		return got, err
	}
	return call()
}

// A gateway whose shared store hangs at the start picks at once, from nothing. When
// the store answers, what it remembers is not overwritten but taken in.
func TestAFrozenSharedStoreHoldsUpNoStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := memory.NewFleet(0, nil)
		m := servers("PerUser", "abcdef")
		m.Pools = append(m.Pools, servers("RoundRobin", "abcd").Pools[0])
		m.Pools[1].ID = "turns"
		before := start(t, policy.Config{Store: fleet.Join()})
		before.send(servers("PerUser", "ab"))
		where := map[string]string{}
		for n := range 100 {
			name := fmt.Sprint("user", n)
			where[name] = before.user(name)
		}
		before.send(m)
		for range 7 {
			lease := before.pick("turns").Lease
			before.send(messages.ReportConnected{Lease: lease, Took: time.Millisecond})
			before.send(messages.ReleaseLease{Lease: lease})
		}
		time.Sleep(time.Second)
		before.stop()

		ice := &frozen{Gateway: fleet.Join(), gate: make(chan struct{})}
		g := start(t, policy.Config{Store: ice})
		defer g.stop()
		begin := time.Now()
		g.send(m)
		for n := range 100 {
			g.user(fmt.Sprint("user", n))
		}
		if got := sorted(g.picks("turns", 4)); got != "abcd" {
			t.Errorf("picked %s", got)
		}
		if d := time.Since(begin); d > 100*time.Millisecond {
			t.Errorf("the first picks took %v, want no more than twice the time for a turn", d)
		}
		lease := g.pick("turns").Lease
		g.send(messages.ReportConnected{Lease: lease, Took: time.Millisecond})
		time.Sleep(20 * time.Second)
		close(ice.gate)
		time.Sleep(5 * time.Second)
		for name, was := range where {
			if h := g.user(name); h != was {
				t.Fatalf("%s is at %s, the store says %s", name, h, was)
			}
		}
		connects := uint64(0)
		for _, b := range g.describe()[1].Backends {
			connects += b.Connects
		}
		if connects < 6 { // those of the backend that was met meanwhile begin anew
			t.Errorf("%d connects are remembered, want at least those with three of four backends", connects)
		}
	})
}
