package policy

import (
	"cmp"
	"slices"

	"github.com/sluice-gateway/sluice/messages"
)

// answer reports whether the answer was taken; a service never waits for the
// one who asked.
func answer[R any](reply chan<- R, r R) bool {
	select {
	case reply <- r:
		return true
	default:
		return false
	}
}

func (a *Actor) connected(m messages.ReportConnected) {
	c := a.leases.connect(m.Lease)
	if c == nil {
		a.log.Warn().Uint64("lease", uint64(m.Lease)).Msg("a connect was reported for a lease that is not open or has one already; ignored")
		return
	}
	c.record.Connects++
	c.record.ConnectTime = smooth(c.record.ConnectTime, m.Took)
	c.record.LastSeen = a.cfg.Now()
	c.Took = c.record.ConnectTime
	a.observe(c, nil, m.Took)
	c.Changed()
	a.out.touch(c)
}

func (a *Actor) failed(m messages.ReportFailed) {
	c := a.giveBack(m.Lease, "reported as failed")
	if c == nil {
		return
	}
	c.record.Failures++
	c.record.LastSeen = a.cfg.Now()
	a.observe(c, reason(m.Err), 0)
	a.returned(c)
	a.out.touch(c)
	a.log.Debug().Str("pool", c.pool).Str("backend", c.Key).Err(m.Err).Msg("a backend failed an attempt")
}

func (a *Actor) lost(m messages.ReportLost) {
	l := a.leases.find(m.Lease)
	if l == nil {
		a.log.Warn().Uint64("lease", uint64(m.Lease)).Msg("a loss was reported for a lease that is not open; ignored")
		return
	}
	a.teller.left(l.to)
	a.log.Debug().Str("pool", l.to.pool).Str("backend", l.to.Key).Err(m.Err).Msg("a backend broke off a session")
}

// giveBack books the return of a lease; nil if it was not open.
func (a *Actor) giveBack(id messages.LeaseID, how string) *counted {
	c := a.leases.take(id)
	if c == nil {
		a.log.Warn().Uint64("lease", uint64(id)).Msgf("a lease that is not open was %s; ignored", how)
	}
	return c
}

// returned brings all else up to date after the return of a lease.
func (a *Actor) returned(c *counted) {
	c.Changed()
	a.book.settle(c)
	a.share.beatSoon()
}

func (a *Actor) release(m messages.ReleaseLease) {
	if c := a.giveBack(m.Lease, "released"); c != nil {
		a.returned(c)
	}
}

// withdraw takes back what an asker who gave up may never have read.
func (a *Actor) withdraw(m messages.WithdrawPick) {
	if a.parked.withdraw(m.Reply) {
		return
	}
	if c := a.leases.takeFrom(m.Reply); c != nil {
		a.returned(c)
	}
}

// configure takes in the pools of a (re)load.
func (a *Actor) configure(m messages.ConfigurePools) {
	a.configured = slices.Clone(m.Pools)
	a.book.configure(m.Pools, a.log)
	a.share.wanting = true
}

// update takes in one pool's new list. It is kept with the configuration, for
// the next life of the actor.
func (a *Actor) update(m messages.UpdatePool) {
	at := slices.IndexFunc(a.configured, func(p messages.Pool) bool { return p.ID == m.ID })
	if at < 0 {
		return
	}
	a.configured[at].Backends = m.Backends
	a.book.update(m.ID, m.Backends)
	a.share.wanting = true
}

func (a *Actor) describe(m messages.DescribePools) {
	out := make([]messages.PoolDescribed, 0, len(a.book.order))
	passing := a.book.passers()
	for _, p := range a.book.order {
		d := messages.PoolDescribed{ID: p.conf.ID, Policy: p.conf.Policy}
		for i, s := range p.slots {
			e := p.list.At(i)
			b := describeBackend(s.counted)
			b.URL, b.Weight, b.Max, b.Tier = s.backend.URL.String(), e.Weight, e.Max, e.Tier
			d.Backends = append(d.Backends, b)
		}
		for _, c := range passing[string(p.conf.ID)] {
			b := describeBackend(c)
			b.URL, b.Weight = c.Key, 1
			d.Backends = append(d.Backends, b)
		}
		out = append(out, d)
	}
	if !answer(m.Reply, out) {
		a.log.Error().Msg("a description was asked for without a free reply channel of capacity 1; dropped")
	}
}

func describeBackend(c *counted) messages.BackendDescribed {
	return messages.BackendDescribed{
		Key: c.Key, Live: c.Live, Elsewhere: c.Elsewhere, State: c.Gate.State,
		Connects: c.record.Connects, Failures: c.record.Failures, ConnectTime: c.record.ConnectTime,
	}
}

// passers are the backends in use that only look-ups named, by pool and in the
// order of their keys.
func (b *book) passers() map[string][]*counted {
	out := map[string][]*counted{}
	for _, c := range b.known {
		if !c.listed && !c.forgotten && c.Live > 0 {
			out[c.pool] = append(out[c.pool], c)
		}
	}
	for _, cs := range out {
		slices.SortFunc(cs, func(a, b *counted) int { return cmp.Compare(a.Key, b.Key) })
	}
	return out
}
