package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/actors/health/standing"
	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

// What the store holds of a backend: one record with the verdict under its key,
// and one with the administrator's mode under its key behind a word. They are
// two because gateways that share a store agree on each by its own time: what
// one finds must not undo what an administrator said to another.

// modeMark stands before the key in a mode's record. No URL begins like that.
const modeMark = "mode "

func (at place) recordKey() stores.Key {
	return stores.Key{Kind: stores.KindHealth, Pool: string(at.pool), Name: at.key}
}

func (at place) modeKey() stores.Key {
	return stores.Key{Kind: stores.KindHealth, Pool: string(at.pool), Name: modeMark + at.key}
}

// placeOf is the reverse of both.
func placeOf(k stores.Key) (at place, isMode bool) {
	key, isMode := strings.CutPrefix(k.Name, modeMark)
	return place{messages.PoolID(k.Pool), key}, isMode
}

// remembered is what an earlier process, or another gateway, knew of a backend.
type remembered struct {
	verdict            standing.Verdict
	mode               standing.Mode
	stored, modeStored bool
}

// stale is how long a finding about a backend that nobody uses is kept.
const stale = 30 * 24 * time.Hour

// worthless reports what would change nothing any more.
func (r remembered) worthless(now time.Time, forget time.Duration) bool {
	if r.mode.Mode != messages.Serve {
		return false
	}
	if r.verdict.State != messages.Up {
		forget = stale
	}
	return now.Sub(r.verdict.Since) >= forget && now.Sub(r.mode.Since) >= forget
}

func verdictOf(h stores.Health) standing.Verdict {
	return standing.Verdict{
		State: messages.HealthState(h.State), Since: h.Since, Until: h.Until, Failures: h.Failures, Reason: h.Reason,
	}
}

func modeOf(h stores.Health) standing.Mode {
	return standing.Mode{Mode: messages.BackendMode(h.Mode), Since: h.Since, Why: h.Reason}
}

// keep has the store learn what a step changed.
func (a *Actor) keep(b *backend, before standing.Standing) {
	was, is := before.Verdict(), b.at.Verdict()
	if was.State != is.State || !was.Since.Equal(is.Since) || !was.Until.Equal(is.Until) {
		a.writeVerdict(b)
	}
	if !before.Mode().Since.Equal(b.at.Mode().Since) {
		a.writeMode(b)
	}
}

func (a *Actor) writeVerdict(b *backend) {
	v := b.at.Verdict()
	b.stored = true
	a.put(b.recordKey(), stores.Health{
		State: uint8(v.State), Since: v.Since, Until: v.Until, Failures: v.Failures, Reason: v.Reason,
	})
}

func (a *Actor) writeMode(b *backend) {
	m := b.at.Mode()
	b.modeStored = true
	a.put(b.modeKey(), stores.Health{Mode: uint8(m.Mode), Since: m.Since, Reason: m.Why})
}

// erase takes a backend's records out of the store.
func (a *Actor) erase(b *backend) {
	if b.stored {
		a.remove(b.recordKey())
	}
	if b.modeStored {
		a.remove(b.modeKey())
	}
	b.stored, b.modeStored = false, false
}

// rewrite has everything written again: the store was lost.
func (a *Actor) rewrite() {
	for _, b := range a.backends {
		if b.stored || b.at.Verdict().State != messages.Up {
			a.writeVerdict(b)
		}
		if b.modeStored || b.at.Mode().Mode != messages.Serve {
			a.writeMode(b)
		}
	}
}

// remember lets a backend begin as it was.
func (a *Actor) remember(b *backend, r remembered) {
	b.stored, b.modeStored = r.stored, r.modeStored
	if r.mode.Since.After(b.at.Mode().Since) {
		a.adopt(b, standing.Ordered{Mode: r.mode})
	}
	a.adopt(b, standing.Remembered{Verdict: r.verdict})
}

// recall takes in what the store gave. What a store that is not shared gives
// is this gateway's own, found before it was started again.
func (a *Actor) recall(f outbox.Found) {
	if f.Err != nil {
		a.log.Warn().Err(f.Err).Msg("what was known of the backends' health could not be loaded; all count as up until they fail")
	}
	first := !a.loaded
	a.loaded = true
	now := a.cfg.Now()
	known := map[place]remembered{}
	for _, r := range f.Records {
		h, err := stores.ParseHealth(r.Value)
		if err != nil {
			a.log.Warn().Stringer("record", r.Key).Err(err).Msg("a stored record cannot be read; it is passed over")
			continue
		}
		at, isMode := placeOf(r.Key)
		k := known[at]
		if isMode {
			k.mode, k.modeStored = modeOf(h), true
		} else {
			k.verdict, k.stored = verdictOf(h), true
		}
		known[at] = k
	}
	for at, r := range known {
		switch b := a.backends[at]; {
		case b != nil && first:
			a.remember(b, r)
			a.plan(b)
		case b == nil && r.worthless(now, a.cfg.Forget):
			a.remove(at.recordKey())
			a.remove(at.modeKey())
		default:
			a.take(at, r)
		}
	}
}

// take has what somebody knows of a backend count; one of its records may be
// missing. Who is on no list is watched if there is something about it.
func (a *Actor) take(at place, r remembered) {
	if b := a.backends[at]; b != nil {
		b.stored, b.modeStored = b.stored || r.stored, b.modeStored || r.modeStored
		a.merge(b, r.verdict, r.mode)
		return
	}
	r = r.over(a.memory[at])
	if _, there := a.memory[at]; !there && len(a.memory) >= maxMemory {
		return
	}
	a.memory[at] = r
	if p := a.byID[at.pool]; p != nil && !r.plain() {
		a.admit(p, at)
	}
}

// over adds what is known already to what is newly heard.
func (r remembered) over(old remembered) remembered {
	if old.verdict.Since.After(r.verdict.Since) {
		r.verdict = old.verdict
	}
	if old.mode.Since.After(r.mode.Since) {
		r.mode = old.mode
	}
	r.stored, r.modeStored = r.stored || old.stored, r.modeStored || old.modeStored
	return r
}

// plain reports a backend that is up and of which nobody wants anything.
func (r remembered) plain() bool {
	return r.verdict.State == messages.Up && r.mode.Mode == messages.Serve
}

// maxMemory bounds what is kept in mind of backends of no pool.
const maxMemory = 1 << 16

// merge lets another gateway's findings count, if they are the later ones.
func (a *Actor) merge(b *backend, v standing.Verdict, m standing.Mode) {
	if !v.Since.IsZero() {
		if v.Reason != "" {
			v.Reason = clip("another gateway says: " + strings.TrimPrefix(v.Reason, "another gateway says: "))
		}
		a.adopt(b, standing.Heard{Verdict: v})
	}
	if m.Since.After(b.at.Mode().Since) {
		a.adopt(b, standing.Ordered{Mode: m})
		a.plan(b)
	}
}

// hear takes in what other gateways wrote.
func (a *Actor) hear(n stores.News) {
	if n.Lost || len(n.Records) == 0 && !n.Counts {
		a.out.Reload() // what was written while nobody listened
	}
	for _, c := range n.Records {
		if c.Key.Kind != stores.KindHealth || c.Value == nil {
			continue // what is forgotten elsewhere is forgotten here in its own time
		}
		h, err := stores.ParseHealth(c.Value)
		if err != nil {
			a.log.Warn().Err(fmt.Errorf("%v: %w", c.Key, err)).Msg("what another gateway wrote cannot be read; it is passed over")
			continue
		}
		at, isMode := placeOf(c.Key)
		r := remembered{}
		if isMode {
			r.mode, r.modeStored = modeOf(h), true
		} else {
			r.verdict, r.stored = verdictOf(h), true
		}
		a.take(at, r)
	}
}
