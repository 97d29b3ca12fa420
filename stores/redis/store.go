// Package redis keeps the state of a fleet of gateways in one Redis. Its keys,
// behind the prefix:
//
//	records:<kind>  hash of records by stored key, one for each kind
//	epoch           random text of the one who began the store
//	stamp:<id>      how many batches a gateway wrote; goes a week after the last
//	turns           hash of the next turn by pool
//	leases          sorted set of gateways by the end of their leases, in ms
//	versions        hash of a gateway's counts' version
//	counts          hash of a gateway's counts
//
// and the channel news:<db>, on which every change is published by the script
// that makes it (news.go).
//
// A Redis that lost something is found out by the next batch: the epoch is
// another one when all is gone, and the stamp is lower when it came back with
// what an older snapshot, or a replica, had.
//
// How far a record outlives the power of the machine that Redis runs on, its
// own settings say (appendonly, save); Sync adds nothing to them.
package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluice-gateway/sluice/stores"
)

// stampLife is how long Redis remembers that a gateway wrote something.
const stampLife = 7 * 24 * time.Hour

// errSlow is why a call ends that gets no answer.
var errSlow = errors.New("no answer in time")

// Store implements stores.Shared.
type Store struct {
	opt    Options
	client *redis.Client
	id     string // 32 hexadecimal digits, new with each store: no two gateways ever have the same
	life   context.Context
	end    context.CancelCauseFunc // with ErrClosed

	epochs stores.Epochs
	mu     sync.Mutex // guards what follows
	stamp  uint64     // own batches that Redis said it has
	epoch  string     // as Redis said last
	losses int        // how often it had fewer: the epoch stays, the store is another

	leases leases
	beaten atomic.Bool // there is a lease to give up
	closed atomic.Bool
}

var _ stores.Shared = (*Store)(nil)

// Open returns a store in Redis, to be closed by the caller. It does not
// connect: a gateway starts, and goes on, without Redis. Errors are about the
// options.
func Open(opt Options) (*Store, error) {
	opt = opt.withDefaults()
	if err := opt.check(); err != nil {
		return nil, err
	}
	s := &Store{opt: opt, client: opt.client(), id: random()}
	s.life, s.end = context.WithCancelCause(context.Background())
	return s, nil
}

// random is 128 bits that nobody else has.
func random() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (s *Store) key(name string) string { return s.opt.Prefix + name }

func (s *Store) hash(kind stores.Kind) string { return s.key("records:" + string(rune(kind))) }

// channel holds the database's number, since channels know no databases.
func (s *Store) channel() string { return s.key(fmt.Sprintf("news:%d", s.opt.DB)) }

// String names the store for errors and logs.
func (s *Store) String() string { return "Redis at " + s.opt.Address }

// call runs one exchange within its deadline. The error says what was being
// done and, where the caller or the store came to an end, just that.
func (s *Store) call(ctx context.Context, what string, exchange func(context.Context) error) error {
	err := s.ready(ctx)
	if err == nil {
		limited, cancel := context.WithTimeoutCause(ctx, s.opt.CallTimeout, errSlow)
		defer cancel()
		if err = exchange(limited); err == nil {
			return nil
		}
		if ended := s.ready(ctx); ended != nil {
			err = ended
		} else if timeout := net.Error(nil); limited.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
			err = fmt.Errorf("%w: %w", errSlow, err)
		}
	}
	return fmt.Errorf("%s, %v: %w", what, s, err)
}

func (s *Store) ready(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return context.Cause(s.life)
}

// Sync implements stores.Writer: what Redis acknowledged is as safe as its
// settings make it.
func (s *Store) Sync(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("sync, %v: %w", s, err)
	}
	return nil
}

// Apply implements stores.Writer.
func (s *Store) Apply(ctx context.Context, changes []stores.Change) error {
	what := fmt.Sprintf("write %d changes", len(changes))
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("%s, %v: %w", what, s, err)
	}
	fields, err := stores.Encode(changes)
	if err != nil {
		return fmt.Errorf("%s, %v: %w", what, s, err)
	}
	if len(changes) == 0 {
		return nil
	}
	if _, ok := s.epochs.Expect(changes); !ok {
		return stores.ErrRenewed
	}
	s.mu.Lock()
	epoch, stamp := s.epoch, s.stamp
	s.mu.Unlock()
	keys := []string{s.key("epoch"), s.key("stamp:" + s.id)}
	args := []any{epoch, random(), stamp, stampLife.Milliseconds(), s.channel(), s.id}
	at := map[stores.Kind]int{}
	for i, c := range changes {
		if at[c.Key.Kind] == 0 {
			keys = append(keys, s.hash(c.Key.Kind))
			at[c.Key.Kind] = len(keys) // Lua counts from 1
		}
		args = append(args, at[c.Key.Kind], operation(c), fields[i], c.Value)
	}
	var answer []any
	err = s.call(ctx, what, func(ctx context.Context) (err error) {
		answer, err = applyScript.Run(ctx, s.client, keys, args...).Slice()
		return err
	})
	if err != nil {
		return err
	}
	return s.answered(answer, changes)
}

func operation(c stores.Change) string {
	switch {
	case c.Value == nil:
		return "d"
	case c.First:
		return "f"
	default:
		return "p"
	}
}

// answered books what applyScript gave.
func (s *Store) answered(answer []any, changes []stores.Change) error {
	if len(answer) != 2 {
		return fmt.Errorf("write, %v: an answer of %d values, expected 2", s, len(answer))
	}
	epoch, isText := answer[0].(string)
	stamp, isNumber := answer[1].(int64)
	if !isText || !isNumber || stamp < 0 {
		return fmt.Errorf("write, %v: an answer of %T and %T, expected a text and a number", s, answer[0], answer[1])
	}
	s.mu.Lock()
	if stamp == 0 && epoch == s.epoch {
		s.losses++
	}
	if stamp == 0 || epoch != s.epoch {
		s.stamp = 0
	}
	s.epoch, s.stamp = epoch, max(s.stamp, uint64(stamp))
	s.epochs.Learn(fmt.Sprintf("%s/%d", epoch, s.losses), changes)
	s.mu.Unlock()
	if stamp == 0 {
		return stores.ErrRenewed
	}
	return nil
}

// Close gives up the lease, if Redis can be told, and ends everything.
// Closing again is harmless.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if s.beaten.Load() {
		s.leave()
	}
	s.end(stores.ErrClosed)
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close, %v: %w", s, err)
	}
	return nil
}

// leave gives up the lease. One that cannot be given up runs out by itself.
func (s *Store) leave() {
	err := s.call(context.Background(), "give up the lease", func(ctx context.Context) error {
		return leaveScript.Run(ctx, s.client, s.leaseKeys(), s.id, s.channel()).Err()
	})
	if err != nil {
		s.opt.Log.Debug().Err(err).Msg("the other gateways count this one's connections until its lease is over")
	}
}
