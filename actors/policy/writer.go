package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc/panics"

	"github.com/sluice-gateway/sluice/stores"
)

// writer is the child that waits for the disk.
type writer struct {
	store stores.Store
	every time.Duration // between a write and the sync after it
	log   zerolog.Logger
	jobs  <-chan []stores.Change
	done  chan<- error
}

func (w *writer) String() string { return "policy writer" }

// Run applies batches until jobs is closed, and syncs some time after writes.
func (w *writer) Run(ctx context.Context) error {
	timer := time.NewTimer(w.every)
	timer.Stop()
	defer timer.Stop()
	unsynced, renewed := false, false
	sync := func() {
		unsynced = false
		err := attempt(func() error { return w.store.Sync(ctx) })
		if errors.Is(err, stores.ErrRenewed) {
			renewed = true // the next answer says so
		} else if err != nil {
			w.log.Warn().Err(err).Msg("the store could not be synced; a power cut now may lose what is newest")
		}
	}
	for {
		select {
		case batch, more := <-w.jobs:
			if !more {
				if unsynced {
					sync()
				}
				return nil
			}
			err := attempt(func() error { return w.store.Apply(ctx, batch) })
			if err == nil && !unsynced {
				unsynced = true
				timer.Reset(w.every)
			}
			if err == nil && renewed {
				renewed, err = false, stores.ErrRenewed
			}
			w.done <- err // capacity 1 and one job at a time: never blocks
		case <-timer.C:
			sync()
		}
	}
}

// attempt makes a store's panic an error, so that the writer lives on.
func attempt(f func() error) (err error) {
	if r := panics.Try(func() { err = f() }); r != nil {
		return fmt.Errorf("the store panicked: %w", r.AsError())
	}
	return err
}
