package warden

import (
	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/stores"
)

// recall takes in what the store gave.
func (a *Actor) recall(f outbox.Found) {
	if f.Err != nil {
		a.log.Warn().Err(f.Err).Msg("earlier bans could not be loaded; they do not hold")
	} else {
		a.loaded = true
	}
	now := a.cfg.Now()
	a.atOnce(func() {
		for _, r := range f.Records {
			if !a.out.Waits(r.Key) {
				a.learn(r.Key, r.Value, now)
			}
		}
	})
	a.wake()
}

// hear takes in what other gateways wrote.
func (a *Actor) hear(n stores.News) {
	if n.Lost || len(n.Records) == 0 && !n.Counts {
		a.out.Reload() // what was written while nobody listened
	}
	now := a.cfg.Now()
	for _, c := range n.Records {
		if c.Key.Kind == stores.KindBan {
			a.learn(c.Key, c.Value, now)
		}
	}
	a.wake()
}

// rewrite has everything written again: the store was lost.
func (a *Actor) rewrite() {
	for _, bans := range a.bans {
		for _, b := range bans {
			a.write(b)
		}
	}
}
