package vault

import (
	"container/list"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/stores"
)

// place is where a session lies.
type place struct{ owner, backend string }

func (p place) key() stores.Key {
	return stores.Key{Kind: stores.KindTLSSession, Pool: p.owner, Name: p.backend}
}

// shelf is all that is kept. It belongs to the actor's loop, but for open,
// which the loop writes and everybody reads.
type shelf struct {
	most, mostBytes, perClient int

	open    sync.Map // place → stores.TLSSession
	entries map[place]*list.Element
	ages    *list.List // of *entry, the oldest first
	bytes   int
	held    map[holder]int // of the entries that clients named, how many each has
	dirty   map[place]bool // what the store does not have as it is here
	sent    []place        // what is on its way there
}

type entry struct {
	place   place
	by      string // the client that named the backend first; empty: none, or it is not known any more
	session stores.TLSSession
}

// holder is one client of one owner.
type holder struct{ owner, by string }

func (e *entry) holder() holder { return holder{e.place.owner, e.by} }

// named reports that a client named the backend.
func (e *entry) named() bool { return strings.HasPrefix(e.place.owner, named) }

func newShelf(most, mostBytes, perClient int) *shelf {
	return &shelf{
		most: most, mostBytes: mostBytes, perClient: perClient,
		entries: map[place]*list.Element{}, ages: list.New(), held: map[holder]int{}, dirty: map[place]bool{},
	}
}

// look finds a session, however old.
func (s *shelf) look(p place) (stores.TLSSession, bool) {
	v, ok := s.open.Load(p)
	if !ok {
		return stores.TLSSession{}, false
	}
	session, ok := v.(stores.TLSSession)
	return session, ok
}

// put keeps the newest session there is. Who named a backend second has no part in
// it: else naming those of others would be a way to push them out.
func (s *shelf) put(p place, by string, session stores.TLSSession) {
	if was := s.take(p); was != nil && was.by != "" {
		by = was.by
	}
	e := &entry{p, by, session}
	s.entries[p] = s.ages.PushBack(e)
	s.added(e)
	s.touch(p)
}

func (s *shelf) added(e *entry) {
	s.bytes += len(e.session.Session)
	s.open.Store(e.place, e.session)
	if h := e.holder(); e.named() {
		if s.held[h]++; s.held[h] > s.perClient && h.by != "" {
			s.remove(s.oldestOf(func(other holder) bool { return other == h }).place)
		}
	}
	for len(s.entries) > s.most || s.bytes > s.mostBytes {
		s.remove(s.surplus().place)
	}
}

// surplus is what goes first where there is too much.
func (s *shelf) surplus() *entry {
	most := 0
	for _, n := range s.held {
		most = max(most, n)
	}
	if most == 0 {
		return s.oldest()
	}
	return s.oldestOf(func(h holder) bool { return s.held[h] == most })
}

// oldestOf is the oldest entry of some clients, which have one.
func (s *shelf) oldestOf(wanted func(holder) bool) *entry {
	for at := s.ages.Front(); at != nil; at = at.Next() {
		if e, ok := at.Value.(*entry); ok && e.named() && wanted(e.holder()) {
			return e
		}
	}
	return nil
}

func (s *shelf) oldest() *entry {
	if front := s.ages.Front(); front != nil {
		if e, ok := front.Value.(*entry); ok {
			return e
		}
	}
	return nil
}

// remove throws a session away, here and in the store.
func (s *shelf) remove(p place) {
	if s.take(p) != nil {
		s.open.Delete(p)
		s.touch(p)
	}
}

// take takes an entry out; nil: there is none.
func (s *shelf) take(p place) *entry {
	at, ok := s.entries[p]
	if !ok {
		return nil
	}
	s.ages.Remove(at)
	delete(s.entries, p)
	e, ok := at.Value.(*entry)
	if !ok {
		return nil
	}
	s.bytes -= len(e.session.Session)
	if h := e.holder(); e.named() {
		if s.held[h]--; s.held[h] == 0 {
			delete(s.held, h)
		}
	}
	return e
}

// sweep throws away what was kept before a time.
func (s *shelf) sweep(before time.Time) {
	for e := s.oldest(); e != nil && !e.session.At.After(before); e = s.oldest() {
		s.remove(e.place)
	}
}

// restore puts what was loaded before what came since, by age. What is too old
// or was no session leaves the store.
func (s *shelf) restore(f found, now time.Time, age time.Duration) {
	for _, p := range f.useless {
		s.touch(p)
	}
	slices.SortFunc(f.sessions, func(a, b entry) int { return b.session.At.Compare(a.session.At) }) // newest first
	for _, e := range f.sessions {
		if _, newer := s.entries[e.place]; newer || s.dirty[e.place] {
			continue
		}
		if e.session.At.After(now) { // the clock was put back: no session gets older by that
			e.session.At = now
		}
		if now.Sub(e.session.At) >= age || len(s.entries) >= s.most || s.bytes+len(e.session.Session) > s.mostBytes {
			s.touch(e.place)
			continue
		}
		s.entries[e.place] = s.ages.PushFront(&e)
		s.added(&e)
	}
}

// touch notes that the store must be told. While it does not listen, what is to
// be deleted there may be forgotten: it grows too old there all the same.
func (s *shelf) touch(p place) {
	if len(s.dirty) >= 4*s.most {
		for q := range s.dirty {
			if s.entries[q] == nil {
				delete(s.dirty, q)
			}
		}
	}
	s.dirty[p] = true
}

// touchAll has everything written again.
func (s *shelf) touchAll() {
	for p := range s.entries {
		s.touch(p)
	}
}

// unwritten counts the changes that the store has not confirmed.
func (s *shelf) unwritten() int { return len(s.dirty) + len(s.sent) }

// Waiting counts what the store does not have as it is here.
func (s *shelf) Waiting() int { return len(s.dirty) }

// Take takes out of dirty what fits into one batch.
func (s *shelf) Take() (changes []stores.Change, durable bool) {
	size := 0
	for p := range s.dirty {
		c := stores.Delete(p.key())
		if at := s.entries[p]; at != nil {
			if e, ok := at.Value.(*entry); ok {
				c = stores.Put(p.key(), stores.AppendTLSSession(nil, e.session))
			}
		}
		key, err := stores.AppendKey(nil, c.Key)
		if err != nil { // no store could take it
			delete(s.dirty, p)
			continue
		}
		if size += len(key) + len(c.Value); len(changes) == stores.MaxBatch || size > stores.MaxBatchBytes {
			break
		}
		delete(s.dirty, p)
		s.sent, changes = append(s.sent, p), append(changes, c)
	}
	return changes, false
}

// Settle makes what was not written wait again, as it is then.
func (s *shelf) Settle(written bool) {
	for _, p := range s.sent {
		if !written {
			s.touch(p)
		}
	}
	s.sent = nil
}
