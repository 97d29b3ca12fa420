package discovery

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

// How long a name that cannot be resolved is not asked for again: the first
// time, and at most. In between it doubles.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// hurry is what makes a caller's end no fault of the name: who has no time left
// learns nothing of it.
const hurry = time.Second

// directory knows what names stand for, as long as that holds and room is
// there. Whoever asks for a name that is being asked for waits for that answer.
// It asks in its callers' goroutines and has none of its own.
type directory struct {
	resolver stores.Resolver
	most     int
	now      func() time.Time

	mu    sync.Mutex
	known map[backendurl.URL]*list.Element // of *listing, by URL.Bare
	ages  *list.List                       // the one not asked for longest in front
	calls map[backendurl.URL]*call
}

// listing is one name.
type listing struct {
	key backendurl.URL
	answer
	failures int // in a row
}

// call is a question under way.
type call struct {
	done   chan struct{}
	answer answer // to be read when done is closed
}

// answer is what is known of a name.
type answer struct {
	backends []stores.Resolved // of the bare URL; empty: no address is known, nor was one
	until    time.Time         // when to ask again; zero: never
	// trouble says why backends are not, or not all, what the name stands for
	// now. nil: they are.
	trouble error
}

func newDirectory(cfg Config) *directory {
	return &directory{
		resolver: cfg.Resolver, most: cfg.Names, now: cfg.Now,
		known: map[backendurl.URL]*list.Element{}, ages: list.New(), calls: map[backendurl.URL]*call{},
	}
}

// How find deals with a name that was in trouble a moment ago.
const (
	asKnown = false // it is asked for again when its time has come
	anew    = true  // it is asked for again now
)

// find gives what a URL stands for. last is what the caller knew of it: that is
// what counts where nothing better is found.
func (d *directory) find(ctx context.Context, u backendurl.URL, last []stores.Resolved, again bool) answer {
	if addr, ok := u.Address(); ok && u.Discovery == backendurl.DiscoverNone {
		at := netip.AddrPortFrom(addr.Unmap(), u.Port)
		return answer{backends: []stores.Resolved{{URL: u.Bare(), Endpoints: []netip.AddrPort{at}}}}
	}
	key := u.Bare()
	d.mu.Lock()
	known := d.look(key)
	if known != nil && (known.until.IsZero() || d.now().Before(known.until)) && (known.trouble == nil || !again) {
		d.mu.Unlock()
		return known.or(last)
	}
	if c, ok := d.calls[key]; ok {
		d.mu.Unlock()
		select {
		case <-c.done:
			return c.answer.or(last)
		case <-ctx.Done():
			return answer{trouble: context.Cause(ctx)}.or(last)
		}
	}
	c := &call{done: make(chan struct{}), answer: answer{trouble: errors.New("the resolver crashed"), until: d.now().Add(firstRetry)}}
	d.calls[key] = c
	d.mu.Unlock()

	next := listing{key: key}
	if known != nil {
		next = *known
		last = known.or(last).backends
	}
	began := d.now()
	defer func() { // also when the resolver panics: others wait
		d.mu.Lock()
		delete(d.calls, key)
		if c.answer.trouble == nil || ctx.Err() == nil || d.now().Sub(began) >= hurry {
			next.answer = c.answer
			d.keep(&next)
		}
		d.mu.Unlock()
		close(c.done)
	}()
	c.answer = d.ask(ctx, &next, last)
	return c.answer
}

// or falls back to older knowledge.
func (a answer) or(last []stores.Resolved) answer {
	if len(a.backends) == 0 {
		a.backends = last
	}
	return a
}

// ask has a name resolved.
func (d *directory) ask(ctx context.Context, l *listing, last []stores.Resolved) answer {
	found, err := d.resolver.Resolve(ctx, l.key)
	now := d.now()
	if err != nil {
		wait := lastRetry
		if l.failures < 6 {
			wait = firstRetry << l.failures
		}
		l.failures++
		return answer{backends: last, trouble: err, until: now.Add(min(max(wait, found.TTL), lastRetry))}
	}
	l.failures = 0
	a := answer{backends: slices.Clone(found.Backends)}
	if found.TTL > 0 {
		a.until = now.Add(found.TTL)
	}
	for i := range a.backends {
		b := &a.backends[i]
		if len(b.Endpoints) == 0 {
			a.trouble = fmt.Errorf("'%s' has no address", b.URL.Host)
			b.Endpoints = endpointsOf(last, b.URL)
		}
	}
	return a
}

func endpointsOf(backends []stores.Resolved, u backendurl.URL) []netip.AddrPort {
	for _, b := range backends {
		if b.URL.Key() == u.Key() {
			return b.Endpoints
		}
	}
	return nil
}

// look finds a name. The listing is not changed any more.
func (d *directory) look(key backendurl.URL) *listing {
	at, ok := d.known[key]
	if !ok {
		return nil
	}
	d.ages.MoveToBack(at)
	return listingAt(at)
}

func (d *directory) keep(l *listing) {
	if at, ok := d.known[l.key]; ok {
		d.ages.Remove(at)
	}
	d.known[l.key] = d.ages.PushBack(l)
	for len(d.known) > d.most {
		oldest := d.ages.Front()
		delete(d.known, listingAt(oldest).key)
		d.ages.Remove(oldest)
	}
}

func listingAt(at *list.Element) *listing {
	l, ok := at.Value.(*listing)
	if !ok {
		panic("discovery: something else than a name among the names")
	}
	return l
}
