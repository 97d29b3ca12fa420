package memory_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Maker{
		Open: func(*testing.T) stores.Store { return memory.New() },
	})
}

// One gateway's store in a fleet is a store like any other.
func TestFleetIsAStore(t *testing.T) {
	fleets := map[stores.Store]*memory.Fleet{}
	storetest.Run(t, storetest.Maker{
		Open: func(*testing.T) stores.Store {
			f := memory.NewFleet(0, nil)
			g := f.Join()
			fleets[g] = f
			return g
		},
		Reopen: func(t *testing.T, s stores.Store) stores.Store {
			f := fleets[s]
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			g := f.Join()
			fleets[g] = f
			return g
		},
	})
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestFleetKeepsTheSharedContract(t *testing.T) {
	storetest.RunShared(t, func(*testing.T) storetest.Fleet {
		const lease = time.Minute
		time := clock{at: time.Unix(1, 0)}
		f := memory.NewFleet(lease, time.now)
		return storetest.Fleet{
			Join:   func(testing.TB) stores.Shared { return f.Join() },
			Lease:  lease,
			Pass:   time.pass,
			Cut:    func(_ testing.TB, away bool) { f.Cut(away) },
			Forget: func(testing.TB) { f.Forget() },
		}
	})
}

// One gateway may lose the store while the others have it.
func TestOneGatewayCutOff(t *testing.T) {
	f := memory.NewFleet(0, nil)
	a, b := f.Join(), f.Join()
	news := make(chan stores.News, 10)
	over := make(chan error, 1)
	var wg conc.WaitGroup
	wg.Go(func() { over <- b.Watch(t.Context(), func(n stores.News) { news <- n }) })
	<-news // the beginning
	b.Cut(true)
	change := []stores.Change{stores.Put(stores.Key{Kind: stores.KindCounters, Pool: "p"}, []byte("x"))}
	if err := a.Apply(t.Context(), change); err != nil {
		t.Errorf("the one that is not cut off: %v", err)
	}
	if err := b.Apply(t.Context(), change); !errors.Is(err, memory.ErrCut) {
		t.Errorf("the one that is cut off: %v, want ErrCut", err)
	}
	b.Cut(false)
	if n := <-news; !n.Lost || len(n.Records) > 0 {
		t.Errorf("told %+v, want a loss alone", n)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-over; !errors.Is(err, stores.ErrClosed) {
		t.Errorf("the watch ended with %v", err)
	}
	wg.Wait()
}

// A watcher that does not keep up loses news, and says so.
func TestASlowWatcherIsTold(t *testing.T) {
	f := memory.NewFleet(0, nil)
	a, b := f.Join(), f.Join()
	begun, goOn, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	lost := make(chan struct{}, 1)
	var once sync.Once
	var wg conc.WaitGroup
	wg.Go(func() {
		over <- b.Watch(t.Context(), func(n stores.News) {
			once.Do(func() { close(begun); <-goOn })
			if n.Lost {
				lost <- struct{}{}
			}
		})
	})
	<-begun
	for i := range 5000 {
		c := stores.Put(stores.Key{Kind: stores.KindCounters, Pool: "p"}, []byte{byte(i)})
		if err := a.Apply(t.Context(), []stores.Change{c}); err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	select {
	case <-lost:
	case <-time.After(10 * time.Second):
		t.Error("5000 changes were not told, and no loss")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	<-over
	wg.Wait()
}
