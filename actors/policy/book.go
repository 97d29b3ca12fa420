package policy

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

// counted is what is known about one backend of one pool. It outlives its
// place in the list while sessions still hold it.
type counted struct {
	pool, key string
	record    stores.Counters
	live      int  // open leases
	listed    bool // in the pool's present list
	dirty     bool // in the outbox's list of things to write
	forgotten bool // its record was deleted since it left the list
}

func (c *counted) storeKey() stores.Key {
	return stores.Key{Kind: stores.KindCounters, Pool: c.pool, Name: c.key}
}

// slot is one place of a pool's list. Two places may lead to one backend.
type slot struct {
	backend messages.Backend
	counted *counted
}

// pool is one list with its policy and the state of its rotation.
type pool struct {
	id     messages.PoolID
	policy string
	choose chooser // nil when err says why
	err    error
	slots  []slot

	last   int    // place picked last; -1: none yet
	deck   []bool // Shuffle: places still to be drawn; nil means a full deck
	dirty  bool
	closed bool // no longer configured, or replaced by a newer value
}

func (p *pool) storeKey() stores.Key {
	return stores.Key{Kind: stores.KindRotation, Pool: string(p.id)}
}

// book is all state of the actor that the store can give back.
type book struct {
	rand  *rand.Rand
	out   *outbox
	pools map[messages.PoolID]*pool
	order []*pool // as configured
	known map[stores.Key]*counted
	// What the store gave for pools that are not configured (yet).
	rotations map[string]stores.Rotation
	skip      []bool // scratch for one pick
}

func newBook(rnd *rand.Rand, out *outbox) *book {
	return &book{
		rand: rnd, out: out,
		pools:     map[messages.PoolID]*pool{},
		known:     map[stores.Key]*counted{},
		rotations: map[string]stores.Rotation{},
	}
}

// restore takes in what the store remembered.
func (b *book) restore(r remembered) {
	b.rotations = r.rotations
	for key, record := range r.counters {
		b.known[key] = &counted{pool: key.Pool, key: key.Name, record: record}
	}
}

// choose finds the pool and asks its policy for a place in the list.
func (b *book) choose(m *messages.PickBackend) (*pool, int, error) {
	p := b.pools[m.Pool]
	if p == nil {
		return nil, 0, unknownPool(m.Pool)
	}
	if p.err != nil {
		return nil, 0, p.err
	}
	i := p.choose.pick(p, request{skip: b.toSkip(p, m.Tried), rand: b.rand})
	if p.choose.rotates() {
		p.last = i
		b.out.touchPool(p)
	}
	return p, i, nil
}

// toSkip marks the places a session tried already; nil when none, or when
// there would be nothing left.
func (b *book) toSkip(p *pool, tried []string) []bool {
	if len(tried) == 0 {
		return nil
	}
	b.skip = slices.Grow(b.skip[:0], len(p.slots))[:len(p.slots)]
	left := false
	for i, s := range p.slots {
		b.skip[i] = slices.Contains(tried, s.counted.key)
		left = left || !b.skip[i]
	}
	if !left {
		return nil
	}
	return b.skip
}

// configure replaces the pools. What leaves the lists leaves the store too.
func (b *book) configure(pools []messages.Pool, log zerolog.Logger) {
	old := b.order
	b.pools, b.order = map[messages.PoolID]*pool{}, nil
	for _, p := range old {
		p.closed = true
		b.rotations[string(p.id)] = p.rotation()
		for _, s := range p.slots {
			s.counted.listed = false
		}
	}
	for _, conf := range pools {
		p := b.open(conf)
		if p.err != nil {
			log.Error().Str("pool", string(p.id)).Err(p.err).Msg("no backend can be picked from this pool")
		}
		b.pools[p.id] = p
		b.order = append(b.order, p)
		delete(b.rotations, string(p.id))
	}
	for _, p := range old {
		if b.pools[p.id] == nil {
			delete(b.rotations, string(p.id))
			b.out.forget(p.storeKey())
		}
		for _, s := range p.slots {
			if c := s.counted; !c.listed && !c.forgotten {
				c.forgotten = true
				b.out.forget(c.storeKey())
				b.settle(c)
			}
		}
	}
}

// open makes a pool of its configuration and what is remembered about it.
func (b *book) open(conf messages.Pool) *pool {
	p := &pool{id: conf.ID, policy: conf.Policy, last: -1}
	p.choose, p.err = chooserFor(conf.Policy)
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
	if r, ok := b.rotations[string(conf.ID)]; ok {
		p.resume(r)
	}
	if p.last >= 0 {
		b.out.touchPool(p) // the place may be another one now
	}
	return p
}

func (b *book) countedFor(pool, key string) *counted {
	k := stores.Key{Kind: stores.KindCounters, Pool: pool, Name: key}
	c := b.known[k]
	if c == nil {
		c = &counted{pool: pool, key: key}
		b.known[k] = c
	}
	return c
}

// adopt gives a lease from before a crash its backend of now and counts it.
func (b *book) adopt(before *counted) *counted {
	c := b.countedFor(before.pool, before.key)
	c.live++
	return c
}

// settle forgets a backend that no list names and no session holds.
func (b *book) settle(c *counted) {
	if !c.listed && c.live == 0 {
		delete(b.known, c.storeKey())
	}
}

// touchAll makes everything known be written again.
func (b *book) touchAll() {
	for _, p := range b.order {
		if p.last >= 0 {
			b.out.touchPool(p)
		}
		for _, s := range p.slots {
			if s.counted.record != (stores.Counters{}) {
				b.out.touch(s.counted)
			}
		}
	}
}

// list is a fingerprint of the backends in their order.
func (p *pool) list() uint64 {
	h := fnv.New64a()
	for _, s := range p.slots {
		_, _ = h.Write([]byte(s.counted.key)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// rotation is the record of where the turns stand.
func (p *pool) rotation() stores.Rotation {
	r := stores.Rotation{Index: p.last}
	if p.last >= 0 {
		r.Last = p.slots[p.last].counted.key
	}
	if p.deck != nil {
		r.List, r.Deck = p.list(), make([]byte, (len(p.deck)+7)/8)
		for i, in := range p.deck {
			if in {
				r.Deck[i/8] |= 1 << (i % 8)
			}
		}
	}
	return r
}

// resume continues a rotation. When the list has changed in between, the
// backend picked last says where the turns stand; when that one is gone, the
// one that took its place is next. A deck holds for its own list only.
func (p *pool) resume(r stores.Rotation) {
	n := len(p.slots)
	if n == 0 || r.Index < 0 {
		return
	}
	switch {
	case r.Index < n && p.slots[r.Index].counted.key == r.Last:
		p.last = r.Index
	default:
		p.last = slices.IndexFunc(p.slots, func(s slot) bool { return s.counted.key == r.Last })
		if p.last < 0 {
			p.last = (min(r.Index, n) + n - 1) % n
		}
	}
	if len(r.Deck) == (n+7)/8 && r.List == p.list() {
		p.deck = make([]bool, n)
		for i := range p.deck {
			p.deck[i] = r.Deck[i/8]&(1<<(i%8)) != 0
		}
	}
}
