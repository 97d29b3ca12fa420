package health

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/health/standing"
	"github.com/sluice-gateway/sluice/messages"
)

// maxWhy bounds a reason, in bytes.
const maxWhy = 300

// step lets something happen to a backend and sees to what follows.
func (a *Actor) step(b *backend, e standing.Event) {
	before := b.at
	a.adopt(b, e)
	a.keep(b, before)
}

// adopt is a step by what the store has already.
func (a *Actor) adopt(b *backend, e standing.Event) {
	from := b.at.State()
	b.at = b.at.Step(e, b.rules(), a.cfg.Now())
	if b.at.State() != from {
		a.say(b, from)
	}
	if !same(b.told, b.news()) {
		a.queue(b)
	}
	a.wakeAt(b.at.Due())
}

// say writes the line of a change.
func (a *Actor) say(b *backend, from messages.HealthState) {
	level := zerolog.InfoLevel
	if b.at.State() == messages.Down {
		level = zerolog.WarnLevel
	}
	line := a.log.WithLevel(level).Str("pool", string(b.place.pool)).Str("backend", b.key).
		Stringer("from", from).Stringer("to", b.at.State()).Str("reason", b.at.Reason())
	if until := b.at.Verdict().Until; b.at.State() == messages.Down && !until.IsZero() {
		line = line.Time("until", until)
	}
	line.Msg("a backend's health changed")
}

// observe books what clients met. One observation may stand for several: the
// numbers say for how many, and how many of the last of them were failures.
func (a *Actor) observe(m messages.BackendObserved) {
	b := a.backends[place{m.Pool, m.Key}]
	if b == nil {
		p := a.byID[m.Pool]
		if p == nil || m.Err == nil || !p.rules.Passive.On {
			return
		}
		if b = a.admit(p, place{m.Pool, m.Key}); b == nil {
			return
		}
	}
	gap := 1
	if m.Seq > b.observed {
		gap = int(min(m.Seq-b.observed, 1<<20))
	} else {
		b.told = usual(b.place) // policy began anew and knows nothing
	}
	b.observed = m.Seq
	b.used = a.cfg.Now()
	if m.Err == nil {
		a.step(b, standing.Connected{})
		return
	}
	times := 1
	switch {
	case m.Failures <= 0:
		// not counted
	case m.Failures < gap:
		a.step(b, standing.Connected{}) // in between
		times = m.Failures
	default:
		times = gap
	}
	a.step(b, standing.Failed{Times: times, Why: clip(m.Err.Error())})
}

// clip makes a reason one line of bounded length.
func clip(s string) string {
	s = strings.ReplaceAll(s, "\n", "; ")
	if len(s) > maxWhy {
		return s[:maxWhy] + "…"
	}
	return s
}

// ErrNoBackend answers a mode for a backend that nobody knows.
var ErrNoBackend = errors.New("no such backend is watched")

func (a *Actor) setMode(m messages.SetBackendMode) {
	var answer messages.BackendModeSet
	known := false
	for _, p := range a.pools {
		b := a.backends[place{p.id, m.Key}]
		if b == nil || m.Pool != "" && m.Pool != p.id {
			continue
		}
		known = true
		if b.at.Mode().Mode != m.Mode {
			answer.Changed++
			a.order(b, m)
		}
	}
	if !known {
		answer.Err = fmt.Errorf("set the mode of %q in pool %q: %w", m.Key, m.Pool, ErrNoBackend)
	}
	if m.Reply != nil {
		reply(a.log, m.Reply, answer)
	}
}

// order carries out the administrator's word. It is later than any other, even
// if that came from a gateway whose clock is ahead.
func (a *Actor) order(b *backend, m messages.SetBackendMode) {
	since := a.cfg.Now()
	if last := b.at.Mode().Since; !since.After(last) {
		since = last.Add(time.Millisecond)
	}
	why := m.Mode.String() + ", by the administrator"
	if m.Why != "" {
		why = clip(m.Mode.String() + ": " + m.Why)
	}
	b.used = a.cfg.Now()
	a.step(b, standing.Ordered{Mode: standing.Mode{Mode: m.Mode, Since: since, Why: why}})
	a.plan(b)
}

func (a *Actor) describe(m messages.DescribeHealth) {
	out := make([]messages.BackendHealth, 0, len(a.backends))
	for _, p := range a.pools {
		for _, at := range p.list {
			out = append(out, a.backends[at].describe())
		}
	}
	listed := len(out)
	for _, b := range a.backends {
		if !b.listed {
			out = append(out, b.describe())
		}
	}
	slices.SortFunc(out[listed:], func(x, y messages.BackendHealth) int {
		return cmp.Or(cmp.Compare(x.Pool, y.Pool), cmp.Compare(x.Key, y.Key))
	})
	reply(a.log, m.Reply, out)
}

func (b *backend) describe() messages.BackendHealth {
	return messages.BackendHealth{
		Pool: b.place.pool, Key: b.key, State: b.at.State(), Mode: b.at.Mode().Mode, Since: b.at.Since(),
		Reason: b.at.Reason(), Failures: b.at.Failures(), Checked: b.checked, Took: b.took,
	}
}

// reply never waits for the one who asked.
func reply[R any](log zerolog.Logger, to chan<- R, r R) {
	select {
	case to <- r:
	default:
		log.Error().Msg("an answer was asked for without a free reply channel of capacity 1; it is dropped")
	}
}
