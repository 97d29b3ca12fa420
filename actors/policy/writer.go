package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc/panics"

	"github.com/sluice-gateway/sluice/runtime/supervise"
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

// remembered is what a store gave.
type remembered struct {
	rotations map[string]stores.Rotation
	counters  map[stores.Key]stores.Counters
}

// load reads the store, for as long as the configuration allows. A gateway
// with a slow or broken store starts all the same, with counters at zero.
func (o *outbox) load(ctx, storeCtx context.Context) remembered {
	type result struct {
		r   remembered
		err error
	}
	read := make(chan result, 1)
	o.kids.Go(storeCtx, supervise.Func("policy loader", func(ctx context.Context) error {
		var r remembered
		err := attempt(func() (err error) {
			r, err = readAll(ctx, o.cfg.Store, o.log)
			return err
		})
		read <- result{r, err}
		return nil
	}))
	late := time.NewTimer(o.cfg.LoadWithin)
	defer late.Stop()
	var err error
	select {
	case got := <-read:
		if got.err == nil {
			return got.r
		}
		err = got.err
	case <-late.C:
		err = fmt.Errorf("no answer from the store within %v", o.cfg.LoadWithin)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	o.log.Error().Err(err).Msg("positions and counters could not be loaded; they begin at zero")
	return remembered{rotations: map[string]stores.Rotation{}}
}

// readAll decodes all records; one that cannot be read is said and left out.
func readAll(ctx context.Context, store stores.Loader, log zerolog.Logger) (remembered, error) {
	r := remembered{rotations: map[string]stores.Rotation{}, counters: map[stores.Key]stores.Counters{}}
	rotations, err := store.Load(ctx, stores.KindRotation)
	if err != nil {
		return r, fmt.Errorf("load positions: %w", err)
	}
	counters, err := store.Load(ctx, stores.KindCounters)
	if err != nil {
		return r, fmt.Errorf("load counters: %w", err)
	}
	for _, rec := range rotations {
		if v, err := stores.ParseRotation(rec.Value); err == nil {
			r.rotations[rec.Key.Pool] = v
		} else {
			log.Warn().Stringer("record", rec.Key).Err(err).Msg("a stored record cannot be read; it begins anew")
		}
	}
	for _, rec := range counters {
		if v, err := stores.ParseCounters(rec.Value); err == nil {
			r.counters[rec.Key] = v
		} else {
			log.Warn().Stringer("record", rec.Key).Err(err).Msg("a stored record cannot be read; it begins anew")
		}
	}
	return r, nil
}
