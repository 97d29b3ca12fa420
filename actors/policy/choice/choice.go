// Package choice is the pure part of the choosing of backends: lists with
// weights, limits and tiers, the law of each policy, how a backend's health
// bears on picks, and the table of assignments. It knows no goroutines, no
// stores, no logs, and no clock: what time it is, which turn it is and what
// chance says comes with each question.
//
// How a pick is found, in this order:
//  1. Of the lowest tier that has a backend that may be picked and that this
//     session did not try yet, the policy's law finds one.
//  2. Else the same with those tried.
//  3. Else all are down or spent: refused, or picked as if they were up
//     (Rules.AllDown). A backend that is full, drained or in maintenance is
//     not picked even then; where one is up but full, the answer is that.
//
// A backend may be picked while it is up or probing, has room (its max), and,
// if it is in doubt, not more attempts under way than its gate allows.
package choice

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// Reasons why nothing was picked.
var (
	ErrEmpty   = errors.New("the list has no backends")
	ErrAllDown = errors.New("no backend is up")
	ErrAllFull = errors.New("all backends that are up have as many connections as their max allows")
	// ErrNoTurn asks for more turns: the question can be put again then.
	ErrNoTurn = errors.New("no turn is at hand")
)

// Backend is what one backend of a pool is known for, whatever lists it is in.
// Its owner changes the numbers and then calls Changed.
type Backend struct {
	Key        string
	Live       int           // connections open through this gateway
	Connecting int           // of these, those without a good banner yet
	Elsewhere  int           // connections that other gateways hold
	Took       time.Duration // smoothed time to a banner; 0: never measured
	Gate       *Gate

	list   *List   // the list whose indexes know it
	places []int32 // in that list
	tried  bool    // while one question is answered
}

// open is how many connections it has, here and elsewhere.
func (b *Backend) open() int { return b.Live + b.Elsewhere }

// Changed tells the list that a number or the gate of the backend changed.
func (b *Backend) Changed() {
	for _, i := range b.places {
		b.list.refresh(i)
	}
}

// Entry is one line of a list. Two entries may name one backend.
type Entry struct {
	Backend *Backend
	Weight  int // 0 counts as 1
	Max     int // 0: no limit
	Tier    int
}

// Rules are what holds for all picks from a list.
type Rules struct {
	Law       Law
	Pool      string // seeds what all gateways must draw alike
	AllDown   messages.AllDown
	SlowStart time.Duration
	// Passing marks a list that is used for one question only: it costs
	// nothing to keep because it is not kept.
	Passing bool
}

// Ask is one question.
type Ask struct {
	Now      time.Time // for slow starts; zero: there are none
	Rand     *rand.Rand
	Turns    Turns      // for laws with turns
	Passes   int        // most turns to pass over before taking any backend near; 0: no limit
	Name     string     // whose assignment it is, for laws that keep them
	Assigned string     // key of the backend that has it; empty: none
	Tried    []*Backend // by this session
}

// Turns gives turn numbers, each one once, in rising order.
type Turns interface {
	// Next reports false when none is at hand now.
	Next() (turn uint64, ok bool)
}

// Picked is an answer.
type Picked struct {
	Place int // in the list
	Fate  Fate
}

// place is an entry with what the indexes know of it.
type place struct {
	Entry
	tier int32 // index in List.tiers
	at   int32 // index in the tier
	open bool  // may be picked
}

// tier is the places of one rank.
type tier struct {
	places []int32
	open   int // how many may be picked
	turns  cycle
	deal   deal
	shares shares
	least  tournament
}

// List is one list of backends under one policy.
type List struct {
	rules  Rules
	places []place
	tiers  []tier
	index  map[string]int32 // first place of a key; nil for passing lists
	warm   time.Time        // the end of the last slow start
}

// NewList makes a list. Unless it is a passing one, its backends are tied to
// it from then on.
func NewList(rules Rules, entries []Entry) *List {
	l := &List{rules: rules, places: make([]place, len(entries))}
	for i, e := range entries {
		e.Weight, e.Max = max(e.Weight, 1), max(e.Max, 0)
		l.places[i].Entry = e
	}
	l.rank()
	if !rules.Passing {
		l.attach()
	}
	for t := range l.tiers {
		rules.Law.prepare(l, &l.tiers[t])
	}
	for i := range l.places {
		l.refresh(int32(i))
	}
	return l
}

// rank sorts the places into tiers.
func (l *List) rank() {
	var ranks []int
	for i := range l.places {
		if r := l.places[i].Tier; !slices.Contains(ranks, r) {
			ranks = append(ranks, r)
		}
	}
	slices.Sort(ranks)
	l.tiers = make([]tier, len(ranks))
	for i := range l.places {
		p := &l.places[i]
		n, _ := slices.BinarySearch(ranks, p.Tier)
		t := &l.tiers[n]
		p.tier, p.at = int32(n), int32(len(t.places))
		t.places = append(t.places, int32(i))
	}
}

func (l *List) attach() {
	l.index = make(map[string]int32, len(l.places))
	for i := range l.places {
		b := l.places[i].Backend
		if b.list != l {
			b.list, b.places = l, nil
		}
		b.places = append(b.places, int32(i))
		if _, twice := l.index[b.Key]; !twice {
			l.index[b.Key] = int32(i)
		}
	}
}

// Detach unties the backends from a list that is not used any more.
func (l *List) Detach() {
	for i := range l.places {
		if b := l.places[i].Backend; b.list == l {
			b.list, b.places = nil, nil
		}
	}
}

// Len is the number of entries.
func (l *List) Len() int { return len(l.places) }

// At is one of the entries.
func (l *List) At(place int) Entry { return l.places[place].Entry }

// Find is the first place of a backend; -1 when it is not in the list.
func (l *List) Find(key string) int {
	if l.index != nil {
		if i, ok := l.index[key]; ok {
			return int(i)
		}
		return -1
	}
	return slices.IndexFunc(l.places, func(p place) bool { return p.Backend.Key == key })
}

// Fingerprint tells lists apart that would deal their turns differently.
func (l *List) Fingerprint() uint64 {
	h := fnv.New64a()
	var b []byte
	for i := range l.places {
		p := &l.places[i]
		b = binary.AppendUvarint(append(b[:0], p.Backend.Key...), 0)
		b = binary.AppendVarint(binary.AppendUvarint(b, uint64(p.Weight)), int64(p.Tier))
		_, _ = h.Write(b) // never fails
	}
	return h.Sum64()
}

// refresh brings the indexes up to date about one place.
func (l *List) refresh(i int32) {
	p := &l.places[i]
	t := &l.tiers[p.tier]
	open := p.Backend.Gate.lets(p.Backend.Connecting) && !p.full()
	if open != p.open {
		p.open = open
		if open {
			t.open++
		} else {
			t.open--
		}
	}
	if back := p.Backend.Gate.Recovered; !back.IsZero() && l.rules.SlowStart > 0 {
		if end := back.Add(l.rules.SlowStart); end.After(l.warm) {
			l.warm = end
		}
	}
	t.least.update(p)
}

func (p *place) full() bool { return p.Max > 0 && p.Backend.open() >= p.Max }

// filter says which places a law may choose from.
type filter struct {
	untried bool // only those not tried yet
	anyway  bool // also those that are down or spent
}

func (l *List) may(i int32, f filter) bool {
	p := &l.places[i]
	if f.untried && p.Backend.tried {
		return false
	}
	if f.anyway {
		return p.Backend.Gate.standing() && !p.full()
	}
	return p.open
}

// Pick answers a question.
func (l *List) Pick(a *Ask) (Picked, error) {
	if len(l.places) == 0 {
		return Picked{}, ErrEmpty
	}
	for _, b := range a.Tried {
		b.tried = true
	}
	defer func() {
		for _, b := range a.Tried {
			b.tried = false
		}
	}()
	t, f, err := l.candidates(a)
	if err != nil {
		return Picked{}, err
	}
	fate := Fresh
	if a.Assigned != "" {
		var stay int
		if stay, fate = l.fate(a.Assigned, t, f); fate == Stays {
			return Picked{Place: stay, Fate: Stays}, nil
		}
	}
	i, err := l.rules.Law.pick(l, t, a, f)
	return Picked{Place: int(i), Fate: fate}, err
}

// candidates finds the tier to choose from, and by which filter. At least one
// place of that tier passes it.
func (l *List) candidates(a *Ask) (*tier, filter, error) {
	for n := range l.tiers {
		if t := &l.tiers[n]; t.open > l.triedOpen(a, int32(n)) {
			return t, filter{untried: len(a.Tried) > 0}, nil
		}
	}
	for n := range l.tiers {
		if t := &l.tiers[n]; t.open > 0 {
			return t, filter{}, nil
		}
	}
	full := func(p place) bool { return p.full() && p.Backend.Gate.up() }
	if slices.ContainsFunc(l.places, full) {
		return nil, filter{}, ErrAllFull
	}
	if l.rules.AllDown == messages.Refuse {
		return nil, filter{}, ErrAllDown
	}
	for _, f := range []filter{{untried: true, anyway: true}, {anyway: true}} {
		for n := range l.tiers {
			if t := &l.tiers[n]; slices.ContainsFunc(t.places, func(i int32) bool { return l.may(i, f) }) {
				return t, f, nil
			}
		}
	}
	return nil, filter{}, ErrAllDown
}

// triedOpen counts the places of a tier that could be picked had the session
// not tried them.
func (l *List) triedOpen(a *Ask, tier int32) (n int) {
	for _, b := range a.Tried {
		for _, i := range l.placesOf(b) {
			if p := &l.places[i]; p.open && p.tier == tier {
				n++
			}
		}
	}
	return n
}

func (l *List) placesOf(b *Backend) (out []int32) {
	if b.list == l {
		return b.places
	}
	if l.rules.Passing {
		for i := range l.places {
			if l.places[i].Backend == b {
				out = append(out, int32(i))
			}
		}
	}
	return out
}

// share is what part of its weight a place gets now: less than 1 only for a
// while after its backend came back.
func (l *List) share(i int32, now time.Time) float64 {
	back := l.places[i].Backend.Gate.Recovered
	if l.rules.SlowStart <= 0 || now.IsZero() || back.IsZero() {
		return 1
	}
	since := now.Sub(back)
	if since >= l.rules.SlowStart {
		return 1
	}
	const least = 0.1
	return least + (1-least)*max(float64(since)/float64(l.rules.SlowStart), 0)
}

// warming reports whether some backend is in its slow start.
func (l *List) warming(now time.Time) bool { return now.Before(l.warm) }

// weights are those of a tier's places.
func (l *List) weights(t *tier) []int {
	w := make([]int, len(t.places))
	for at, i := range t.places {
		w[at] = l.places[i].Weight
	}
	return w
}

// first is the place that law gives the smallest score, in list order.
func (l *List) first(t *tier, f filter, score func(i int32) float64) int32 {
	best, lowest := int32(-1), 0.0
	for _, i := range t.places {
		if !l.may(i, f) {
			continue
		}
		if s := score(i); best < 0 || cmp.Less(s, lowest) {
			best, lowest = i, s
		}
	}
	return best
}
