package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestTheLastWordIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		d := open(t, s, false)
		for i := range 100 {
			d.Change(key("a"), fmt.Append(nil, i))
		}
		d.Change(key("b"), []byte("here"))
		d.Change(key("b"), nil)
		if !d.Waits(key("a")) || d.Waits(key("c")) {
			t.Error("what waits is not known")
		}
		d.serve(flushEvery / 2)
		if len(s.batches) != 0 {
			t.Error("it did not wait for more")
		}
		d.serve(flushEvery)
		if len(s.batches) != 1 || len(s.batches[0]) != 2 {
			t.Errorf("written: %v, want both at once", s.batches)
		}
		if got := held(t, s.Store); !maps.Equal(got, map[string]string{"a": "99"}) {
			t.Errorf("the store holds %v", got)
		}
		if d.Waits(key("a")) || s.syncs != 0 {
			t.Errorf("a still waits (%v), or what need not be synced was (%d)", d.Waits(key("a")), s.syncs)
		}
		d.end()
	})
}

func TestDurableChangesAreSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		d := open(t, s, false)
		d.Change(key("a"), []byte("1"))
		d.Change(key("durable"), []byte("1"))
		d.serve(2 * flushEvery)
		if s.syncs != 1 {
			t.Errorf("%d syncs, want 1", s.syncs)
		}
		d.end()
	})
}

func TestBatchesAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name         string
		count, bytes int
	}{
		{"in number", 3*stores.MaxBatch + 1, 1},
		{"in size", 64, stores.MaxBatchBytes / 16},
		{"one fills it", 3, stores.MaxBatchBytes - 64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop() // it refuses what is larger
				d := open(t, s, false)
				for i := range tt.count {
					d.Change(key(fmt.Sprint(i)), make([]byte, tt.bytes))
				}
				d.serve(time.Minute)
				if got := held(t, s.Store); len(got) != tt.count {
					t.Errorf("%d records arrived of %d", len(got), tt.count)
				}
				d.wantLines("refused", 0)
				d.end()
			})
		})
	}
}

func TestWhatNoStoreTakesIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		d := open(t, s, false)
		d.Change(key(strings.Repeat("x", 1<<20)), []byte("1"))
		d.Change(key("a"), []byte("1"))
		d.serve(2 * flushEvery)
		if got := held(t, s.Store); len(got) != 1 {
			t.Errorf("%d records arrived, want the other one", len(got))
		}
		d.wantLines("a record does not fit into a store; it is not kept over a restart", 1)
		d.end()
	})
}

func TestAFailingStoreIsTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails func() error
	}{
		{"with an error", func() error { return errDisk }},
		{"with a panic", func() error { panic(errDisk) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop()
				d := open(t, s, false)
				s.breaks(tt.fails)
				d.Change(key("a"), []byte("old"))
				d.Change(key("b"), []byte("1"))
				d.serve(flushEvery + time.Millisecond)
				d.Change(key("a"), []byte("new")) // a newer word than the one refused
				d.serve(10 * time.Minute)
				for i := 2; i < len(s.tries); i++ {
					pause, last := s.tries[i].Sub(s.tries[i-1]), s.tries[i-1].Sub(s.tries[i-2])
					if pause < last || pause > 30*time.Second {
						t.Errorf("attempt %d came after %v, the one before after %v", i, pause, last)
					}
				}
				if n := len(s.tries); n < 20 || n > 30 {
					t.Errorf("%d attempts in ten minutes", n)
				}
				d.wantLines("refused", 1)
				s.breaks(nil)
				d.serve(time.Minute)
				d.wantLines("taken", 1)
				if got := held(t, s.Store); !maps.Equal(got, map[string]string{"a": "new", "b": "1"}) {
					t.Errorf("the store holds %v", got)
				}
				d.end()
			})
		})
	}
}

func TestALostStoreIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		d := open(t, s, false)
		s.breaks(func() error {
			s.breaks(nil) // once
			return fmt.Errorf("apply: %w", stores.ErrRenewed)
		})
		d.Change(key("a"), []byte("1"))
		d.serve(3 * flushEvery)
		if d.renewed != 1 {
			t.Errorf("told %d times that all is to be written again", d.renewed)
		}
		if got := held(t, s.Store); len(got) != 1 {
			t.Errorf("the change at hand is lost: the store holds %v", got)
		}
		d.wantLines("refused", 0)
		d.end()
	})
}

func TestLoadingComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		if err := s.Store.Apply(t.Context(), []stores.Change{stores.Put(key("a"), []byte("stored"))}); err != nil {
			t.Fatal(err)
		}
		s.gate = make(chan struct{})
		d := open(t, s, true)
		d.Change(key("a"), []byte("changed"))
		d.serve(10 * flushEvery)
		if len(s.tries) != 0 {
			t.Error("written while the store was still being read")
		}
		close(s.gate)
		d.serve(flushEvery / 2)
		if len(d.found) != 1 || len(d.found[0].Records) != 1 || string(d.found[0].Records[0].Value) != "stored" {
			t.Errorf("found %v", d.found)
		}
		d.serve(flushEvery)
		if got := held(t, s.Store); got["a"] != "changed" {
			t.Errorf("the store holds %v", got)
		}
		d.Change(key("a"), nil)
		d.Reload()
		d.serve(2 * flushEvery)
		if len(d.found) != 2 || string(d.found[1].Records[0].Value) != "changed" {
			t.Errorf("found %v", d.found)
		}
		d.end()
	})
}

func TestALoadMayFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		s.fails = func() error { return errDisk }
		d := open(t, s, true)
		d.serve(flushEvery)
		if len(d.found) != 1 || !errors.Is(d.found[0].Err, errDisk) {
			t.Errorf("found %v", d.found)
		}
		d.wantLines("refused", 0)
		d.end()
	})
}

func TestTheEndWritesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		d := open(t, s, true)
		for i := range 3 * stores.MaxBatch {
			d.Change(key(fmt.Sprint(i)), []byte("1"))
		}
		began := time.Now()
		d.end() // the load is not even over
		if got := held(t, s.Store); len(got) != 3*stores.MaxBatch {
			t.Errorf("%d records arrived", len(got))
		}
		if took := time.Since(began); took > flushEvery {
			t.Errorf("that took %v: it waited for a time to flush", took)
		}
	})
}

func TestTheEndIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spoil  func(*shop)
		within time.Duration
		says   string
	}{
		{"a store that hangs", func(s *shop) { s.gate = make(chan struct{}) }, 2 * stopWithin, "late"},
		{"a store that refuses", func(s *shop) { s.breaks(func() error { return errDisk }) }, 0, "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop()
				d := open(t, s, false)
				d.Change(key("a"), []byte("1"))
				tt.spoil(s)
				began := time.Now()
				d.end()
				if took := time.Since(began); took > tt.within {
					t.Errorf("the end took %v, at most %v are given", took, tt.within)
				}
				d.wantLines(tt.says, 1)
			})
		})
	}
}

// A crash may come while the writer has a batch: nobody hears of its answer.
func TestWhatWasUnderWayAtACrashIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		d := open(t, s, false)
		s.breaks(func() error { return errDisk })
		d.Change(key("a"), []byte("1"))
		<-d.Due()
		d.Flush()
		synctest.Wait()
		d.Close(d.abandon) // as a defer does
		s.breaks(nil)
		d.Open(d.ctx, false)
		d.serve(2 * flushEvery)
		if got := held(t, s.Store); got["a"] != "1" {
			t.Errorf("the store holds %v", got)
		}
		d.end()
	})
}

func TestOtherGatewaysAreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := memory.NewFleet(0, nil)
		here, there := fleet.Join(), fleet.Join()
		defer here.Close()
		defer there.Close()
		d := open(t, here, false)
		d.serve(flushEvery)
		if err := there.Apply(t.Context(), []stores.Change{stores.Put(key("a"), []byte("1"))}); err != nil {
			t.Fatal(err)
		}
		d.serve(flushEvery)
		heard := 0
		for _, n := range d.news {
			heard += len(n.Records)
		}
		if heard != 1 || len(d.news) < 2 {
			t.Errorf("heard %v, want that it listens, and one record", d.news)
		}
		d.end()
	})
}

// deaf is a shared store whose Watch gives up.
type deaf struct {
	stores.Shared
	tries atomic.Int32
}

func (f *deaf) Watch(context.Context, func(stores.News)) error {
	if f.tries.Add(1) == 1 {
		panic(errDisk)
	}
	return errDisk
}

func TestListeningIsBegunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gateway := memory.NewFleet(0, nil).Join()
		defer gateway.Close()
		f := &deaf{Shared: gateway}
		d := open(t, f, false)
		d.serve(3*time.Second + time.Millisecond)
		if n := f.tries.Load(); n != 4 {
			t.Errorf("%d attempts in three seconds, want one each second", n)
		}
		d.wantLines("other gateways cannot be heard; trying again", 4)
		d.end()
	})
}

var _ outbox.Source = (*shelf)(nil)

// shelf is a source of its own: it may find out while it takes that nothing is
// left.
type shelf struct{ waiting, taken int }

func (s *shelf) Waiting() int                  { return s.waiting }
func (s *shelf) Take() ([]stores.Change, bool) { s.taken++; s.waiting = 0; return nil, false }
func (s *shelf) Settle(bool)                   {}

func TestAnEmptyBatchIsNoJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, from := newShop(), &shelf{waiting: 1}
		o := outbox.New(outbox.Config{
			Owner: "desk", Store: func() stores.Store { return s }, FlushEvery: flushEvery, StopWithin: stopWithin,
		}, from)
		o.Open(t.Context(), false)
		o.Finish()
		o.Close(func() { t.Error("the writer did not end by itself") })
		if from.taken != 1 || len(s.tries) != 0 {
			t.Errorf("taken %d times, written %d times", from.taken, len(s.tries))
		}
	})
}
