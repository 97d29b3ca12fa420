package choice

import (
	"hash/maphash"
	"time"
)

// Assignment is where a name belongs.
type Assignment struct {
	Backend string    // its key
	Since   time.Time // to the millisecond
	Seen    time.Time // the last use, to the day
	Moved   bool      // it led elsewhere before, as far as this gateway knows
}

// MostName is the longest name that is kept.
const MostName = 512

// perShard is about how many assignments share a shard. A shard grows as a
// whole, which takes a tenth of a millisecond at this size.
const perShard = 1 << 14

// Table holds assignments in little memory: no pointers for the garbage
// collector to follow, names in one block, backends by number. It is cut into
// shards so that no growth takes long. When a shard is full, the assignment
// whose last use is longest ago makes room.
type Table struct {
	seed     maphash.Seed
	shards   []shard
	each     int // most assignments of one shard
	pools    numbered
	backends numbered
	len      int
}

// NewTable returns a table for at least limit assignments, as far as chance
// spreads them evenly over its shards.
func NewTable(limit int) *Table {
	n := 1
	for limit > n*perShard {
		n *= 2
	}
	each := max(limit/n, 1)
	if n > 1 {
		each += each / 32 // room for what chance puts on one shard more
	}
	return &Table{seed: maphash.MakeSeed(), shards: make([]shard, n), each: each}
}

// Len is the number of assignments.
func (t *Table) Len() int { return t.len }

// find gives the shard and hash of a name.
func (t *Table) find(pool uint32, name string) (*shard, uint32) {
	h := mix(maphash.String(t.seed, name) + uint64(pool))
	return &t.shards[h>>32&uint64(len(t.shards)-1)], uint32(h)
}

// Get finds the assignment of a name. It does not count as a use.
func (t *Table) Get(pool, name string) (Assignment, bool) {
	p, known := t.pools.of[pool]
	if !known {
		return Assignment{}, false
	}
	s, h := t.find(p, name)
	e := s.entry(s.find(h, uint16(p), name))
	if e == nil {
		return Assignment{}, false
	}
	return t.read(e), true
}

func (t *Table) read(e *entry) Assignment {
	return Assignment{
		Backend: t.backends.names[e.backend],
		Since:   time.Unix(int64(e.since), int64(e.extra&^hasMoved)*int64(time.Millisecond)),
		Seen:    time.Unix(int64(e.seen)*day, 0),
		Moved:   e.extra&hasMoved != 0,
	}
}

const day = 24 * 60 * 60

// Day is the day of a time, as the table keeps it.
func Day(at time.Time) time.Time { return time.Unix(at.Unix()/day*day, 0) }

// Key names an assignment.
type Key struct{ Pool, Name string }

// Put sets the assignment of a name and counts as a use. If another one had
// to make room for it, that one's key is returned. It refuses names longer
// than MostName, and more pools than 65535.
func (t *Table) Put(pool, name string, a Assignment) (out Key, evicted, ok bool) {
	if len(name) > MostName || len(t.pools.names) > 1<<16-1 && t.pools.of[pool] == 0 {
		return Key{}, false, false
	}
	p := t.pools.number(pool)
	s, h := t.find(p, name)
	at := s.find(h, uint16(p), name)
	if at == none {
		if int(s.len) >= t.each {
			out, evicted = t.evict(s), true
		}
		at = s.insert(h, uint16(p), name)
		s.entries[at].backend = t.backends.take(a.Backend)
		t.len++
	} else if e := &s.entries[at]; t.backends.names[e.backend] != a.Backend {
		t.backends.drop(e.backend)
		e.backend = t.backends.take(a.Backend)
	}
	e := &s.entries[at]
	ms := max(a.Since.UnixMilli(), 0)
	e.since, e.extra = uint32(ms/1000), uint16(ms%1000)
	e.seen = uint16(max(a.Seen.Unix(), 0) / day)
	if a.Moved {
		e.extra |= hasMoved
	}
	s.use(at)
	return out, evicted, true
}

// Use notes a use, and reports whether it is the first of its day, of which
// the store should know. The name must have an assignment.
func (t *Table) Use(pool, name string, now time.Time) (today bool) {
	p := t.pools.of[pool]
	s, h := t.find(p, name)
	at := s.find(h, uint16(p), name)
	if at == none {
		return false
	}
	s.use(at)
	e := &s.entries[at]
	d := uint16(max(now.Unix(), 0) / day)
	today = e.seen != d
	e.seen = d
	return today
}

// Delete forgets an assignment; that there is none is no error.
func (t *Table) Delete(pool, name string) {
	p, known := t.pools.of[pool]
	if !known {
		return
	}
	s, h := t.find(p, name)
	if at := s.find(h, uint16(p), name); at != none {
		t.remove(s, at)
	}
}

func (t *Table) evict(s *shard) Key {
	at := s.oldest - 1
	e := &s.entries[at]
	k := Key{Pool: t.pools.names[e.pool], Name: string(s.name(e))}
	t.remove(s, at)
	return k
}

func (t *Table) remove(s *shard, at uint16) {
	t.backends.drop(s.entries[at].backend)
	s.remove(at)
	t.len--
}

// Shards is the number of parts that Keys lists one by one.
func (t *Table) Shards() int { return len(t.shards) }

// Keys lists the assignments of one part, the newest use first.
func (t *Table) Keys(part int) []Key {
	s := &t.shards[part]
	out := make([]Key, 0, s.len)
	for at := s.newest; at != 0; at = s.entries[at-1].older {
		e := &s.entries[at-1]
		out = append(out, Key{t.pools.names[e.pool], string(s.name(e))})
	}
	return out
}

// numbered gives strings numbers. Number 0 is given to nobody.
type numbered struct {
	of    map[string]uint32
	names []string
	uses  []uint32
	free  []uint32
}

// number gives a string its number, the one it has if it has one.
func (n *numbered) number(s string) uint32 {
	if id, ok := n.of[s]; ok {
		return id
	}
	if n.of == nil {
		*n = numbered{of: map[string]uint32{}, names: []string{""}, uses: []uint32{0}}
	}
	var id uint32
	if k := len(n.free); k > 0 {
		id, n.free = n.free[k-1], n.free[:k-1]
		n.names[id] = s
	} else {
		id = uint32(len(n.names))
		n.names, n.uses = append(n.names, s), append(n.uses, 0)
	}
	n.of[s] = id
	return id
}

// take numbers a string and counts one use of it.
func (n *numbered) take(s string) uint32 {
	id := n.number(s)
	n.uses[id]++
	return id
}

// drop ends one use; without any the string is forgotten.
func (n *numbered) drop(id uint32) {
	if n.uses[id]--; n.uses[id] == 0 {
		delete(n.of, n.names[id])
		n.names[id] = ""
		n.free = append(n.free, id)
	}
}
