// Package memory is a store that forgets everything at the end of the
// process: for gateways without a ProxyTables directory, and for tests.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/sluice-gateway/sluice/stores"
)

// Store keeps records in a map. The zero value is not usable; call New.
type Store struct {
	mu      sync.Mutex
	records map[stores.Key][]byte // nil once closed
}

// New returns an empty store.
func New() *Store { return &Store{records: map[stores.Key][]byte{}} }

// Load implements stores.Loader.
func (s *Store) Load(ctx context.Context, kind stores.Kind) ([]stores.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, fmt.Errorf("load %v from memory: %w", kind, err)
	}
	var out []stores.Record
	for k, v := range s.records {
		if k.Kind == kind {
			out = append(out, stores.Record{Key: k, Value: slices.Clone(v)})
		}
	}
	slices.SortFunc(out, func(a, b stores.Record) int {
		// As stored keys sort: the pool's length stands before its name.
		return cmp.Or(cmp.Compare(len(a.Key.Pool), len(b.Key.Pool)),
			cmp.Compare(a.Key.Pool, b.Key.Pool), cmp.Compare(a.Key.Name, b.Key.Name))
	})
	return out, nil
}

// Apply implements stores.Writer.
func (s *Store) Apply(ctx context.Context, changes []stores.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("apply %d changes in memory: %w", len(changes), err)
	}
	if _, err := stores.Encode(changes); err != nil { // first: a batch is all or nothing
		return fmt.Errorf("apply in memory: %w", err)
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(s.records, c.Key)
		} else {
			s.records[c.Key] = slices.Clone(c.Value)
		}
	}
	return nil
}

// Sync implements stores.Writer; there is nothing to do.
func (s *Store) Sync(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready(ctx)
}

// Close forgets everything. Closing again is harmless.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = nil
	return nil
}

func (s *Store) ready(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.records == nil {
		return stores.ErrClosed
	}
	return nil
}
