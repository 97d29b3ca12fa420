package health_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/health"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

// faulty is a store whose calls fail or panic when told to.
type faulty struct {
	stores.Store
	broken, panics atomic.Bool
}

func (f *faulty) pass() error {
	if f.panics.Load() {
		panic("canary of the store")
	}
	if f.broken.Load() {
		return errors.New("the disk is gone")
	}
	return nil
}

func (f *faulty) Load(ctx context.Context, k stores.Kind) ([]stores.Record, error) {
	if err := f.pass(); err != nil {
		return nil, err
	}
	return f.Store.Load(ctx, k)
}

func (f *faulty) Apply(ctx context.Context, c []stores.Change) error {
	if err := f.pass(); err != nil {
		return fmt.Errorf("faulty: %w", err)
	}
	return f.Store.Apply(ctx, c)
}

// A store that hangs keeps neither the start nor the end waiting for long.
func TestASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, health.Config{Store: in(store)})
		h.watch("ab", none)
		h.mode("a", messages.Drain)
		h.meet("b", "xx") // written at the end
		h.stop()
		if left := storetest.Dump(t, store); len(left) != 2 {
			t.Errorf("after the end the store has %q", left)
		}
		slow := &hanging{Store: store, gate: make(chan struct{})}
		h = start(t, health.Config{Store: in(slow)})
		h.watch("ab", none)
		began := time.Now()
		h.want("a", "up/-1")
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("the first answer took %v", took)
		}
		h.meet("b", "x")
		close(slow.gate)
		time.Sleep(time.Second)
		h.want("a", "draining/-1")
		h.want("b", "down/-1")
		slow.gate = make(chan struct{})
		h.mode("a", messages.Serve)
		began = time.Now()
		h.stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the end took %v", took)
		}
		if !strings.Contains(h.log.String(), "the store is too slow") {
			t.Errorf("the log does not say so:\n%s", h.log)
		}
	})
}

// hanging is a store whose calls wait until the gate is closed.
type hanging struct {
	stores.Store
	gate chan struct{}
}

func (s *hanging) wait(ctx context.Context) error {
	select {
	case <-s.gate:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *hanging) Load(ctx context.Context, k stores.Kind) ([]stores.Record, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Store.Load(ctx, k)
}

func (s *hanging) Apply(ctx context.Context, c []stores.Change) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Apply(ctx, c)
}

func TestABrokenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: memory.New()}
		store.broken.Store(true)
		h := start(t, health.Config{Store: in(store)})
		h.watch("a", none)
		h.meet("a", "xx")
		h.want("a", "down/-1")
		time.Sleep(time.Second)
		store.panics.Store(true)
		time.Sleep(3 * time.Second)
		store.panics.Store(false)
		store.broken.Store(false)
		h.mode("a", messages.Drain)
		time.Sleep(time.Minute)
		if left := storetest.Dump(t, store.Store); len(left) != 2 {
			t.Errorf("once it is whole, the store has %q", left)
		}
		if n := strings.Count(h.log.String(), "the store does not take"); n != 1 {
			t.Errorf("said %d times that the store is broken:\n%s", n, h.log)
		}
		h.stop()
		h = start(t, health.Config{Store: in(store.Store)})
		defer h.stop()
		h.watch("a", none)
		h.want("a", "draining/-1")
	})
}
