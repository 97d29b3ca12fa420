// Package memory is a store that forgets everything at the end of the
// process: for gateways without a ProxyTables directory, and for tests. A
// Fleet is a shared one for several gateways of one process.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/sluice-gateway/sluice/stores"
)

// table is the records, by kind. Whoever holds it locks it.
type table map[stores.Kind]map[stores.Key][]byte

// load returns all records of a kind in the order of their stored keys.
func (t table) load(kind stores.Kind) []stores.Record {
	var out []stores.Record
	for k, v := range t[kind] {
		out = append(out, stores.Record{Key: k, Value: slices.Clone(v)})
	}
	slices.SortFunc(out, func(a, b stores.Record) int {
		// As stored keys sort: the pool's length stands before its name.
		return cmp.Or(cmp.Compare(len(a.Key.Pool), len(b.Key.Pool)),
			cmp.Compare(a.Key.Pool, b.Key.Pool), cmp.Compare(a.Key.Name, b.Key.Name))
	})
	return out
}

// each visits all records of a kind. A visit that scribbles over the value
// must not reach the table, so all share one buffer.
func (t table) each(ctx context.Context, kind stores.Kind, visit func(stores.Record) error) error {
	value := []byte{} // not nil, which would be a deleted record
	for k, v := range t[kind] {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		value = append(value[:0], v...)
		if err := visit(stores.Record{Key: k, Value: value}); err != nil {
			return err
		}
	}
	return nil
}

// apply does one change and reports false for a First that came too late.
func (t table) apply(c stores.Change) bool {
	records := t[c.Key.Kind]
	if c.Value == nil {
		delete(records, c.Key)
		return true
	}
	if _, taken := records[c.Key]; taken && c.First {
		return false
	}
	if records == nil {
		records = map[stores.Key][]byte{}
		t[c.Key.Kind] = records
	}
	records[c.Key] = slices.Clone(c.Value)
	return true
}

// Store keeps records in maps. The zero value is not usable; call New.
type Store struct {
	mu      sync.Mutex
	records table // nil once closed
}

// New returns an empty store.
func New() *Store { return &Store{records: table{}} }

// Load implements stores.Loader.
func (s *Store) Load(ctx context.Context, kind stores.Kind) ([]stores.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, fmt.Errorf("load %v from memory: %w", kind, err)
	}
	return s.records.load(kind), nil
}

// Each implements stores.Loader; nothing else is served meanwhile.
func (s *Store) Each(ctx context.Context, kind stores.Kind, visit func(stores.Record) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("visit %v in memory: %w", kind, err)
	}
	return s.records.each(ctx, kind, visit)
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
		s.records.apply(c)
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
