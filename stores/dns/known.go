package dns

import (
	"container/list"
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Bounds of Names.
const (
	maxKnown = 8192 // addresses that are remembered
	// nameLimit bounds the look-up of one name, from PTR to the way back.
	nameLimit = 5 * time.Second
	// A name is believed for as long as its servers say, within these.
	longestName  = 5 * time.Minute
	longestNone  = time.Minute // that an address has none
	failedLookUp = 10 * time.Second
)

// Names remembers the names of clients' addresses. Those that were asked for longest
// ago are forgotten first. It may be used by several goroutines.
type Names struct {
	look func(context.Context, netip.Addr) (string, time.Duration, error)

	mu    sync.Mutex
	known map[netip.Addr]*list.Element // of *named
	order list.List                    // last used first
	era   int                          // counts calls of Forget
}

type named struct {
	addr  netip.Addr
	name  string
	until time.Time
}

// NewNames remembers what a resolver finds.
func NewNames(r *Resolver) *Names { return newNames(r.NameOf) }

func newNames(look func(context.Context, netip.Addr) (string, time.Duration, error)) *Names {
	return &Names{look: look, known: map[netip.Addr]*list.Element{}}
}

// Known is the name of an address if that is remembered, or that it has none.
func (n *Names) Known(addr netip.Addr) (name string, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, there := n.known[addr]
	if !there {
		return "", false
	}
	if at := e.Value.(*named); time.Now().Before(at.until) {
		n.order.MoveToFront(e)
		return at.name, true
	}
	n.drop(e)
	return "", false
}

// Of finds the name of an address, within 5 seconds; empty: it has none. An error means
// that it could not be found, and is remembered as "none" for some seconds, so that
// servers that are silent are not asked by every connection.
func (n *Names) Of(ctx context.Context, addr netip.Addr) (string, error) {
	if name, known := n.Known(addr); known {
		return name, nil
	}
	n.mu.Lock()
	era := n.era
	n.mu.Unlock()
	limited, cancel := context.WithTimeoutCause(ctx, nameLimit, fmt.Errorf("no answer within %v", nameLimit))
	defer cancel()
	name, ttl, err := n.look(limited, addr)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx) // whoever asked went away, which says nothing of the name
	case err != nil:
		name, ttl = "", failedLookUp
	case name == "":
		ttl = longestNone
	default:
		ttl = min(max(ttl, minTTL), longestName)
	}
	n.remember(era, &named{addr, name, time.Now().Add(ttl)})
	return name, err
}

// Forget is to be called when others are asked from now on.
func (n *Names) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.era++
	clear(n.known)
	n.order.Init()
}

func (n *Names) remember(era int, what *named) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if era != n.era {
		return // it is the word of those who are not asked any more
	}
	if old, there := n.known[what.addr]; there {
		n.drop(old)
	}
	n.known[what.addr] = n.order.PushFront(what)
	if len(n.known) > maxKnown {
		n.drop(n.order.Back())
	}
}

func (n *Names) drop(e *list.Element) {
	delete(n.known, e.Value.(*named).addr)
	n.order.Remove(e)
}
