package health

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/actors/health/standing"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// place names one backend of one pool.
type place struct {
	pool messages.PoolID
	key  string
}

// pool is one list and how it is watched.
type pool struct {
	id     messages.PoolID
	rules  standing.Rules
	source sockets.Source
	proxy  proxyproto.Version
	list   []place // each backend once
}

// backend is what is known of one.
type backend struct {
	place
	pool   *pool
	listed bool // on the pool's list, not a guest

	url       backendurl.URL   // of those listed
	endpoints []netip.AddrPort // of those listed
	at        standing.Standing
	used      time.Time // last event that said something

	observed uint64                 // Seq of the last observation
	told     messages.HealthChanged // what policy knows
	queued   bool                   // policy is to be told

	due      time.Time // of the next check; zero: none
	checking bool
	checked  time.Time // end of the last check
	took     time.Duration

	stored, modeStored bool // the store has a record
}

// rules are those of the pool; nobody checks who is on no list.
func (b *backend) rules() standing.Rules {
	r := b.pool.rules
	r.Active.On = r.Active.On && b.listed
	return r
}

// watchPools replaces what is watched.
func (a *Actor) watchPools(pools []messages.HealthPool) {
	old := a.byID
	a.pools, a.byID = nil, map[messages.PoolID]*pool{}
	for _, hp := range pools {
		if a.byID[hp.ID] != nil {
			a.log.Error().Str("pool", string(hp.ID)).Msg("two pools bear this name; the first one is watched")
			continue
		}
		p := old[hp.ID]
		if p == nil {
			p = &pool{id: hp.ID}
		}
		hp.Active.Interval = cmp.Or(hp.Active.Interval, 5*time.Second)
		hp.Active.Timeout = cmp.Or(hp.Active.Timeout, 2*time.Second)
		p.rules, p.source, p.proxy = standing.Rules{Passive: hp.Passive, Active: hp.Active}, sockets.SourceOf(hp.Sources...), hp.Proxy
		a.pools, a.byID[hp.ID] = append(a.pools, p), p
		a.list(p, hp.Backends)
		a.adviseOn(p, hp.Backends)
	}
	for _, b := range a.backends {
		if a.byID[b.place.pool] == nil {
			a.dismiss(b)
		} else if !b.listed {
			a.step(b, standing.Elapsed{}) // by the rules there are now
		}
	}
	for at, r := range a.memory {
		if p := a.byID[at.pool]; p != nil && !r.plain() {
			a.admit(p, at)
		}
	}
	for _, p := range a.pools {
		a.tellAll(p)
	}
}

// watchPool replaces one pool's list.
func (a *Actor) watchPool(m messages.WatchPool) {
	p := a.byID[m.ID]
	if p == nil {
		a.log.Debug().Str("pool", string(m.ID)).Msg("a list came for a pool that is not watched")
		return
	}
	a.list(p, m.Backends)
	a.tellAll(p)
}

// list takes up a pool's list. Who left it is a guest from then on, so that a
// name that was away for a moment does not make a dead backend a new one.
func (a *Actor) list(p *pool, backends []messages.Backend) {
	before := p.list
	p.list = nil
	on := map[place]bool{}
	for _, mb := range backends {
		at := place{p.id, mb.URL.Key()}
		if on[at] {
			continue
		}
		on[at] = true
		p.list = append(p.list, at)
		b := a.backends[at]
		switch {
		case b == nil:
			b = a.add(p, at, true)
		case !b.listed:
			b.listed = true
			a.guests--
		}
		b.url, b.endpoints = mb.URL, mb.Endpoints
		a.plan(b)
		a.step(b, standing.Elapsed{}) // by the rules there are now
	}
	for _, at := range before {
		if b := a.backends[at]; b != nil && !on[at] {
			a.strike(b)
		}
	}
}

// strike takes a backend off its list.
func (a *Actor) strike(b *backend) {
	if a.guests >= a.cfg.Guests {
		a.makeRoom()
	}
	b.listed, b.due = false, time.Time{}
	a.guests++
	if b.at.Plain() || a.guests > a.cfg.Guests {
		a.forget(b)
		return
	}
	a.step(b, standing.Elapsed{}) // without active checks
}

// add makes a backend as it is remembered.
func (a *Actor) add(p *pool, at place, listed bool) *backend {
	b := &backend{place: at, pool: p, listed: listed, used: a.cfg.Now(), told: usual(at)}
	a.backends[at] = b
	if !listed {
		a.guests++
	}
	if r, ok := a.memory[at]; ok {
		delete(a.memory, at)
		a.remember(b, r)
	}
	return b
}

// admit makes a backend that is on no list a guest, if there is room. To make
// some, guests that are well have to go.
func (a *Actor) admit(p *pool, at place) *backend {
	if a.guests >= a.cfg.Guests {
		a.makeRoom()
	}
	if a.guests >= a.cfg.Guests {
		a.log.Debug().Str("pool", string(at.pool)).Str("backend", at.key).Msg("too many backends on no list have failed; this one is not watched")
		return nil
	}
	return a.add(p, at, false)
}

// makeRoom forgets the guest that was well for longest.
func (a *Actor) makeRoom() {
	var oldest *backend
	for _, b := range a.backends {
		if !b.listed && b.at.Plain() && (oldest == nil || b.used.Before(oldest.used)) {
			oldest = b
		}
	}
	if oldest != nil {
		a.forget(oldest)
	}
}

// forget drops a backend and its records. Policy goes on as with one that it
// has heard nothing of.
func (a *Actor) forget(b *backend) {
	a.erase(b)
	if !same(b.told, usual(b.place)) {
		a.queue(&backend{place: b.place, pool: b.pool, observed: b.observed})
	}
	delete(a.backends, b.place)
	if !b.listed {
		a.guests--
	}
	b.pool, b.queued = nil, false // a check that is on its way, or a line to policy, is in vain
}

// dismiss drops a backend of a pool that is no more. What was known of it is
// remembered, should the pool come back.
func (a *Actor) dismiss(b *backend) {
	r := remembered{verdict: b.at.Verdict(), mode: b.at.Mode(), stored: b.stored, modeStored: b.modeStored}
	if !b.at.Plain() && len(a.memory) < maxMemory {
		b.stored, b.modeStored = false, false // not to be erased
		a.memory[b.place] = r
	}
	b.told = usual(b.place) // policy has no such pool any more
	a.forget(b)
}

// adviseOn says which checks are others than was asked for.
func (a *Actor) adviseOn(p *pool, backends []messages.Backend) {
	active := p.rules.Active
	if !active.On {
		return
	}
	trusting := false
	for _, b := range backends {
		kind := fitting(active, b.URL)
		if kind != active.Kind {
			a.log.Warn().Str("pool", string(p.id)).Str("backend", b.URL.Key()).Stringer("asked", active.Kind).Stringer("done", kind).
				Msg("this check does not fit the backend, or lacks an account; another one is done")
		}
		secure := kind == messages.TLSCheck || b.URL.Implicit || kind == messages.LoginCheck && b.URL.Scheme == backendurl.FTPS
		trusting = trusting || secure && a.tlsFor(p.id, b.URL).Config == nil
	}
	if trusting {
		a.log.Warn().Str("pool", string(p.id)).Msg("checks over TLS take any certificate: they show that a backend speaks TLS, not that it is the right one")
	}
}
