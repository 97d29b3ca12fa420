package standing

import (
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// remember takes up what this gateway knew in an earlier life, unless something
// was found out since.
func (s *Standing) remember(v Verdict, r Rules, now time.Time) {
	if !s.later(v) {
		return
	}
	switch {
	case v.State == messages.Up:
		s.recovered = notAfter(v.Since, now) // its slow start goes on
	case v.State == messages.Probing || v.Until.IsZero() && !r.Active.On:
		s.believe(half, v, r, now)
	case v.Until.IsZero():
		s.active.down = true
	default:
		s.believe(down, v, r, now)
	}
	s.settle(v.Reason, now)
	s.date(v, now)
}

// hear takes over what another gateway found.
func (s *Standing) hear(v Verdict, r Rules, now time.Time) {
	if !s.later(v) || !r.Passive.On {
		return
	}
	p := &s.passive
	switch {
	case v.State == messages.Down && !v.Until.IsZero():
		s.believe(down, v, r, now)
	case v.State == messages.Up && (p.phase == down || p.phase == half):
		// What the other one reaches this one may not: carefully.
		p.phase, p.reopened = doubt, true
		p.strikes, p.last = s.floor(r), now
	default:
		return
	}
	s.settle(v.Reason, now)
	s.date(v, now)
}

func (s *Standing) later(v Verdict) bool {
	return v.State <= messages.Down && v.Since.After(s.verdict.Since)
}

// believe sets what passive checks found elsewhere or earlier. A time is never
// longer than it is here: clocks differ, and rules change.
func (s *Standing) believe(phase phase, v Verdict, r Rules, now time.Time) {
	if !r.Passive.On {
		return
	}
	p := &s.passive
	p.phase, p.strikes, p.last = phase, max(1, r.Passive.Failures), now
	p.until = time.Time{}
	if phase == down {
		p.until = notAfter(v.Until, now.Add(r.Passive.Expires))
		s.active.good = 0
		if !now.Before(p.until) {
			p.phase = half
		}
	}
}

// date gives a verdict that was taken over the time of its finding, by which
// gateways agree which one is the last.
func (s *Standing) date(v Verdict, now time.Time) {
	if s.verdict.State == v.State {
		s.verdict.Since = notAfter(v.Since, now)
	}
}

func notAfter(t, limit time.Time) time.Time {
	if t.After(limit) {
		return limit
	}
	return t
}
