package policy_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

func TestLeasesSurviveACrashOfTheActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trap atomic.Bool
		g := start(t, policy.Config{Now: func() time.Time {
			if trap.CompareAndSwap(true, false) {
				panic("forced")
			}
			return time.Now()
		}})
		defer g.stop()
		g.send(servers("RoundRobin", "abc"))
		var leases []messages.LeaseID
		for range 9 {
			leases = append(leases, g.pick("p").Lease)
		}
		time.Sleep(time.Second) // the flush is due: the store knows the position

		trap.Store(true)
		g.send(messages.ReportFailed{Lease: leases[0]}) // crashes, yet the lease counts as returned
		g.describe()                                    // answered after the restart
		trap.Store(true)
		g.send(messages.ReportConnected{Lease: leases[1], Took: 1}) // crashes, the lease stays
		if n := g.live(); n != 8 || g.restarts() != 2 {
			t.Errorf("%d live after %d crashes, want 8 after 2", n, g.restarts())
		}
		if got := g.picks("p", 3); got != "abc" {
			t.Errorf("the rotation went on with %s", got)
		}
		for _, id := range leases[1:] {
			g.send(messages.ReleaseLease{Lease: id})
		}
		if n := g.live(); n != 3 {
			t.Errorf("%d live when only the 3 new picks are out", n)
		}
		g.send(messages.ReleaseLease{Lease: leases[0]}) // was returned by the crash
		if n := g.live(); n != 3 {
			t.Errorf("a lease from before the crash was returned twice: %d live", n)
		}
	})
}

func TestAnUnreadAnswerCanBeWithdrawn(t *testing.T) {
	g := start(t, policy.Config{})
	defer g.stop()
	g.send(servers("RoundRobin", "abc"))
	reply := make(chan messages.BackendPicked, 1)
	g.send(messages.PickBackend{Pool: "p", Reply: reply})
	if n := g.live(); n != 1 {
		t.Fatalf("%d live, want 1", n)
	}
	g.send(messages.WithdrawPick{Reply: reply})
	g.send(messages.WithdrawPick{Reply: reply})
	g.send(messages.WithdrawPick{Reply: make(chan messages.BackendPicked, 1)})
	g.send(messages.PickBackend{Pool: "p"}) // nowhere to answer to
	if n := g.live(); n != 0 {
		t.Errorf("%d live after the withdrawal", n)
	}
	g.send(messages.ReleaseLease{Lease: (<-reply).Lease})
	if n := g.live(); n != 0 {
		t.Errorf("%d live", n)
	}
}

func TestPools(t *testing.T) {
	g := start(t, policy.Config{})
	defer g.stop()
	if r := g.pick("p"); !errors.Is(r.Err, policy.ErrUnknownPool) {
		t.Errorf("before the configuration: %v", r.Err)
	}
	g.send(servers("RoundRobin", ""))
	if r := g.pick("p"); !errors.Is(r.Err, policy.ErrEmptyPool) {
		t.Errorf("empty pool: %v", r.Err)
	}
	g.send(servers("RoundRobin", "ab"))
	a := g.pick("p")
	g.send(messages.ReportConnected{Lease: a.Lease, Took: time.Millisecond})
	g.send(servers("RoundRobin", "b")) // a leaves while it is held
	if d := g.describe()[0]; len(d.Backends) != 1 || d.Backends[0].Live != 0 {
		t.Errorf("%+v", d)
	}
	g.send(servers("RoundRobin", "ba")) // and comes back
	if b := g.describe()[0].Backends[1]; b.Live != 1 || b.Connects != 1 || b.ConnectTime != time.Millisecond {
		t.Errorf("the held backend came back as %+v", b)
	}
	g.send(servers("RoundRobin", "b"))
	g.send(messages.ReleaseLease{Lease: a.Lease})
	g.send(servers("RoundRobin", "ba"))
	if b := g.describe()[0].Backends[1]; b.Live != 0 || b.Connects != 0 {
		t.Errorf("the forgotten backend came back as %+v", b)
	}
}

func TestNewAddressesOfOldBackends(t *testing.T) {
	g := start(t, policy.Config{})
	defer g.stop()
	g.send(servers("RoundRobin", "abc"))
	held := g.pick("p")
	list := servers("", "abc").Pools[0].Backends
	for i := range list {
		list[i].Endpoints = []netip.AddrPort{netip.AddrPortFrom(addr(int64(i)), 21)}
	}
	g.send(messages.UpdatePool{ID: "p", Backends: list})
	if r := g.pick("p"); r.Backend.URL.Host != "b" || len(r.Backend.Endpoints) != 1 || r.Backend.Endpoints[0].Addr() != addr(1) {
		t.Errorf("picked %+v, want b at its new address", r.Backend)
	}
	heavy := slices.Clone(list)
	heavy[2].URL.Weight = 2
	g.send(messages.UpdatePool{ID: "p", Backends: heavy})
	if d := g.describe()[0].Backends; d[2].Weight != 2 || d[0].Live != 1 {
		t.Errorf("another weight is not taken in: %+v", d)
	}
	g.send(messages.ReleaseLease{Lease: held.Lease})
}

func TestAStoppedStoreDelaysNoPick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: memory.New()}
		g := start(t, policy.Config{Store: store})
		g.send(servers("RoundRobin", "ab"))
		g.describe() // the start is over
		gate := make(chan struct{})
		store.set(func(f *faulty) { f.gate = gate })
		begin := time.Now()
		for range 10 {
			g.picks("p", 10)
			time.Sleep(time.Second)
		}
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("100 picks beside a stopped store took %v longer", d-10*time.Second)
		}
		close(gate)
		time.Sleep(time.Second)
		if got := dumpRotation(t, store.Store); got.Turn != 100 {
			t.Errorf("the store has turn %d, want 100", got.Turn)
		}
		// One batch waited and one followed it: 100 picks are not 100 writes.
		time.Sleep(10 * time.Second)
		store.set(func(f *faulty) {
			if f.writes > 3 || f.synced == 0 {
				t.Errorf("%d writes and %d syncs", f.writes, f.synced)
			}
		})
		g.stop()
	})
}

func dumpRotation(t *testing.T, s stores.Store) stores.Rotation {
	t.Helper()
	records, err := s.Load(context.Background(), stores.KindRotation)
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	r, err := stores.ParseRotation(records[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAFailingStoreIsWrittenOnceItRecovers(t *testing.T) {
	for name, broken := range map[string]func(*faulty){
		"errors":  func(f *faulty) { f.err = errStore },
		"panics":  func(f *faulty) { f.panics = true },
		"renewed": func(f *faulty) { f.err = stores.ErrRenewed },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &faulty{Store: memory.New()}
				g := start(t, policy.Config{Store: store})
				defer g.stop()
				g.send(servers("RoundRobin", "abc"))
				g.describe()
				store.set(broken)
				r := g.pick("p")
				g.send(messages.ReportConnected{Lease: r.Lease, Took: 1})
				time.Sleep(20 * time.Second)
				store.set(func(f *faulty) { f.err, f.panics = nil, false })
				time.Sleep(time.Minute)
				if lines := storetest.Dump(t, store.Store); len(lines) != 2 {
					t.Errorf("the store has %q, want the counters of a and the position", lines)
				}
				if g.restarts() != 0 {
					t.Error("the actor was restarted")
				}
			})
		})
	}
}

func TestAStoreThatDoesNotLoadDelaysTheStartByABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: memory.New(), gate: make(chan struct{})}
		begin := time.Now()
		g := start(t, policy.Config{Store: store, LoadWithin: 2 * time.Second})
		g.send(servers("RoundRobin", "ab"))
		if got := g.picks("p", 2); got != "ab" || time.Since(begin) != 2*time.Second {
			t.Errorf("picked %s after %v", got, time.Since(begin))
		}
		stopping := time.Now()
		g.stop()
		if d := time.Since(stopping); d > 5*time.Second {
			t.Errorf("stopping beside a stopped store took %v", d)
		}
	})
}

func TestRecordsThatCannotBeReadAreLeftOut(t *testing.T) {
	store := memory.New()
	counters := stores.Key{Kind: stores.KindCounters, Pool: "p", Name: keyOf("a")}
	if err := store.Apply(t.Context(), []stores.Change{
		stores.Put(stores.Key{Kind: stores.KindRotation, Pool: "p"}, []byte{99, 1, 2}),
		stores.Put(counters, stores.AppendCounters(nil, stores.Counters{Connects: 7})),
		stores.Put(stores.Key{Kind: stores.KindCounters, Pool: "p", Name: keyOf("b")}, []byte("garbage")),
	}); err != nil {
		t.Fatal(err)
	}
	g := start(t, policy.Config{Store: store})
	defer g.stop()
	g.send(servers("RoundRobin", "ab"))
	if got := g.picks("p", 2); got != "ab" {
		t.Errorf("picked %s", got)
	}
	if d := g.describe()[0].Backends; d[0].Connects != 7 || d[1].Connects != 0 {
		t.Errorf("%+v", d)
	}
}

func TestWhatLeavesTheListsLeavesTheStore(t *testing.T) {
	store := memory.New()
	g := start(t, policy.Config{Store: store})
	g.send(servers("RoundRobin", "ab"))
	for range 2 {
		g.send(messages.ReportConnected{Lease: g.pick("p").Lease, Took: 5})
	}
	g.send(servers("RoundRobin", "b"))
	g.stop()
	lines := storetest.Dump(t, store)
	if len(lines) != 2 || slices.ContainsFunc(lines, func(l string) bool { return l == "" }) {
		t.Fatalf("the store has %q", lines)
	}
	g = start(t, policy.Config{Store: store})
	g.send(servers("RoundRobin", "b"))
	g.send(messages.ConfigurePools{})
	g.stop()
	if lines := storetest.Dump(t, store); len(lines) != 0 {
		t.Errorf("the store still has %q", lines)
	}
}
