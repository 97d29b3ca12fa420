package stores

import "sync"

// Epochs is what one gateway knows of a shared store's lives, for
// implementations to find out who is owed an ErrRenewed. An epoch is a text
// that a store has from its beginning until it is lost. Kinds of records have
// different writers and each must hear of a loss, so that it is told once for
// each kind. The zero value is a gateway that never met the store.
type Epochs struct {
	mu    sync.Mutex
	first string          // at the first contact; empty: there was none
	now   string          // at the latest
	told  map[Kind]string // what the writers of a kind believe in, if not in first
}

// Expect returns the epoch that the writer of a batch believes in, empty before
// the first contact. With false the store was lost since, as is known already:
// the answer is ErrRenewed, and the writer counts as told.
func (e *Epochs) Expect(changes []Change) (epoch string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now, e.tell(changes)
}

// Learn notes the epoch that the store was found in and reports whether the
// writer of the batch still believed in it; if not, it counts as told. Readers
// pass no batch.
func (e *Epochs) Learn(epoch string, changes []Change) (ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.first == "" {
		e.first = epoch
	}
	e.now = epoch
	return e.tell(changes)
}

func (e *Epochs) tell(changes []Change) (ok bool) {
	ok = true
	for _, c := range changes {
		believed, known := e.told[c.Key.Kind]
		if !known {
			believed = e.first
		}
		if believed == e.now {
			continue
		}
		ok = false
		if e.told == nil {
			e.told = map[Kind]string{}
		}
		e.told[c.Key.Kind] = e.now
	}
	return ok
}
