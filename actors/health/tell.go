package health

import (
	"context"
	"errors"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// usual is what policy believes of a backend that it has heard nothing of.
func usual(at place) messages.HealthChanged {
	return messages.HealthChanged{Pool: at.pool, Key: at.key, State: messages.Up, Attempts: -1}
}

// news is what policy is to know.
func (b *backend) news() messages.HealthChanged {
	return messages.HealthChanged{
		Pool: b.place.pool, Key: b.key, State: b.at.State(), Attempts: b.at.Attempts(b.rules()),
		Observed: b.observed, Recovered: b.at.Recovered(),
	}
}

// same reports that the newer one says nothing new. Policy counts down from
// the attempts it was allowed, so that for them the time of counting matters.
func same(told, now messages.HealthChanged) bool {
	return told.State == now.State && told.Attempts == now.Attempts && told.Recovered.Equal(now.Recovered) &&
		(now.Attempts < 0 || told.Observed == now.Observed)
}

func (a *Actor) queue(b *backend) {
	if !b.queued {
		b.queued = true
		a.untold = append(a.untold, b)
	}
}

// tellAll has policy told all that is not as usual on a pool's list: it may not
// have known the backends when it was told before.
func (a *Actor) tellAll(p *pool) {
	for _, at := range p.list {
		if b := a.backends[at]; !same(usual(at), b.news()) {
			a.queue(b)
		}
	}
}

// remind tells again what matters most.
func (a *Actor) remind() {
	for _, b := range a.backends {
		if n := b.news(); n.State != messages.Up || n.Attempts >= 0 {
			a.queue(b)
		}
	}
}

// tell hands policy what it does not know. When it does not listen, the rest
// waits: a backend's news are then as they are by then.
func (a *Actor) tell(ctx context.Context) {
	if len(a.untold) == 0 || a.cfg.Now().Before(a.patient) || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.cfg.TellWithin)
	defer cancel()
	for i, b := range a.untold {
		if !b.queued {
			continue // it was forgotten
		}
		news := b.news()
		if err := a.cfg.Policy.Send(ctx, news); errors.Is(err, mailbox.ErrGone) {
			break // nobody will ask for what it knew
		} else if err != nil {
			a.untold = append([]*backend(nil), a.untold[i:]...)
			a.patient = a.cfg.Now().Add(a.cfg.TellWithin)
			a.wakeAt(a.patient)
			return
		}
		b.queued, b.told = false, news
	}
	for _, b := range a.untold {
		b.queued = false
	}
	a.untold = a.untold[:0]
}
