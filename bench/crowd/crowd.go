//go:build unix

// Package crowd fills a gateway's store with users whom it remembers, so that what it holds for a million of
// them can be weighed without a million logins: the gateway writes what it keeps of one, and this package
// copies that for all others. It knows nothing of the records but that they are Badger's and that the key of
// a user's ends with the name.
package crowd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/sluice-gateway/sluice/bench/proctree"
	"github.com/sluice-gateway/sluice/bench/target"
)

// Name is that of the nth user. All are of one length, as the load gives them.
func Name(n int) string { return fmt.Sprintf("bench%07d", n) }

// Settled is what is known once a crowd has its place.
type Settled struct {
	Users int
	Empty int64  // the gateway's memory (PSS) in bytes while it knew one user
	Home  string // what the backend of all says to a login
}

// Settle starts the gateway, has it remember a user, ends it, and copies what it wrote for so many. The same
// setting, opened again, is a gateway that holds them all.
func Settle(ctx context.Context, spec target.Spec, in target.Setting, users int) (Settled, error) {
	s := Settled{Users: users}
	g, err := target.Open(ctx, spec, in)
	if err != nil {
		return s, err
	}
	s.Home, err = Visit(ctx, g.Control, Name(0))
	if err == nil && g.PID != 0 {
		s.Empty, err = proctree.PSS(g.PID)
	}
	if err = errors.Join(err, g.Close()); err != nil { // which writes what is unwritten
		return s, fmt.Errorf("have a user remembered: %w", err)
	}
	if err := multiply(filepath.Join(in.Dir, target.Tables, "sluice", "badger"), users); err != nil {
		return s, fmt.Errorf("have %d users remembered: %w", users, err)
	}
	return s, nil
}

// multiply copies the first user's records to all others.
func multiply(dir string, users int) (err error) {
	if _, err := os.Stat(filepath.Join(dir, badger.ManifestFilename)); err != nil {
		return fmt.Errorf("look for the gateway's store: %w", err) // Badger would begin a new one
	}
	db, err := badger.Open(badger.DefaultOptions(dir).WithCompression(options.None).WithBlockCacheSize(0).WithMetricsEnabled(false).WithLogger(nil))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	records, err := of(db, []byte(Name(0)))
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return fmt.Errorf("no record of %s in %s", Name(0), dir)
	}
	batch := db.NewWriteBatch()
	defer batch.Cancel()
	for n := 1; n < users; n++ {
		for _, r := range records {
			key := append(bytes.Clone(r.key), Name(n)...)
			if err := batch.Set(key, r.value); err != nil {
				return err
			}
		}
	}
	return batch.Flush()
}

// record is what is kept of one; the key is without the name.
type record struct{ key, value []byte }

func of(db *badger.DB, name []byte) (found []record, err error) {
	err = db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			key, ours := bytes.CutSuffix(it.Item().KeyCopy(nil), name)
			if !ours {
				continue
			}
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			found = append(found, record{key, value})
		}
		return nil
	})
	return found, err
}
