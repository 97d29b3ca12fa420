package choice

import "github.com/sluice-gateway/sluice/messages"

// named is PerUser, PerGroup and PerHost: a name has its backend by its hash,
// over the list with each backend as often as its weight says. Where that one
// cannot be had the hash goes on to others, to another one for each name, so
// that a dead backend's names do not all fall on its neighbour.
//
// A slow start does not bear on names: sent elsewhere for a minute, they
// would stay there for good.
type named struct{ names Names }

func (n named) String() string {
	return [...]string{Users: "PerUser", Groups: "PerGroup", Hosts: "PerHost"}[n.names]
}

func (named) Turns() bool    { return false }
func (n named) Names() Names { return n.names }

func (named) prepare(l *List, t *tier) { t.shares = newShares(l.weights(t)) }

// rehashes is how many other places a hash leads to before all that follow
// the first are looked at in list order.
const rehashes = 32

func (named) pick(l *List, t *tier, a *Ask, f filter) (int32, error) {
	h := uint64(PeerHash(a.Name))
	sum := t.shares.sum()
	first := t.shares.at(h % sum)
	if i := t.places[first]; l.may(i, f) {
		return i, nil
	}
	for n := range uint64(rehashes) {
		if i := t.places[t.shares.at(mix(h<<8|n)%sum)]; l.may(i, f) {
			return i, nil
		}
	}
	for step := range t.places {
		if i := t.places[(first+step)%len(t.places)]; l.may(i, f) {
			return i, nil
		}
	}
	return t.places[first], nil // not reached: the tier has one that passes
}

// PeerHash is the hash by which mod_proxy finds the backend of a name, modulo
// the length of its list: from the last byte to the first, times 33 plus the
// byte. With the same one, names stay where they were when a gateway is put
// in mod_proxy's place.
func PeerHash(name string) (h uint32) {
	for i := len(name) - 1; i >= 0; i-- {
		h = h*33 + uint32(name[i])
	}
	return h
}

// Fate is what becomes of an assignment with a pick.
type Fate uint8

// The fates. Those from Gone on move the assignment; those between Stays and
// Gone are detours of one session, after which it is as before.
const (
	Fresh      Fate = iota // there was none
	Stays                  // the backend assigned was picked
	Tried                  // this session tried the backend and it failed
	Doubted                // attempts enough are under way to a backend in doubt
	Gone                   // the backend is not in the list any more
	Downed                 // the backend is down
	Drained                // the backend is being drained
	Maintained             // the backend is in maintenance
	Filled                 // the backend has no room
	Relieved               // it was a backup, and one of those it stands in for is back
)

func (f Fate) String() string {
	return [...]string{
		Fresh: "it is new", Stays: "it stays",
		Tried:   "this session tried the backend and it failed",
		Doubted: "the backend failed lately, and enough attempts find out how it is",
		Gone:    "the backend is not in the list any more",
		Downed:  "the backend is down", Drained: "the backend is being drained",
		Maintained: "the backend is in maintenance", Filled: "the backend has as many connections as its max allows",
		Relieved: "the backend is a backup, and is not needed any more",
	}[f]
}

// Moves reports whether the assignment is to be changed.
func (f Fate) Moves() bool { return f >= Gone }

// fate finds what becomes of an assignment when the choice is among the
// places of t that pass f.
func (l *List) fate(assigned string, t *tier, f filter) (place int, fate Fate) {
	first := l.Find(assigned)
	if first < 0 {
		return 0, Gone
	}
	b := l.places[first].Backend
	full, elsewhere := true, true
	for _, i := range l.placesOf(b) {
		p := &l.places[i]
		if t == &l.tiers[p.tier] {
			if l.may(i, f) {
				return int(i), Stays
			}
			elsewhere = false
		}
		full = full && p.full()
	}
	switch {
	case b.Gate.State == messages.Draining:
		return 0, Drained
	case b.Gate.State == messages.Maintenance:
		return 0, Maintained
	case b.Gate.State == messages.Down && !f.anyway:
		return 0, Downed
	case full:
		return 0, Filled
	case f.untried && b.tried:
		return 0, Tried
	case elsewhere && l.places[first].open:
		return 0, Relieved
	default:
		return 0, Doubted
	}
}
