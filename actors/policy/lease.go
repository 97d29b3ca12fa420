package policy

import "github.com/sluice-gateway/sluice/messages"

// lease is one session's claim. Its place in the table and its generation
// make its number, so that an old number never names a newer lease.
type lease struct {
	generation uint32
	open       bool
	connected  bool
	to         *counted
	// asker is the reply channel that the lease was answered on, until the
	// session has shown by a report that it read the answer.
	asker chan<- messages.BackendPicked
}

// count adds the lease to its backend's numbers, or with -1 takes it out.
func (l *lease) count(by int) {
	l.to.Live += by
	if !l.connected {
		l.to.Connecting += by
	}
}

// leaseTable holds all leases. It is as large as the most that were ever open
// at one time. All its methods are plain enough never to panic: that is what
// keeps counts right over a crash. Whoever calls them tells the lists after.
type leaseTable struct {
	all  []lease
	free []uint32
}

// The low half of a number is the place plus one, so that no number is zero.
func number(place uint32, generation uint32) messages.LeaseID {
	return messages.LeaseID(generation)<<32 | messages.LeaseID(place+1)
}

// grant opens a lease and counts it.
func (t *leaseTable) grant(to *counted, asker chan<- messages.BackendPicked) messages.LeaseID {
	var place uint32
	if n := len(t.free); n > 0 {
		place, t.free = t.free[n-1], t.free[:n-1]
	} else {
		place = uint32(len(t.all))
		t.all = append(t.all, lease{})
	}
	l := &t.all[place]
	*l = lease{generation: l.generation + 1, open: true, to: to, asker: asker}
	l.count(1)
	return number(place, l.generation)
}

// find returns an open lease, nil for any other number.
func (t *leaseTable) find(id messages.LeaseID) *lease {
	place := uint32(id) - 1
	if uint64(place) >= uint64(len(t.all)) {
		return nil
	}
	if l := &t.all[place]; l.open && l.generation == uint32(id>>32) {
		return l
	}
	return nil
}

// connect notes the banner of a lease. It returns what the lease is a claim
// on, nil if it is not open or has its banner already.
func (t *leaseTable) connect(id messages.LeaseID) *counted {
	l := t.find(id)
	if l == nil || l.connected {
		return nil
	}
	l.connected, l.asker = true, nil
	l.to.Connecting--
	return l.to
}

// take closes a lease and uncounts it. It returns what it was a claim on, nil
// if it was not open.
func (t *leaseTable) take(id messages.LeaseID) *counted {
	l := t.find(id)
	if l == nil {
		return nil
	}
	c := l.to
	l.count(-1)
	*l = lease{generation: l.generation}
	t.free = append(t.free, uint32(id)-1)
	return c
}

// takeFrom takes the lease that was answered on a channel and not reported on.
// It looks through the whole table: giving up on an answer is rare.
func (t *leaseTable) takeFrom(asker chan<- messages.BackendPicked) *counted {
	for place := range t.all {
		if l := &t.all[place]; l.open && l.asker != nil && l.asker == asker {
			return t.take(number(uint32(place), l.generation))
		}
	}
	return nil
}

// each visits all open leases.
func (t *leaseTable) each(visit func(*lease)) {
	for place := range t.all {
		if t.all[place].open {
			visit(&t.all[place])
		}
	}
}
