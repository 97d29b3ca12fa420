package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/actors/policy/choice"
	"github.com/sluice-gateway/sluice/messages"
)

// Reasons for an empty answer to a pick.
var (
	ErrUnknownPool = errors.New("no such pool of backends is configured")
	ErrEmptyPool   = errors.New("it lists no backends for everybody (ProxyReverseServers)")
	ErrAllDown     = choice.ErrAllDown
	ErrAllFull     = choice.ErrAllFull
)

// passes is how many turns of a shared store a pick passes over: each may
// cost a journey to the store.
const passes = 16

// pick answers a pick, or keeps it until a turn is at hand.
func (a *Actor) pick(m *messages.PickBackend) {
	if !a.serve(m) {
		a.parked.add(*m, a.cfg.ParkFor)
	}
}

// serve answers a pick. False means that it needs a turn, and none is there.
func (a *Actor) serve(m *messages.PickBackend) bool {
	s, err := a.choose(m)
	if errors.Is(err, choice.ErrNoTurn) {
		return false
	}
	if err != nil {
		answer(m.Reply, messages.BackendPicked{Err: err})
		return true
	}
	c := s.counted
	a.book.hold(c)
	// From here to the answer nothing may panic, or the lease would be lost.
	id := a.leases.grant(c, m.Reply)
	if !answer(m.Reply, messages.BackendPicked{Lease: id, Backend: s.backend}) {
		a.leases.take(id)
		a.book.settle(c)
		a.log.Error().Str("pool", string(m.Pool)).Msg("a pick was asked for without a free reply channel of capacity 1; its lease is taken back")
		return true
	}
	c.Changed()
	a.share.beatSoon()
	return true
}

// choose finds the pool and asks its policy for a place in the list.
func (a *Actor) choose(m *messages.PickBackend) (slot, error) {
	p := a.book.pools[m.Pool]
	switch {
	case p == nil:
		return slot{}, fmt.Errorf("pick from pool %q: %w", m.Pool, ErrUnknownPool)
	case p.err != nil && (m.Candidates == nil || !errors.Is(p.err, ErrEmptyPool)):
		return slot{}, p.err
	}
	list, slots := p.list, p.slots
	if m.Candidates != nil {
		list, slots = a.book.passing(p, m.Candidates)
	}
	w := a.whose(p, m)
	ask := &a.ask
	*ask = choice.Ask{Rand: a.cfg.Rand, Turns: p.turns, Name: w.name, Assigned: w.assigned, Tried: a.tried(list, slots, m.Tried)}
	if a.share.on() {
		ask.Passes = passes
	}
	if p.conf.SlowStart > 0 || w.key != "" {
		ask.Now = a.cfg.Now()
	}
	picked, err := list.Pick(ask)
	if p.law.Turns() {
		a.share.wanting = true
	}
	if err != nil {
		return slot{}, fmt.Errorf("pick from pool %q: %w", m.Pool, err)
	}
	s := slots[picked.Place]
	if p.law.Turns() {
		p.last = s.counted.Key
		if !a.share.on() {
			a.out.touchPool(p)
		}
	}
	a.settleAssignment(p, &w, picked.Fate, s.counted)
	return s, nil
}

// tried finds the backends of a list that a session tried already.
func (a *Actor) tried(list *choice.List, slots []slot, keys []string) []*choice.Backend {
	a.scratch = a.scratch[:0]
	for _, key := range keys {
		if at := list.Find(key); at >= 0 {
			if b := &slots[at].counted.Backend; !slices.Contains(a.scratch, b) {
				a.scratch = append(a.scratch, b)
			}
		}
	}
	return a.scratch
}

// parked are the picks that wait for a turn. They outlive a crash.
type parked struct {
	all   []waiting // in the order they came
	timer *time.Timer
}

type waiting struct {
	pick  messages.PickBackend
	until time.Time
}

func (p *parked) add(m messages.PickBackend, wait time.Duration) {
	p.all = append(p.all, waiting{m, time.Now().Add(wait)})
	p.arm()
}

// arm sets the timer for the one that waits longest.
func (p *parked) arm() {
	if len(p.all) > 0 {
		p.timer.Reset(time.Until(p.all[0].until))
	}
}

// in counts those that wait for a turn of one pool.
func (p *parked) in(id messages.PoolID) (n int) {
	for i := range p.all {
		if p.all[i].pick.Pool == id {
			n++
		}
	}
	return n
}

func (p *parked) withdraw(reply chan<- messages.BackendPicked) bool {
	at := slices.IndexFunc(p.all, func(w waiting) bool { return w.pick.Reply == reply })
	if at >= 0 {
		p.all = slices.Delete(p.all, at, at+1)
	}
	return at >= 0
}

// unpark serves those that can be served now. Those who waited as long as they
// may, and with all set everybody, get a turn of this gateway's own count.
func (a *Actor) unpark(all bool) {
	held := a.parked.all
	a.parked.all = nil
	now := time.Now()
	for i := range held {
		w := &held[i]
		if p := a.book.pools[w.pick.Pool]; p != nil && (all || !w.until.After(now)) {
			p.turns.alone = true
		}
		if !a.serve(&w.pick) {
			a.parked.all = append(a.parked.all, *w)
		}
	}
	a.parked.arm()
}
