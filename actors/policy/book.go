package policy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/policy/choice"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

// pool is one list with its policy and its turns.
type pool struct {
	conf  messages.Pool
	law   choice.Law
	err   error // why nothing can be picked without candidates
	list  *choice.List
	slots []slot
	print uint64 // fingerprint of the list

	turns  *turns
	last   string // key of the backend picked last by a turn
	dirty  bool
	closed bool // no longer configured, or replaced by a newer value
}

func (p *pool) storeKey() stores.Key {
	return stores.Key{Kind: stores.KindRotation, Pool: string(p.conf.ID)}
}

// rotation is the record of where the turns stand.
func (p *pool) rotation() stores.Rotation {
	return stores.Rotation{Turn: p.turns.next, List: p.print, Last: p.last}
}

func (p *pool) rules() choice.Rules {
	return choice.Rules{Law: p.law, Pool: string(p.conf.ID), AllDown: p.conf.AllDown, SlowStart: p.conf.SlowStart}
}

// book is all state of the actor that the store can give back, apart from the
// assignments.
type book struct {
	out    *outbox
	gates  *gates
	shared bool
	pools  map[messages.PoolID]*pool
	order  []*pool // as configured
	known  map[stores.Key]*counted
	// What the store gave for pools that are not configured (yet).
	rotations map[string]stores.Rotation
	elsewhere map[stores.Key]int // what other gateways hold
}

func newBook(out *outbox, gates *gates, shared bool) *book {
	return &book{
		out: out, gates: gates, shared: shared,
		pools:     map[messages.PoolID]*pool{},
		known:     map[stores.Key]*counted{},
		rotations: map[string]stores.Rotation{},
		elsewhere: map[stores.Key]int{},
	}
}

// restore takes in what the store remembered. What comes when the gateway
// serves already fills gaps only.
func (b *book) restore(r remembered) {
	for pool, rotation := range r.rotations {
		if b.pools[messages.PoolID(pool)] == nil {
			b.rotations[pool] = rotation
		}
	}
	for key, record := range r.counters {
		c := b.known[key]
		if c == nil {
			c = b.fresh(key.Pool, key.Name)
			b.known[key] = c
		}
		if c.record == (stores.Counters{}) {
			c.record, c.Took = record, record.ConnectTime
			c.Changed()
		}
	}
}

// fresh makes a backend known for nothing yet but its gate.
func (b *book) fresh(pool, key string) *counted {
	k := counters(pool, key)
	return &counted{pool: pool, Backend: choice.Backend{Key: key, Gate: b.gates.get(k), Elsewhere: b.elsewhere[k]}}
}

func (b *book) countedFor(pool, key string) *counted {
	k := counters(pool, key)
	c := b.known[k]
	if c == nil {
		c = b.fresh(pool, key)
		b.known[k] = c
	}
	return c
}

// configure replaces the pools. What leaves the lists leaves the store too.
func (b *book) configure(pools []messages.Pool, log zerolog.Logger) {
	old := b.pools
	gone := b.close(b.order)
	b.pools, b.order = map[messages.PoolID]*pool{}, nil
	for _, conf := range pools {
		p := b.open(conf, old[conf.ID])
		if p.err != nil && !errors.Is(p.err, ErrEmptyPool) { // picks may bring candidates of their own
			log.Error().Str("pool", string(conf.ID)).Err(p.err).Msg("no backend can be picked from this pool")
		}
		b.pools[conf.ID] = p
		b.order = append(b.order, p)
		delete(b.rotations, string(conf.ID))
	}
	for id, p := range old {
		if b.pools[id] == nil && !b.shared {
			b.out.forget(p.storeKey())
		}
	}
	b.sweep(gone)
}

// update replaces the list of one pool.
func (b *book) update(id messages.PoolID, backends []messages.Backend) {
	old := b.pools[id]
	if old.readdress(backends) {
		return
	}
	gone := b.close([]*pool{old})
	conf := old.conf
	conf.Backends = backends
	p := b.open(conf, old)
	b.pools[id] = p
	b.order[slices.Index(b.order, old)] = p
	b.sweep(gone)
}

// readdress takes in a list that differs by the addresses of its backends at
// most, as nearly every new answer of DNS does. It reports whether it was one.
func (p *pool) readdress(backends []messages.Backend) bool {
	if len(backends) != len(p.slots) {
		return false
	}
	for i, b := range backends {
		was := p.slots[i].backend
		if b.URL.Key() != p.slots[i].counted.Key || b.URL.Weight != was.URL.Weight || b.URL.Max != was.URL.Max ||
			b.URL.Backup != was.URL.Backup || b.Tier != was.Tier {
			return false
		}
	}
	for i := range backends {
		p.slots[i].backend = backends[i]
	}
	p.conf.Backends = backends
	return true
}

// close takes pools out of use and returns the backends that they listed.
func (b *book) close(pools []*pool) (listed []*counted) {
	for _, p := range pools {
		p.closed = true
		p.list.Detach()
		for _, s := range p.slots {
			s.counted.listed = false
			listed = append(listed, s.counted)
		}
	}
	return listed
}

// sweep forgets those that no list names any more.
func (b *book) sweep(listed []*counted) {
	for _, c := range listed {
		if !c.listed && !c.forgotten {
			c.forgotten = true
			c.Gate.Reset() // the health actor does not watch it any more
			b.out.forget(c.storeKey())
			b.settle(c)
		}
	}
}

// open makes a pool of its configuration and what is remembered about it.
func (b *book) open(conf messages.Pool, old *pool) *pool {
	p := &pool{conf: conf, turns: &turns{shared: b.shared, target: 1}}
	p.law, p.err = choice.LawFor(conf.Policy)
	if p.err == nil && len(conf.Backends) == 0 {
		p.err = ErrEmptyPool
	}
	if p.err != nil {
		p.err = fmt.Errorf("pick from pool %q: %w", conf.ID, p.err)
	}
	for _, backend := range conf.Backends {
		c := b.countedFor(string(conf.ID), backend.URL.Key())
		c.listed = true
		if c.forgotten { // it came back while sessions held it
			c.forgotten = false
			b.out.touch(c)
		}
		p.slots = append(p.slots, slot{backend, c})
	}
	if p.law == nil {
		p.law, _ = choice.LawFor("RoundRobin") // never asked: err is set
	}
	p.list = choice.NewList(p.rules(), entries(p.slots))
	p.print = p.list.Fingerprint()
	rotation, known := b.rotations[string(conf.ID)]
	if old != nil {
		p.turns, rotation, known = old.turns, old.rotation(), true
	}
	if known {
		b.resume(p, rotation)
	}
	return p
}

// resume continues the turns. For another list the backend picked last says
// where they stand; the turns of a shared store are as they come, or gateways
// would not agree on whose each is.
func (b *book) resume(p *pool, r stores.Rotation) {
	p.turns.next, p.last = max(p.turns.next, r.Turn), r.Last
	if b.shared || r.Last == "" {
		return
	}
	if r.List != p.print {
		p.turns.next = p.list.Align(max(r.Turn, 1), r.Last)
	}
	b.out.touchPool(p) // also if the one before it is waiting to be written
}

// passing makes a list of the candidates of one pick.
func (b *book) passing(p *pool, candidates []messages.Backend) (*choice.List, []slot) {
	slots := make([]slot, len(candidates))
	for i, backend := range candidates {
		key := backend.URL.Key()
		c := b.known[counters(string(p.conf.ID), key)]
		if c == nil {
			if at := slices.IndexFunc(slots[:i], func(s slot) bool { return s.counted.Key == key }); at >= 0 {
				c = slots[at].counted
			} else {
				c = b.unknown(string(p.conf.ID), key)
			}
		}
		slots[i] = slot{backend, c}
	}
	rules := p.rules()
	rules.Passing = true
	return choice.NewList(rules, entries(slots)), slots
}

// unknown makes a backend without noting that there is one.
func (b *book) unknown(pool, key string) *counted {
	k := counters(pool, key)
	gate := b.gates.of[k]
	if gate == nil {
		gate = choice.NewGate(b.gates.floor)
	}
	return &counted{pool: pool, Backend: choice.Backend{Key: key, Gate: gate, Elsewhere: b.elsewhere[k]}}
}

// hold notes a backend that is about to be leased.
func (b *book) hold(c *counted) {
	k := c.storeKey()
	if b.known[k] == nil {
		b.known[k] = c
		b.gates.of[k] = c.Gate
	}
}

// adopt gives a lease from before a crash its backend of now and counts it.
func (b *book) adopt(l *lease) {
	l.to = b.countedFor(l.to.pool, l.to.Key)
	l.count(1)
	l.to.Changed()
}

// settle forgets a backend that no list names and no session holds.
func (b *book) settle(c *counted) {
	if c.listed || c.Live > 0 {
		return
	}
	k := c.storeKey()
	if b.known[k] == c {
		delete(b.known, k)
	}
	if b.known[k] == nil && c.Gate.Plain() && c.untold == nil {
		b.gates.drop(k)
	}
}

// touchAll makes everything known be written again.
func (b *book) touchAll() {
	for _, p := range b.order {
		if p.last != "" {
			b.out.touchPool(p)
		}
		for _, s := range p.slots {
			if s.counted.record != (stores.Counters{}) {
				b.out.touch(s.counted)
			}
		}
	}
	b.out.touchSticky()
}

// setElsewhere takes in what other gateways hold.
func (b *book) setElsewhere(others map[stores.Key]int) {
	b.elsewhere = others
	for k, c := range b.known {
		if n := others[k]; n != c.Elsewhere {
			c.Elsewhere = n
			c.Changed()
		}
	}
}

// held is what this gateway holds.
func (b *book) held() map[stores.Key]int {
	own := map[stores.Key]int{}
	for k, c := range b.known {
		if c.Live > 0 {
			own[k] = c.Live
		}
	}
	return own
}
