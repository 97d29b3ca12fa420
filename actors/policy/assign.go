package policy

import (
	"time"

	"github.com/sluice-gateway/sluice/actors/policy/choice"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

// whose says for whom an assignment is kept.
type whose struct {
	name     string // as it is hashed
	key      string // as it is stored; empty: nothing is kept
	assigned string // backend's key; empty: none
}

// whose finds out for whom a pick is, and where they belong. A client without
// the name that the policy goes by has no assignment.
func (a *Actor) whose(p *pool, m *messages.PickBackend) whose {
	var w whose
	prefix := ""
	switch p.law.Names() {
	case choice.NoNames:
		return w
	case choice.Users:
		w.name, prefix = m.User, "u:"
	case choice.Groups:
		w.name, prefix = m.Group, "g:"
	case choice.Hosts:
		if m.Client.IsValid() {
			w.name, prefix = m.Client.Unmap().WithZone("").String(), "h:"
		}
	}
	if w.name == "" {
		return w
	}
	w.key = prefix + w.name
	if old, ok := a.sticky.Get(string(p.conf.ID), w.key); ok {
		w.assigned = old.Backend
	}
	return w
}

// settleAssignment books what a pick means for the assignment of its client.
//
// While the store is still being read, a client without an assignment is
// served by the hash and not noted: nearly always that is where the record
// that comes will say, and if not, the record wins at the next login. The
// other ways would be to let the login wait for a million records, or to note
// an assignment that the store contradicts a moment later.
func (a *Actor) settleAssignment(p *pool, w *whose, fate choice.Fate, to *counted) {
	if w.key == "" {
		return
	}
	pool := string(p.conf.ID)
	switch {
	case fate == choice.Fresh:
		if a.loading.over {
			a.assign(pool, w.key, to.Key, false)
		}
	case fate == choice.Stays:
		if a.sticky.Use(pool, w.key, a.ask.Now) {
			a.out.touchAssignment(choice.Key{Pool: pool, Name: w.key}, false)
		}
	case fate.Moves():
		a.assign(pool, w.key, to.Key, true)
		a.log.Info().Str("pool", pool).Str("client", w.key).Str("from", w.assigned).Str("to", to.Key).
			Stringer("reason", fate).Msg("an assignment moved")
	default:
		a.sticky.Use(pool, w.key, a.ask.Now)
		a.log.Info().Str("pool", pool).Str("client", w.key).Str("assigned", w.assigned).Str("to", to.Key).
			Stringer("reason", fate).Msg("one session goes elsewhere; its assignment stays")
	}
}

func (a *Actor) assign(pool, name, backend string, moved bool) {
	a.keep(pool, name, choice.Assignment{Backend: backend, Since: a.ask.Now, Seen: a.ask.Now, Moved: moved})
	a.out.touchAssignment(choice.Key{Pool: pool, Name: name}, !moved)
}

// keep puts an assignment into the table; what had to make room for it leaves
// the store, too.
func (a *Actor) keep(pool, name string, as choice.Assignment) {
	out, evicted, _ := a.sticky.Put(pool, name, as)
	if evicted {
		a.out.forget(stickyKey(out))
	}
}

func stickyKey(k choice.Key) stores.Key {
	return stores.Key{Kind: stores.KindSticky, Pool: k.Pool, Name: k.Name}
}

// merge takes in what a store says of an assignment. The store's counts,
// unless this gateway moved it later. Of two moves at one moment the smaller
// key counts, so that all gateways decide alike.
func (a *Actor) merge(k stores.Key, s stores.Sticky) {
	ours, ok := a.sticky.Get(k.Pool, k.Name)
	since := s.Since.Truncate(time.Millisecond)
	if ok && ours.Moved && (ours.Since.After(since) || ours.Since.Equal(since) && ours.Backend < s.Backend) {
		return
	}
	if ok && ours.Backend != s.Backend && a.loading.over {
		a.log.Info().Str("pool", k.Pool).Str("client", k.Name).Str("from", ours.Backend).Str("to", s.Backend).
			Str("reason", "another gateway of the store says so").Msg("an assignment moved")
	}
	a.keep(k.Pool, k.Name, choice.Assignment{Backend: s.Backend, Since: since, Seen: s.Seen})
}
