package warden

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

// id names one ban.
type id struct {
	subject
	server string
}

func idOf(b messages.Ban) id { return id{subject{b.Kind, b.Name}, b.Server} }

// letters begin the names of records, by kind of ban.
const letters = "hucx"

func (i id) key() stores.Key {
	return stores.Key{Kind: stores.KindBan, Pool: i.server, Name: letters[i.kind:i.kind+1] + ":" + i.name}
}

// idOfKey is the reverse of key; false: this release knows no such bans.
func idOfKey(k stores.Key) (id, bool) {
	letter, name, ok := strings.Cut(k.Name, ":")
	kind := strings.Index(letters, letter)
	if !ok || len(letter) != 1 || kind < 0 || name == "" || len(name) > maxName {
		return id{}, false
	}
	return id{subject{messages.BanKind(kind), name}, k.Pool}, true
}

// find is the ban of an id, if there is one.
func (a *Actor) find(i id) (messages.Ban, bool) {
	for _, b := range a.bans[i.subject] {
		if b.Server == i.server {
			return b, true
		}
	}
	return messages.Ban{}, false
}

// put has a ban hold, in place of an earlier one about the same. It reports false
// if there is no room for it.
func (a *Actor) put(b messages.Ban) bool {
	i := idOf(b)
	if _, there := a.find(i); !there && !a.makeRoom() {
		return false
	}
	a.set(i.subject, append(a.without(i), b))
	delete(a.faded, i)
	return true
}

// drop ends a ban in memory.
func (a *Actor) drop(i id) { a.set(i.subject, a.without(i)) }

// without is the bans of an id's subject but one, in a slice of their own.
func (a *Actor) without(i id) (others []messages.Ban) {
	for _, b := range a.bans[i.subject] {
		if b.Server != i.server {
			others = append(others, b)
		}
	}
	return others
}

// set replaces the bans of one subject, and publishes that unless much is under way.
func (a *Actor) set(s subject, bans []messages.Ban) {
	a.total += len(bans) - len(a.bans[s])
	if a.bans[s] = bans; len(bans) == 0 {
		delete(a.bans, s)
	}
	if !a.busy {
		a.view.Store(a.view.Load().with(s, a.bans))
	}
}

// atOnce publishes many changes as one.
func (a *Actor) atOnce(change func()) {
	was := a.busy
	a.busy = true
	change()
	if a.busy = was; !was {
		a.view.Store(&view{rules: a.view.Load().rules, old: maps.Clone(a.bans)})
	}
}

// makeRoom gives up the bans that end soonest when there are too many. Those without
// an end stay: somebody wanted them.
func (a *Actor) makeRoom() bool {
	if a.total < a.cfg.Most {
		return true
	}
	ending := a.all(func(b messages.Ban) bool { return !b.Until.IsZero() })
	slices.SortFunc(ending, func(x, y messages.Ban) int { return x.Until.Compare(y.Until) })
	ending = ending[:min(len(ending), a.cfg.Most/16+1)]
	a.atOnce(func() {
		for _, b := range ending {
			a.drop(idOf(b))
			a.out.Change(idOf(b).key(), nil)
		}
	})
	a.log.Warn().Int("most", a.cfg.Most).Int("given_up", len(ending)).Msg("there are too many bans; those that end soonest are given up")
	return len(ending) > 0
}

// all lists bans by server, kind and name.
func (a *Actor) all(wanted func(messages.Ban) bool) []messages.Ban {
	var out []messages.Ban
	for _, bans := range a.bans {
		for _, b := range bans {
			if wanted(b) {
				out = append(out, b)
			}
		}
	}
	slices.SortFunc(out, func(x, y messages.Ban) int {
		return cmp.Or(cmp.Compare(x.Server, y.Server), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name))
	})
	return out
}

// impose bans somebody from now on, with one line in the log.
func (a *Actor) impose(b messages.Ban) error {
	if !a.put(b) {
		return fmt.Errorf("ban %v %s: there are %d bans without an end already; lift some", b.Kind, b.Name, a.total)
	}
	a.write(b)
	e := a.cfg.Bans.Warn().Stringer("kind", b.Kind).Str("banned", printable(b.Name)).Str("server", a.nameOf(b.Server)).Str("reason", b.Why)
	if b.Until.IsZero() {
		e.Msg("banned until it is lifted")
	} else {
		e.Stringer("for", b.Until.Sub(b.Since).Round(time.Millisecond)).Msg("banned")
	}
	a.wake()
	return nil
}

func (a *Actor) write(b messages.Ban) {
	a.out.Change(idOf(b).key(), stores.AppendBan(nil, stores.Ban{Since: b.Since, Until: b.Until, Why: b.Why, Text: b.Text}))
}

// ended says so.
func (a *Actor) ended(i id, why string) {
	a.cfg.Bans.Info().Stringer("kind", i.kind).Str("banned", printable(i.name)).Str("server", a.nameOf(i.server)).Str("reason", why).Msg("ban ended")
}

// keepFaded is how long the record of a ban that is over stays: gateways whose clocks
// differ should not take an end for a pardon.
const keepFaded = time.Minute

// expire ends what is over, and forgets what nobody needs any more.
func (a *Actor) expire(now time.Time) {
	if over := a.all(func(b messages.Ban) bool { return !inForce(b, now) }); len(over) > 0 {
		a.atOnce(func() {
			for _, b := range over {
				a.drop(idOf(b))
				a.faded[idOf(b)] = b.Until.Add(keepFaded)
				a.ended(idOf(b), "its time is over")
			}
		})
	}
	for i, at := range a.faded {
		if !now.Before(at) {
			delete(a.faded, i)
			a.out.Change(i.key(), nil)
		}
	}
}

// learn takes in what the store holds about somebody: this gateway's own word from
// before it was started again, or that of another one.
func (a *Actor) learn(k stores.Key, value []byte, now time.Time) {
	i, known := idOfKey(k)
	if !known {
		return // of a later release, which looks after it
	}
	if name, err := canonical(i.kind, i.name); err != nil || name != i.name {
		if value != nil {
			a.log.Warn().Stringer("record", k).Msg("a stored ban is of nobody whom bans are of; it is thrown away")
			a.out.Change(k, nil)
		}
		return
	}
	mine, there := a.find(i)
	if value == nil {
		if there && inForce(mine, now) {
			a.drop(i)
			a.ended(i, "lifted at another gateway")
		}
		delete(a.faded, i)
		return
	}
	r, err := stores.ParseBan(value)
	if err != nil {
		a.log.Warn().Stringer("record", k).Err(err).Msg("a stored ban cannot be read; it is passed over")
		return
	}
	b := messages.Ban{Kind: i.kind, Server: i.server, Name: i.name, Since: r.Since, Until: r.Until, Why: r.Why, Text: r.Text}
	switch {
	case there && !b.Since.After(mine.Since):
	case inForce(b, now):
		if a.put(b) {
			a.cfg.Bans.Info().Stringer("kind", b.Kind).Str("banned", printable(b.Name)).Str("server", a.nameOf(b.Server)).Str("reason", b.Why).
				Msg("banned, as the store says")
		}
	default: // it replaced mine, and is over by now
		if there {
			a.drop(i)
		}
		a.faded[i] = b.Until.Add(keepFaded)
	}
}
