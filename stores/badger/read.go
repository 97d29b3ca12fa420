package badger

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/sourcegraph/conc/panics"

	"github.com/sluice-gateway/sluice/stores"
)

// Load implements stores.Loader. When a record can not be read the store is
// replaced by a new one and the answer is ErrRenewed.
func (s *Store) Load(ctx context.Context, kind stores.Kind) ([]stores.Record, error) {
	var out []stores.Record
	err := s.visit(ctx, kind, func(key stores.Key, item *badger.Item) error {
		value, err := item.ValueCopy(nil)
		if err != nil {
			return fmt.Errorf("%v: %w", key, err)
		}
		out = append(out, stores.Record{Key: key, Value: value})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Each implements stores.Loader; nothing else is served meanwhile. Of a record
// that can not be read it says the same as Load, when others may have been
// visited already.
func (s *Store) Each(ctx context.Context, kind stores.Kind, visit func(stores.Record) error) error {
	var theirs error // the visitor's error, or panic, is no damage of ours
	err := s.visit(ctx, kind, func(key stores.Key, item *badger.Item) error {
		return item.Value(func(value []byte) error {
			if value == nil {
				value = []byte{} // nil means deleted
			}
			if r := panics.Try(func() { theirs = visit(stores.Record{Key: key, Value: value}) }); r != nil {
				theirs = fmt.Errorf("%v: the visit panicked: %w", key, r.AsError())
			}
			if theirs != nil {
				return errStop
			}
			return nil
		})
	})
	if theirs != nil {
		return theirs
	}
	return err
}

// errStop ends an iteration without an error of the store's own.
var errStop = errors.New("the visit ended")

// visit hands all records of a kind to f, in the order of their keys. Any error
// but errStop and the end of ctx counts as damage.
func (s *Store) visit(ctx context.Context, kind stores.Kind, f func(stores.Key, *badger.Item) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("load %v from %s: %w", kind, s.path(), err)
	}
	ended := false
	err := guarded(func() error {
		// Badger's iterators end at a damaged block as at the last one, so
		// all checksums come first.
		if err := s.db.VerifyChecksum(); err != nil {
			return err
		}
		return s.db.View(func(txn *badger.Txn) error {
			prefix := []byte{byte(kind)}
			it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
			defer it.Close()
			for it.Seek(prefix); it.ValidForPrefix(prefix); it.Next() {
				if ended = ctx.Err() != nil; ended {
					return context.Cause(ctx)
				}
				key, err := stores.ParseKey(it.Item().Key())
				if err != nil {
					return err
				}
				if err := f(key, it.Item()); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err == nil || ended || errors.Is(err, errStop) {
		return err
	}
	return s.renew(fmt.Errorf("load %v: %w", kind, err))
}
