package porter

import (
	"net/netip"
	"slices"
	"time"
)

// queue holds the logins that wait. Clients take turns, however many logins
// each of them has, so that one that asks for much waits for itself.
type queue struct {
	most, perClient int

	length int
	lines  map[netip.Prefix][]*check // never empty ones
	turns  []netip.Prefix            // who is served next, each once
}

func newQueue(most, perClient int) *queue {
	return &queue{most: most, perClient: perClient, lines: map[netip.Prefix][]*check{}}
}

// clientOf is whose login it is: an address, or with IPv6 a network, of which
// anybody has as many addresses as he likes.
func clientOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: all such are one client
	}
	return p
}

// push lets a login wait; false: there is no room for it.
func (q *queue) push(c *check) bool {
	who := clientOf(c.m.Client)
	line := q.lines[who]
	if q.length >= q.most || len(line) >= q.perClient {
		return false
	}
	if len(line) == 0 {
		q.turns = append(q.turns, who)
	}
	q.lines[who] = append(line, c)
	q.length++
	return true
}

// ahead is how many of those who wait now are served before another login of a
// client: as many of each as it has itself.
func (q *queue) ahead(client netip.Addr) (n int) {
	own := len(q.lines[clientOf(client)])
	for _, line := range q.lines {
		n += min(len(line), own+1)
	}
	return n
}

// pop takes the first login of the client whose turn it is; nil: nobody waits.
func (q *queue) pop() *check {
	if len(q.turns) == 0 {
		return nil
	}
	who := q.turns[0]
	q.turns = q.turns[1:]
	line := q.lines[who]
	c := line[0]
	line[0] = nil // its password need not stay
	q.length--
	if len(line) > 1 {
		q.lines[who] = line[1:]
		q.turns = append(q.turns, who)
	} else {
		delete(q.lines, who)
	}
	return c
}

// expired takes out those whose time is up.
func (q *queue) expired(now time.Time) (late []*check) {
	for who, line := range q.lines {
		n := 0
		for n < len(line) && !now.Before(line[n].until) { // in the order in which they came
			n++
		}
		late = append(late, line[:n]...)
		q.length -= n
		if n == len(line) {
			delete(q.lines, who)
		} else {
			q.lines[who] = line[n:]
		}
	}
	if len(late) > 0 {
		q.turns = slices.DeleteFunc(q.turns, func(who netip.Prefix) bool { return q.lines[who] == nil })
	}
	return late
}
