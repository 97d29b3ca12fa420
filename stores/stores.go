// Package stores is the gateway's memory across restarts: the records that
// outlive a process, their encoding, and the small interfaces behind which a
// database stands. Nothing here decides; whoever owns the state decides in
// memory, loads everything once at its start and writes behind in batches.
// A Shared store is one that several gateways use at one time. Sources and
// resolvers are where lists of backends come from.
//
// Rules that every implementation keeps, proven by package storetest:
//   - Apply is atomic: after a crash either the whole batch is there or none.
//   - What was applied before a Sync that returned nil survives power loss.
//   - A store never keeps the gateway from starting because it is damaged: it
//     is set aside, said loudly, and a new one begun (ErrRenewed).
package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrRenewed says that a store was found damaged in mid-life and an empty one
// was put in its place, or that a shared one came back empty. The change at
// hand was not written. The caller should write everything it knows again.
var ErrRenewed = errors.New("the store was lost and a new one was begun: write all records again")

// ErrClosed is the answer of a store after Close.
var ErrClosed = errors.New("the store is closed")

// ErrBatch is wrapped by the refusal of a batch that is too large or means
// nothing.
var ErrBatch = errors.New("batch refused")

// Every implementation takes batches within these limits.
const (
	MaxBatch      = 1024      // changes in one Apply
	MaxBatchBytes = 256 << 10 // keys and values of one Apply together
)

// Record is one key with its encoded value.
type Record struct {
	Key   Key
	Value []byte
}

// Change is one step of a batch: a put, or with a nil Value a delete. A put
// of an empty value must use a non-nil empty slice.
type Change struct {
	Key   Key
	Value []byte
	// First makes a put that only counts while the key is absent: of several
	// gateways that assign one client at one time, one does. The rest of the
	// batch is done all the same.
	First bool
}

// Put makes the change that stores value under key.
func Put(key Key, value []byte) Change {
	if value == nil {
		value = []byte{}
	}
	return Change{Key: key, Value: value}
}

// PutFirst makes the change that stores value under key if that is absent.
func PutFirst(key Key, value []byte) Change {
	c := Put(key, value)
	c.First = true
	return c
}

// Delete makes the change that removes key; that it is absent is no error.
func Delete(key Key) Change { return Change{Key: key} }

// Loader reads a store as a whole.
type Loader interface {
	// Load returns all records of a kind in the order of their keys. The
	// values are the caller's own. It ends early with ctx's cause.
	Load(ctx context.Context, kind Kind) ([]Record, error)
	// Each visits all records of a kind, in no order, without holding them
	// all. The value is valid during the visit only, and the visit must not
	// use the store. What changes meanwhile may be seen as it was or as it is,
	// and a shared store may show a record twice. It ends early with ctx's
	// cause, or with the error of a visit.
	Each(ctx context.Context, kind Kind, visit func(Record) error) error
}

// Writer changes a store. Both methods may block as long as the disk does.
type Writer interface {
	// Apply does all changes in their order, or none: of two changes to one
	// key the later one counts. A batch above the limits is refused with
	// ErrBatch, as is a delete with First.
	Apply(ctx context.Context, changes []Change) error
	// Sync returns when all that was applied is safe from power loss.
	Sync(ctx context.Context) error
}

// Store is a whole one. Its methods may be called from several goroutines.
type Store interface {
	Loader
	Writer
	io.Closer
}

// Encode checks a batch against the limits and gives the stored form of its
// keys, for implementations to call before they change anything.
func Encode(changes []Change) ([][]byte, error) {
	if len(changes) > MaxBatch {
		return nil, fmt.Errorf("%w: %d changes, at most %d", ErrBatch, len(changes), MaxBatch)
	}
	keys := make([][]byte, len(changes))
	size := 0
	for i, c := range changes {
		var err error
		if keys[i], err = AppendKey(nil, c.Key); err != nil {
			return nil, fmt.Errorf("change %d of %d: %w", i+1, len(changes), err)
		}
		if c.First && c.Value == nil {
			return nil, fmt.Errorf("%w: change %d of %d deletes %v only if it is absent, which means nothing", ErrBatch, i+1, len(changes), c.Key)
		}
		size += len(keys[i]) + len(c.Value)
	}
	if size > MaxBatchBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBatch, size, MaxBatchBytes)
	}
	return keys, nil
}
