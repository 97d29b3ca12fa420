package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/sluice-gateway/sluice/stores"
)

// Turns implements stores.Shared.
func (s *Store) Turns(ctx context.Context, pool string, n int, atLeast uint64) (first uint64, err error) {
	if err := stores.CheckTurns(pool, n, atLeast); err != nil {
		return 0, err
	}
	err = s.call(ctx, fmt.Sprintf("take %d turns of pool %q", n, pool), func(ctx context.Context) error {
		text, err := turnsScript.Run(ctx, s.client, []string{s.key("turns")}, pool, n, atLeast, uint64(stores.MaxTurn)).Text()
		if err != nil {
			return err
		}
		first, err = strconv.ParseUint(text, 10, 64)
		return err
	})
	return first, err
}

// leases is what a gateway knows of its own counts at Redis and of those of the
// others, so that only what changed travels.
type leases struct {
	mu      sync.Mutex // held for a whole Beat
	own     map[stores.Key]int
	version uint64 // of own; 0: none was made yet
	known   map[string]holding
}

// holding is one other gateway's counts.
type holding struct {
	version string
	counts  map[stores.Key]int
}

func (s *Store) leaseKeys() []string {
	return []string{s.key("leases"), s.key("versions"), s.key("counts")}
}

// Beat implements stores.Shared.
func (s *Store) Beat(ctx context.Context, own map[stores.Key]int) (others map[stores.Key]int, err error) {
	l := &s.leases
	l.mu.Lock()
	defer l.mu.Unlock()
	follow := l.version == 0 || !sameCounts(l.own, own)
	var blob []byte
	if follow {
		if blob, err = appendCounts(nil, own); err != nil {
			return nil, fmt.Errorf("renew the lease: %w", err)
		}
		l.version++ // even if this call fails: Redis may have taken it
		l.own = positive(own)
	}
	var answer []any
	err = s.call(ctx, "renew the lease", func(ctx context.Context) error {
		var err error
		if answer, err = s.beat(ctx, follow, blob); !errors.Is(err, redis.Nil) {
			return err
		}
		// The lease had run out, or Redis has forgotten it.
		if blob, err = appendCounts(nil, own); err != nil {
			return err
		}
		answer, err = s.beat(ctx, true, blob)
		return err
	})
	if err != nil {
		// Whether Redis has this version is unknown: the next call sends anew.
		l.version, l.own = l.version+1, nil
		return nil, err
	}
	s.beaten.Store(true)
	if err := l.learn(answer); err != nil {
		return nil, fmt.Errorf("renew the lease, %v: %w", s, err)
	}
	return l.sum(), nil
}

// beat is one exchange; the own counts follow or should be there already.
func (s *Store) beat(ctx context.Context, follow bool, blob []byte) ([]any, error) {
	flag := 0
	if follow {
		flag = 1
	}
	args := []any{s.id, s.opt.Lease.Milliseconds(), s.channel(), s.leases.version, flag, blob}
	for id, h := range s.leases.known {
		args = append(args, id, h.version)
	}
	return beatScript.Run(ctx, s.client, s.leaseKeys(), args...).Slice()
}

// learn books the others' counts. Those that are not in the answer have gone.
func (l *leases) learn(answer []any) error {
	if len(answer)%3 != 0 {
		return fmt.Errorf("an answer of %d values, expected threes", len(answer))
	}
	now := make(map[string]holding, len(answer)/3)
	var bad error
	for i := 0; i < len(answer); i += 3 {
		id, isID := answer[i].(string)
		version, isVersion := answer[i+1].(string)
		if !isID || !isVersion {
			return fmt.Errorf("an answer of %T and %T, expected texts", answer[i], answer[i+1])
		}
		h := holding{version: version}
		if blob, fresh := answer[i+2].(string); fresh {
			var err error
			if h.counts, err = parseCounts([]byte(blob)); err != nil {
				bad = errors.Join(bad, fmt.Errorf("counts of gateway %s: %w", id, err))
				continue
			}
		} else {
			h.counts = l.known[id].counts
		}
		now[id] = h
	}
	l.known = now
	return bad
}

func (l *leases) sum() map[stores.Key]int {
	all := map[stores.Key]int{}
	for _, h := range l.known {
		for k, n := range h.counts {
			all[k] += n
		}
	}
	return all
}

// positive leaves out what is not held.
func positive(counts map[stores.Key]int) map[stores.Key]int {
	kept := maps.Clone(counts)
	maps.DeleteFunc(kept, func(_ stores.Key, n int) bool { return n < 1 })
	return kept
}

// sameCounts reports whether now holds what before held; before has no count
// below 1.
func sameCounts(before, now map[stores.Key]int) bool {
	held := 0
	for k, n := range now {
		if n < 1 {
			continue
		}
		if before[k] != n {
			return false
		}
		held++
	}
	return held == len(before)
}
