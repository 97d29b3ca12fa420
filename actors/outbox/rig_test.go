package outbox_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDisk = errors.New("canary of the disk")

// shop is a store that says what it did, and fails or waits when told to.
type shop struct {
	stores.Store
	mu      sync.Mutex
	fails   func() error  // nil: it works
	gate    chan struct{} // nil: open
	batches [][]stores.Change
	tries   []time.Time
	syncs   int
	loads   int
}

func (s *shop) pass(ctx context.Context) error {
	s.mu.Lock()
	gate, fails := s.gate, s.fails
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if fails != nil {
		return fails()
	}
	return nil
}

func (s *shop) breaks(fails func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
}

func (s *shop) Load(ctx context.Context, kind stores.Kind) ([]stores.Record, error) {
	if err := s.pass(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.loads++
	s.mu.Unlock()
	return s.Store.Load(ctx, kind)
}

func (s *shop) Apply(ctx context.Context, batch []stores.Change) error {
	s.mu.Lock()
	s.tries = append(s.tries, time.Now())
	s.mu.Unlock()
	if err := s.pass(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.batches = append(s.batches, batch)
	s.mu.Unlock()
	return s.Store.Apply(ctx, batch)
}

func (s *shop) Sync(ctx context.Context) error {
	s.mu.Lock()
	s.syncs++
	s.mu.Unlock()
	return s.Store.Sync(ctx)
}

// desk is an actor's loop around an outbox, run by the test itself.
type desk struct {
	*outbox.Records
	t       *testing.T
	ctx     context.Context
	abandon func()
	log     logtest.Lines
	found   []outbox.Found
	news    []stores.News
	renewed int
}

const (
	flushEvery = time.Second
	stopWithin = 5 * time.Second
)

func open(t *testing.T, store stores.Store, load bool) *desk {
	t.Helper()
	d := &desk{t: t}
	d.Records = outbox.NewRecords(outbox.Config{
		Owner: "desk", Store: func() stores.Store { return store }, Kind: stores.KindHealth, Listen: true,
		FlushEvery: flushEvery, StopWithin: stopWithin,
		Says: outbox.Says{Refused: "refused", Taken: "taken", Late: "late"},
		Log:  zerolog.New(&d.log).Level(zerolog.InfoLevel),
	}, func(k stores.Key) bool { return strings.HasPrefix(k.Name, "durable") })
	d.ctx, d.abandon = context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(d.abandon)
	d.Open(d.ctx, load)
	return d
}

// serve is the loop, for a while.
func (d *desk) serve(length time.Duration) {
	d.t.Helper()
	over := time.After(length)
	for {
		synctest.Wait() // what is under way at this moment comes first
		select {
		case f := <-d.Found():
			d.found = append(d.found, f)
		case n := <-d.News():
			d.news = append(d.news, n)
		case <-d.Due():
			d.Flush()
		case err := <-d.Done():
			if d.Flushed(err) {
				d.renewed++
			}
		case exit := <-d.Exits():
			d.t.Fatalf("the %v ended: %v", exit.Actor, exit.Err)
		case <-over:
			return
		}
	}
}

func (d *desk) end() {
	d.Finish()
	d.Close(d.abandon)
}

func (d *desk) wantLines(message string, want int) {
	d.t.Helper()
	if n := d.log.Count(`"message":"` + message + `"`); n != want {
		d.t.Errorf("%q is said %d times, want %d:\n%s", message, n, want, d.log.String())
	}
}

func key(name string) stores.Key { return stores.Key{Kind: stores.KindHealth, Pool: "p", Name: name} }

// held is what a store has, by name.
func held(t *testing.T, s stores.Store) map[string]string {
	t.Helper()
	records, err := s.Load(context.WithoutCancel(t.Context()), stores.KindHealth)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, r := range records {
		all[r.Key.Name] = string(r.Value)
	}
	return all
}

func newShop() *shop { return &shop{Store: memory.New()} }
