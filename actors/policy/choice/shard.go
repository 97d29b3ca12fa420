package choice

// entry is one assignment, 28 bytes and its name.
type entry struct {
	hash    uint32 // of pool and name; also spreads growth without reading names
	since   uint32 // Unix seconds
	backend uint32
	at      uint32 // where its name begins
	size    uint16 // of its name
	pool    uint16
	seen    uint16 // days since 1970
	newer   uint16 // the next in order of use, by index plus one; 0: none
	older   uint16
	extra   uint16 // milliseconds of since, and whether it moved
}

const hasMoved = 1 << 15

// none is the index of no entry.
const none = 1<<16 - 1

// shard is an open-addressed hash table (linear probing) over entries that are
// also chained in the order of their use.
type shard struct {
	index   []uint16 // index of an entry plus one; 0: free
	entries []entry
	free    []uint16 // entries without a name
	names   []byte
	unused  int // bytes of names that no entry has any more
	newest  uint16
	oldest  uint16
	len     uint16
}

func (s *shard) name(e *entry) []byte { return s.names[e.at : e.at+uint32(e.size)] }

func (s *shard) entry(at uint16) *entry {
	if at == none {
		return nil
	}
	return &s.entries[at]
}

// find returns the index of a name's entry.
func (s *shard) find(h uint32, pool uint16, name string) uint16 {
	if len(s.index) == 0 {
		return none
	}
	mask := uint32(len(s.index) - 1)
	for i := h & mask; s.index[i] != 0; i = (i + 1) & mask {
		at := s.index[i] - 1
		if e := &s.entries[at]; e.hash == h && e.pool == pool && string(s.name(e)) == name {
			return at
		}
	}
	return none
}

// insert adds a name that is not there, with nothing assigned.
func (s *shard) insert(h uint32, pool uint16, name string) uint16 {
	if 4*(int(s.len)+1) > 3*len(s.index) {
		s.grow()
	}
	e := entry{hash: h, pool: pool, at: uint32(len(s.names)), size: uint16(len(name))}
	s.names = append(s.names, name...)
	var at uint16
	if n := len(s.free); n > 0 {
		at, s.free = s.free[n-1], s.free[:n-1]
		s.entries[at] = e
	} else {
		at = uint16(len(s.entries))
		s.entries = append(s.entries, e)
	}
	s.link(h, at)
	s.push(at)
	s.len++
	return at
}

func (s *shard) link(h uint32, at uint16) {
	mask := uint32(len(s.index) - 1)
	i := h & mask
	for s.index[i] != 0 {
		i = (i + 1) & mask
	}
	s.index[i] = at + 1
}

func (s *shard) grow() {
	s.index = make([]uint16, max(2*len(s.index), 8))
	for at := s.newest; at != 0; at = s.entries[at-1].older {
		s.link(s.entries[at-1].hash, at-1)
	}
}

// remove takes an entry out.
func (s *shard) remove(at uint16) {
	mask := uint32(len(s.index) - 1)
	i := s.entries[at].hash & mask
	for s.index[i] != at+1 {
		i = (i + 1) & mask
	}
	// Those behind it that would not be found over the gap move up.
	for j := (i + 1) & mask; s.index[j] != 0; j = (j + 1) & mask {
		home := s.entries[s.index[j]-1].hash & mask
		if (j-home)&mask >= (j-i)&mask {
			s.index[i] = s.index[j]
			i = j
		}
	}
	s.index[i] = 0
	s.pull(at)
	s.unused += int(s.entries[at].size)
	s.entries[at] = entry{}
	s.free = append(s.free, at)
	s.len--
	if s.unused > 1024 && 2*s.unused > len(s.names) {
		s.compact()
	}
}

// compact writes the names in use to a block of their own.
func (s *shard) compact() {
	names := make([]byte, 0, len(s.names)-s.unused+s.unused/2)
	for at := s.newest; at != 0; at = s.entries[at-1].older {
		e := &s.entries[at-1]
		begin := uint32(len(names))
		names = append(names, s.name(e)...)
		e.at = begin
	}
	s.names, s.unused = names, 0
}

// use makes an entry the newest.
func (s *shard) use(at uint16) {
	if s.newest != at+1 {
		s.pull(at)
		s.push(at)
	}
}

func (s *shard) push(at uint16) {
	e := &s.entries[at]
	e.newer, e.older = 0, s.newest
	if s.newest != 0 {
		s.entries[s.newest-1].newer = at + 1
	} else {
		s.oldest = at + 1
	}
	s.newest = at + 1
}

func (s *shard) pull(at uint16) {
	e := &s.entries[at]
	if e.newer != 0 {
		s.entries[e.newer-1].older = e.older
	} else {
		s.newest = e.older
	}
	if e.older != 0 {
		s.entries[e.older-1].newer = e.newer
	} else {
		s.oldest = e.newer
	}
}
