package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/sluice-gateway/sluice/stores"
)

// step is how many records Redis is asked for at one time.
const step = 512

// Load implements stores.Loader.
func (s *Store) Load(ctx context.Context, kind stores.Kind) ([]stores.Record, error) {
	type sortable struct {
		field []byte
		stores.Record
	}
	var found []sortable
	seen := map[stores.Key]int{}
	err := s.scan(ctx, kind, func(field string, r stores.Record) error {
		if i, again := seen[r.Key]; again {
			found[i].Value = r.Value
			return nil
		}
		seen[r.Key] = len(found)
		found = append(found, sortable{[]byte(field), r})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b sortable) int { return bytes.Compare(a.field, b.field) })
	out := make([]stores.Record, len(found))
	for i, f := range found {
		out[i] = f.Record
	}
	return out, nil
}

// Each implements stores.Loader.
func (s *Store) Each(ctx context.Context, kind stores.Kind, visit func(stores.Record) error) error {
	return s.scan(ctx, kind, func(_ string, r stores.Record) error { return visit(r) })
}

// scan reads a hash piece by piece. Each piece has a deadline of its own.
func (s *Store) scan(ctx context.Context, kind stores.Kind, visit func(field string, r stores.Record) error) error {
	what := fmt.Sprintf("load %v", kind)
	if err := s.meet(ctx, what); err != nil {
		return err
	}
	for cursor := uint64(0); ; {
		var pairs []string
		err := s.call(ctx, what, func(ctx context.Context) (err error) {
			pairs, cursor, err = s.client.HScan(ctx, s.hash(kind), cursor, "", step).Result()
			return err
		})
		if err != nil {
			return err
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			key, err := stores.ParseKey([]byte(pairs[i]))
			if err != nil || key.Kind != kind {
				// It came from elsewhere, and keeps none of ours from being read.
				s.opt.Log.Warn().Err(err).Str("key", s.hash(kind)).Int("bytes", len(pairs[i])).
					Msg("a field of this hash is none of the gateway's; it is left out")
				continue
			}
			if err := visit(pairs[i], stores.Record{Key: key, Value: []byte(pairs[i+1])}); err != nil {
				return err
			}
			if err := s.ready(ctx); err != nil {
				return fmt.Errorf("%s, %v: %w", what, s, err)
			}
		}
		if cursor == 0 {
			return nil
		}
	}
}

// meet learns the store's epoch. An empty store has none until it is written.
func (s *Store) meet(ctx context.Context, what string) error {
	return s.call(ctx, what, func(ctx context.Context) error {
		epoch, err := s.client.Get(ctx, s.key("epoch")).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if epoch != s.epoch {
			s.epoch, s.stamp = epoch, 0
		}
		s.epochs.Learn(fmt.Sprintf("%s/%d", epoch, s.losses), nil)
		return nil
	})
}
