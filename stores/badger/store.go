// Package badger keeps the gateway's records in a Badger database under the
// ProxyTables directory:
//
//	<ProxyTables>/badger/             the database
//	<ProxyTables>/badger.lock         held (flock) while a gateway uses it
//	<ProxyTables>/damaged-<time>/     a database that could not be trusted
//
// Badger answers some kinds of damage with a panic in a goroutine of its own,
// with log.Fatal, with an allocation of the size that a torn length field
// names, or by silently leaving a table out. None of that may happen to a
// gateway, so every file is checked by this package before Badger sees it
// (check*.go), and the whole content is read once before Open returns.
package badger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc/panics"

	"github.com/sluice-gateway/sluice/stores"
)

// ErrInUse says that another process, or another store of this one, has the
// directory.
var ErrInUse = errors.New("the directory is in use")

// Store implements stores.Store.
type Store struct {
	root string // the ProxyTables directory
	log  zerolog.Logger

	mu     sync.Mutex // Badger may be swapped for a new one at any call
	db     *badger.DB // nil after Close, or while no new one could be begun
	lock   *os.File
	closed bool
}

// Open opens the store in dir, a ProxyTables directory that exists or can be
// made, and holds it until Close. A damaged store is moved aside and a new one
// begun. Errors are those that an administrator must solve: the directory is
// in use (ErrInUse), may not be written, or its disk is full.
func Open(dir string, log zerolog.Logger) (*Store, error) {
	s := &Store{root: dir, log: log}
	if err := os.MkdirAll(s.path(), 0o700); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, "badger.lock"))
	if err != nil {
		return nil, err
	}
	s.lock = lock
	if err := s.openDB(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func (s *Store) path() string { return filepath.Join(s.root, "badger") }

// openDB opens what is there, or a new store where that is damaged.
func (s *Store) openDB() error {
	err := s.try()
	if err == nil || !isDamage(err) {
		return err
	}
	if err := s.setAside(err); err != nil {
		return err
	}
	if err := s.try(); err != nil {
		return fmt.Errorf("begin a new store after a damaged one: %w", err)
	}
	return nil
}

// try opens the database once, with every check before and after.
func (s *Store) try() error {
	if err := enoughRoom(s.root); err != nil {
		return err
	}
	if err := os.MkdirAll(s.path(), 0o700); err != nil {
		return fmt.Errorf("make the store's directory: %w", err)
	}
	if err := accessible(s.path()); err != nil {
		return err
	}
	var db *badger.DB
	err := guarded(func() (err error) {
		if err = s.check(); err == nil {
			db, err = badger.Open(tuned(s.path(), s.log))
		}
		return err
	})
	if err != nil {
		return classify(fmt.Errorf("open the store in %s: %w", s.path(), err))
	}
	if err := guarded(func() error { return readAll(db) }); err != nil {
		closeErr := guarded(db.Close)
		return &Damage{Err: errors.Join(fmt.Errorf("read the store in %s: %w", s.path(), err), closeErr)}
	}
	s.db = db
	return nil
}

// readAll proves that each record can be read.
func readAll(db *badger.DB) error {
	return db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if err := it.Item().Value(func([]byte) error { return nil }); err != nil {
				return err
			}
		}
		return nil
	})
}

// guarded makes a panic inside Badger an error, which counts as damage.
func guarded(f func() error) (err error) {
	if r := panics.Try(func() { err = f() }); r != nil {
		return &Damage{Err: fmt.Errorf("reading the store panicked: %w", r.AsError())}
	}
	return err
}

// Apply implements stores.Writer.
func (s *Store) Apply(ctx context.Context, changes []stores.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("write to %s: %w", s.path(), err)
	}
	keys, err := stores.Encode(changes)
	if err != nil {
		return fmt.Errorf("write to %s: %w", s.path(), err)
	}
	// Badger writes through memory maps of sparse files: on a full disk that
	// is not an error but a SIGBUS. So room is asked for first.
	if err := enoughRoom(s.root); err != nil {
		return err
	}
	err = guarded(func() error {
		txn := s.db.NewTransaction(true)
		defer txn.Discard()
		for i, c := range changes {
			if err := write(txn, keys[i], c); err != nil {
				return fmt.Errorf("%v: %w", c.Key, err)
			}
		}
		return txn.Commit()
	})
	if isDamage(err) {
		return s.renew(err)
	}
	if err != nil {
		return fmt.Errorf("write %d changes to %s: %w", len(changes), s.path(), err)
	}
	return nil
}

// write does one change within a transaction, which sees the ones before it.
func write(txn *badger.Txn, key []byte, c stores.Change) error {
	if c.Value == nil {
		return txn.Delete(key)
	}
	if c.First {
		switch _, err := txn.Get(key); {
		case err == nil:
			return nil // too late
		case !errors.Is(err, badger.ErrKeyNotFound):
			return err
		}
	}
	return txn.Set(key, c.Value)
}

// Sync implements stores.Writer.
func (s *Store) Sync(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("sync %s: %w", s.path(), err)
	}
	err := guarded(s.db.Sync)
	if isDamage(err) {
		return s.renew(err)
	}
	if err != nil {
		return fmt.Errorf("sync %s: %w", s.path(), err)
	}
	return nil
}

// Close writes out what is in memory and gives the directory free.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var err error
	if s.db != nil {
		err = guarded(s.db.Close)
		s.db = nil
	}
	if err = errors.Join(err, s.lock.Close()); err != nil {
		return fmt.Errorf("close the store in %s: %w", s.path(), err)
	}
	return nil
}

// ready reports whether there is a database to work with. After a renewal
// that failed (a disk that was full, say) it tries once more.
func (s *Store) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.closed:
		return stores.ErrClosed
	case s.db != nil:
		return nil
	}
	if err := s.openDB(); err != nil {
		return err
	}
	return stores.ErrRenewed
}

// renew replaces a database that turned out damaged while in use.
func (s *Store) renew(why error) error {
	closeErr := guarded(s.db.Close)
	s.db = nil
	if err := s.setAside(errors.Join(why, closeErr)); err != nil {
		return err
	}
	if err := s.openDB(); err != nil {
		return err
	}
	return stores.ErrRenewed
}
