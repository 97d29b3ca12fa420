package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/sluice-gateway/sluice/stores"
)

// maxQueue bounds the news that wait for one watcher. Beyond, all are Lost.
const maxQueue = 4096

// watcher is one Watch. Its fields are guarded by the fleet's lock.
type watcher struct {
	queue []stores.News
	lost  bool          // to be told before the queue
	wake  chan struct{} // capacity 1: look again
}

func (w *watcher) stir() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// lose drops what waits and has the loss told.
func (w *watcher) lose() {
	w.queue, w.lost = nil, true
	w.stir()
}

// hear queues news for this gateway's watchers; the fleet is locked. What
// comes during an outage is lost, which broken has noted already.
func (g *Gateway) hear(n stores.News) {
	if g.away() {
		return
	}
	for _, w := range g.watchers {
		if len(w.queue) == maxQueue {
			w.lose()
		} else {
			w.queue = append(w.queue, n)
			w.stir()
		}
	}
}

// broken notes that the connection broke, or is back; the fleet is locked.
func (g *Gateway) broken() {
	for _, w := range g.watchers {
		w.lose()
	}
}

// Watch implements stores.Shared.
func (g *Gateway) Watch(ctx context.Context, tell func(stores.News)) error {
	w := &watcher{wake: make(chan struct{}, 1)}
	w.stir()
	g.fleet.mu.Lock()
	g.watchers = append(g.watchers, w)
	w.lost = g.away()
	g.fleet.mu.Unlock()
	defer func() {
		g.fleet.mu.Lock()
		defer g.fleet.mu.Unlock()
		g.watchers = slices.DeleteFunc(g.watchers, func(other *watcher) bool { return other == w })
	}()
	for begun := false; ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.wake:
		}
		news, away, err := g.take(w)
		if err != nil {
			return err
		}
		if !begun && !away {
			begun = true
			if len(news) == 0 || !news[0].Lost {
				tell(stores.News{})
			}
		}
		for _, n := range news {
			tell(n)
		}
	}
}

// take empties a watcher's queue, nothing during an outage.
func (g *Gateway) take(w *watcher) (news []stores.News, away bool, err error) {
	g.fleet.mu.Lock()
	defer g.fleet.mu.Unlock()
	if g.closed {
		return nil, false, fmt.Errorf("watch the fleet: %w", stores.ErrClosed)
	}
	if g.away() {
		return nil, true, nil
	}
	if w.lost {
		news = append(news, stores.News{Lost: true})
	}
	news = append(news, w.queue...)
	w.queue, w.lost = nil, false
	return news, false, nil
}
