package policy

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// Reasons for an empty answer to a pick.
var (
	ErrUnknownPool = errors.New("no such pool of backends is configured")
	ErrEmptyPool   = errors.New("the pool has no backends: check ProxyReverseServers")
)

func (a *Actor) pick(m *messages.PickBackend) {
	p, i, err := a.book.choose(m)
	if err != nil {
		answer(m.Reply, messages.BackendPicked{Err: err})
		return
	}
	// From here to the answer nothing may panic, or the lease would be lost.
	s := p.slots[i]
	id := a.leases.grant(s.counted, m.Reply)
	if !answer(m.Reply, messages.BackendPicked{Lease: id, Backend: s.backend}) {
		a.leases.take(id)
		a.log.Error().Str("pool", string(m.Pool)).Msg("a pick was asked for without a free reply channel of capacity 1; its lease is taken back")
	}
}

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
	l := a.leases.find(m.Lease)
	if l == nil || l.connected {
		a.log.Warn().Uint64("lease", uint64(m.Lease)).Msg("a connect was reported for a lease that is not open or has one already; ignored")
		return
	}
	l.connected, l.asker = true, nil
	c := l.to
	c.record.Connects++
	c.record.ConnectTime = smooth(c.record.ConnectTime, m.Took)
	c.record.LastSeen = a.cfg.Now()
	a.out.touch(c)
}

func (a *Actor) failed(m messages.ReportFailed) {
	c := a.giveBack(m.Lease, "reported as failed")
	if c == nil {
		return
	}
	c.record.Failures++
	c.record.LastSeen = a.cfg.Now()
	a.out.touch(c)
	a.log.Debug().Str("pool", c.pool).Str("backend", c.key).Err(m.Err).Msg("a backend failed an attempt")
}

// giveBack books the return of a lease; nil if it was not open.
func (a *Actor) giveBack(id messages.LeaseID, how string) *counted {
	c := a.leases.take(id)
	if c == nil {
		a.log.Warn().Uint64("lease", uint64(id)).Msgf("a lease that is not open was %s; ignored", how)
		return nil
	}
	a.book.settle(c)
	return c
}

// withdraw takes back what an asker who gave up may never have read.
func (a *Actor) withdraw(m messages.WithdrawPick) {
	if c := a.leases.takeFrom(m.Reply); c != nil {
		a.book.settle(c)
	}
}

func (a *Actor) describe(m messages.DescribePools) {
	out := make([]messages.PoolDescribed, 0, len(a.book.order))
	for _, p := range a.book.order {
		d := messages.PoolDescribed{ID: p.id, Policy: p.policy}
		for _, s := range p.slots {
			c := s.counted
			d.Backends = append(d.Backends, messages.BackendDescribed{
				URL: s.backend.URL.String(), Key: c.key, Live: c.live,
				Connects: c.record.Connects, Failures: c.record.Failures, ConnectTime: c.record.ConnectTime,
			})
		}
		out = append(out, d)
	}
	if !answer(m.Reply, out) {
		a.log.Error().Msg("a description was asked for without a free reply channel of capacity 1; dropped")
	}
}

// smooth weighs the newest connect time with an eighth, as TCP does for round
// trips (RFC 6298 section 2). The first sample counts whole; a measured time
// is never zero, which means never measured.
func smooth(old, sample time.Duration) time.Duration {
	sample = max(sample, 1)
	if old == 0 {
		return sample
	}
	return max(old+(sample-old)/8, 1)
}

func unknownPool(id messages.PoolID) error {
	return fmt.Errorf("pick from pool %q: %w", id, ErrUnknownPool)
}
