package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc/panics"

	"github.com/sluice-gateway/sluice/stores"
)

// writer is the child that waits for the store.
type writer struct {
	owner string
	store stores.Store
	kind  stores.Kind
	found chan Found // capacity 1
	jobs  <-chan job
	done  chan<- error
}

func (w *writer) String() string { return w.owner + " writer" }

// Run does jobs until there are no more.
func (w *writer) Run(ctx context.Context) error {
	for j := range w.jobs {
		if j.load {
			w.load(ctx)
			w.done <- nil // capacity 1 and one job at a time: never blocks
			continue
		}
		w.done <- attempt(func() error {
			if err := w.store.Apply(ctx, j.batch); err != nil || !j.durable {
				return err
			}
			return w.store.Sync(ctx)
		})
	}
	return nil
}

// load gives the loop all records. What it gave before, if nobody has looked at
// it, is of no use any more.
func (w *writer) load(ctx context.Context) {
	var f Found
	f.Err = attempt(func() (err error) { f.Records, err = w.store.Load(ctx, w.kind); return err })
	select {
	case <-w.found:
	default:
	}
	w.found <- f // there is room: nobody else sends
}

// attempt makes a store's panic an error, so that the child lives on.
func attempt(f func() error) (err error) {
	if r := panics.Try(func() { err = f() }); r != nil {
		return fmt.Errorf("the store panicked: %w", r.AsError())
	}
	return err
}

// listener is the child that hears other gateways.
type listener struct {
	owner string
	store stores.Shared
	news  chan<- stores.News
	log   zerolog.Logger
}

func (l *listener) String() string { return l.owner + " listener" }

// Run listens until ctx ends. That of the store reconnects by itself; should it
// end all the same, it is begun again.
func (l *listener) Run(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		err := attempt(func() error {
			return l.store.Watch(ctx, func(n stores.News) {
				select {
				case l.news <- n:
				case <-ctx.Done():
				}
			})
		})
		if ctx.Err() == nil {
			l.log.Warn().Err(err).Msg("other gateways cannot be heard; trying again")
		}
		pause.Reset(time.Second)
	}
}
