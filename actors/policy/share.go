package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
)

// Limits of what the actor does with a shared store.
const (
	callWithin = time.Second           // for one call
	beatAfter  = 40 * time.Millisecond // a change of counts is told to others
	watchAgain = time.Second           // after a Watch that ended
	// doubtAfter is how long the counts of others are believed without news:
	// about as long as the leases of other gateways run.
	doubtAfter = 5 * time.Second
)

// share is the actor's side of a store that several gateways use. The loop
// owns it; three children wait for the store. For a gateway that is alone it
// does nothing.
//
// An outage begins with the first call that fails and ends with the first
// Beat that is answered: both are said once. Meanwhile the gateway goes on
// with what it knows and counts turns by itself. When the store is back it is
// read again and merged, and only then what waited is written.
type share struct {
	store stores.Shared // nil: the gateway is alone
	cfg   Config
	log   zerolog.Logger

	down    bool
	since   time.Time // of the last Beat that was answered
	wanting bool      // turns were taken: see whether to ask for more

	asks   chan []ask   // capacity 1, sent to only while not asking
	turns  chan granted // capacity 1
	asking bool
	asked  time.Time

	beats   chan map[stores.Key]int // capacity 1, sent to only while not beating
	heard   chan heard              // capacity 1
	beating bool
	early   bool // counts changed: the next Beat comes soon
	timer   *time.Timer

	news chan stores.News
}

// heard is the answer to a Beat.
type heard struct {
	others map[stores.Key]int
	err    error
}

func newShare(ctx context.Context, cfg Config, log zerolog.Logger, kids *supervise.Group) *share {
	s := &share{cfg: cfg, log: log, timer: time.NewTimer(time.Hour)}
	s.timer.Stop()
	shared, ok := cfg.Store.(stores.Shared)
	if !ok {
		return s
	}
	s.store, s.since = shared, time.Now()
	s.asks, s.turns = make(chan []ask, 1), make(chan granted, 1)
	s.beats, s.heard = make(chan map[stores.Key]int, 1), make(chan heard, 1)
	s.news = make(chan stores.News, 16)
	s.timer.Reset(0)
	// All three end with ctx.
	kids.Go(ctx, &turner{store: shared, within: callWithin, asks: s.asks, done: s.turns})
	kids.Go(ctx, supervise.Func("policy beater", s.beater))
	kids.Go(ctx, supervise.Func("policy watcher", s.watcher))
	return s
}

// on reports whether there are others.
func (s *share) on() bool { return s.store != nil }

// want asks for the turns that are missing in reserves.
func (s *share) want(b *book, parked *parked) {
	if !s.wanting || !s.on() || s.asking || s.down {
		return
	}
	s.wanting = false
	var asks []ask
	for _, p := range b.order {
		if p.err != nil && !errors.Is(p.err, ErrEmptyPool) || !p.law.Turns() {
			continue
		}
		if n := p.turns.need(parked.in(p.conf.ID)); n > 0 {
			asks = append(asks, ask{string(p.conf.ID), n, p.turns.next})
		}
	}
	if len(asks) > 0 {
		s.asking, s.asked = true, time.Now()
		s.asks <- asks // free: the last were answered
	}
}

// granted puts turns into the reserves.
func (s *share) granted(g granted, b *book) {
	s.asking = false
	for _, got := range g.grants {
		if p := b.pools[messages.PoolID(got.pool)]; p != nil {
			t := p.turns
			t.alone = false
			t.spans = append(t.spans, got.span)
			t.next = max(t.next, got.span.from) // what the others have taken is gone
		}
	}
	if g.err != nil {
		s.wanting = true
		s.failed(g.err, s.asked, b)
	}
}

// failed begins an outage, unless the call that failed began before the last
// Beat that was answered: its news are old.
func (s *share) failed(err error, began time.Time, b *book) {
	if began.Before(s.since) {
		return
	}
	for _, p := range b.order {
		p.turns.alone = true
	}
	if s.down {
		s.log.Debug().Err(err).Msg("the shared store does not answer")
		return
	}
	s.down = true
	s.log.Error().Err(err).Msg("the shared store does not answer; this gateway goes on by itself with what it knows, and will say when the store is back")
}

// beatSoon has other gateways told of changed counts.
func (s *share) beatSoon() {
	if s.on() && !s.early && !s.down {
		s.early = true
		if !s.beating {
			s.timer.Reset(beatAfter)
		}
	}
}

// beat says what this gateway holds.
func (s *share) beat(b *book) {
	if s.beating {
		return
	}
	s.beating, s.early = true, false
	for _, p := range b.order {
		p.turns.shrink()
	}
	s.beats <- b.held() // free: the last was answered
}

// answered books the answer to a Beat, and reports whether an outage ended.
func (s *share) answered(h heard, b *book) (back bool) {
	s.beating = false
	if h.err != nil {
		s.failed(h.err, time.Now(), b)
		if time.Since(s.since) >= doubtAfter {
			b.setElsewhere(nil)
		}
	} else {
		s.since = time.Now()
		b.setElsewhere(h.others)
		back, s.down = s.down, false
	}
	if back {
		s.log.Info().Msg("the shared store is back; it is read again and told what it missed")
	}
	next := s.cfg.BeatEvery
	if s.early {
		next = beatAfter
	}
	s.timer.Reset(next)
	return back
}

// beater is the child that waits for the answers to Beats.
func (s *share) beater(ctx context.Context) error {
	for {
		select {
		case own := <-s.beats:
			var h heard
			h.err = attempt(func() (err error) {
				call, cancel := context.WithTimeout(ctx, callWithin)
				defer cancel()
				h.others, err = s.store.Beat(call, own)
				return err
			})
			if !ended(ctx) {
				s.heard <- h // capacity 1, one answer per job
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// watcher is the child that hears what other gateways do.
func (s *share) watcher(ctx context.Context) error {
	for !ended(ctx) {
		err := attempt(func() error {
			return s.store.Watch(ctx, func(n stores.News) {
				select {
				case s.news <- n:
				case <-ctx.Done():
				}
			})
		})
		if ended(ctx) {
			break
		}
		s.log.Warn().Err(fmt.Errorf("watch the shared store: %w", err)).Msg("what other gateways do is not heard; watching begins again")
		select {
		case <-time.After(watchAgain):
		case <-ctx.Done():
		}
	}
	return nil
}

// ended reports that a child is to end: an error that came by that is no
// outage.
func ended(ctx context.Context) bool { return ctx.Err() != nil }
