package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/stores"
)

// Pauses before a Watch connects again.
const (
	firstPause   = 20 * time.Millisecond
	longestPause = time.Second
)

// Watch implements stores.Shared.
func (s *Store) Watch(ctx context.Context, tell func(stores.News)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.life, func() { cancel(stores.ErrClosed) })()
	pause, lost := firstPause, false
	for {
		var since time.Time
		err := s.listen(ctx, tell, func() {
			if lost {
				s.opt.Log.Info().Stringer("store", s).Msg("the news of other gateways come again")
			}
			tell(stores.News{Lost: lost})
			lost, since = false, time.Now()
		})
		if ctx.Err() != nil {
			return fmt.Errorf("watch, %v: %w", s, context.Cause(ctx))
		}
		if !lost { // said once, not at every attempt
			s.opt.Log.Warn().Stringer("store", s).Err(err).Msg("the news of other gateways do not come; connecting again until they do")
		}
		lost = true
		if !since.IsZero() && time.Since(since) > longestPause {
			pause = firstPause // not one that breaks as often as it is made
		}
		wait(ctx, pause/2+rand.N(pause))
		pause = min(2*pause, longestPause)
	}
}

func wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// listen tells the news of one connection until that breaks. begun is called
// when it stands.
func (s *Store) listen(ctx context.Context, tell func(stores.News), begun func()) error {
	sub := s.client.Subscribe(ctx)     // to nothing: that does not connect yet
	defer func() { _ = sub.Close() }() // it may have been closed before
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })()
	if err := s.subscribe(ctx, sub); err != nil {
		return err
	}
	begun()
	var pinger conc.WaitGroup
	defer pinger.Wait()
	quiet, stop := context.WithCancel(ctx)
	defer stop()
	pinger.Go(func() { s.ping(quiet, sub) })
	for {
		// The library ends a read in the middle of a message when the time is
		// over, so that this must be long for a silent line: it is not used
		// again.
		got, err := sub.ReceiveTimeout(ctx, 3*s.opt.CallTimeout)
		if err != nil {
			return err
		}
		message, ok := got.(*redis.Message)
		if !ok {
			continue // the answer to a ping
		}
		n, mine, err := parseNews(message.Payload, s.id)
		if err != nil {
			return err // and load again: what it said is unknown
		}
		if mine {
			tell(n)
		}
	}
}

// subscribe connects and waits until messages come.
func (s *Store) subscribe(ctx context.Context, sub *redis.PubSub) error {
	limited, cancel := context.WithTimeoutCause(ctx, s.opt.CallTimeout, errSlow)
	defer cancel()
	if err := sub.Subscribe(limited, s.channel()); err != nil {
		return err
	}
	got, err := sub.ReceiveTimeout(ctx, s.opt.CallTimeout)
	if err != nil {
		return err
	}
	if _, ok := got.(*redis.Subscription); !ok {
		return fmt.Errorf("subscribe: an answer of %T", got)
	}
	return nil
}

// ping makes the line talk, so that silence means that it is broken.
func (s *Store) ping(ctx context.Context, sub *redis.PubSub) {
	every := time.NewTicker(s.opt.CallTimeout)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if sub.Ping(ctx) != nil {
				_ = sub.Close() // the reader learns of it
				return
			}
		}
	}
}
