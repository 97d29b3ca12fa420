package standing

import (
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// Event is what a step is about.
//
//sumtype:decl
type Event interface{ event() }

// Connected says that a client's attempt met a good banner.
type Connected struct{}

// Failed says that attempts of clients failed.
type Failed struct {
	Times int // in a row; 0 means 1
	Why   string
}

// Suspected says that something happened which a backend may be the cause of.
type Suspected struct{}

// Passed says that an active check passed.
type Passed struct{}

// Refused says that an active check did not pass.
type Refused struct{ Why string }

// Elapsed says that time passed, or that the rules are others.
type Elapsed struct{}

// Ordered is the administrator's word. Of two the later one counts.
type Ordered struct{ Mode Mode }

// Remembered is what this gateway had found before it was started again.
type Remembered struct{ Verdict Verdict }

// Heard is what another gateway found. It counts if it is the later finding.
// Active checks are everybody's own, and so is the moment of probing.
type Heard struct{ Verdict Verdict }

func (Connected) event()  {}
func (Failed) event()     {}
func (Suspected) event()  {}
func (Passed) event()     {}
func (Refused) event()    {}
func (Elapsed) event()    {}
func (Ordered) event()    {}
func (Remembered) event() {}
func (Heard) event()      {}

// Step is what becomes of a standing by an event.
func (s Standing) Step(e Event, r Rules, now time.Time) Standing {
	if !r.Passive.On {
		s.passive = passive{}
	}
	if !r.Active.On {
		s.active = active{}
	}
	s.elapse(r, now)
	if s.mode.Mode != messages.Maintain || heeded(e) {
		s.happen(e, r, now)
	}
	s.verdict.Failures = s.Failures()
	return s
}

func (s *Standing) happen(e Event, r Rules, now time.Time) {
	switch e := e.(type) {
	case Connected:
		s.connected(now)
	case Failed:
		s.failed(e, r, now)
	case Suspected:
		s.suspect(r)
	case Passed:
		s.passed(r, now)
	case Refused:
		s.refused(e, r, now)
	case Ordered:
		s.ordered(e.Mode, r, now)
	case Remembered:
		s.remember(e.Verdict, r, now)
	case Heard:
		s.hear(e.Verdict, r, now)
	case Elapsed:
		// time has passed already
	}
}

// heeded reports what counts even in maintenance: what is tried then says
// nothing about the time after.
func heeded(e Event) bool {
	switch e.(type) {
	case Connected, Failed, Suspected, Passed, Refused:
		return false
	}
	return true
}

// elapse ends a time that is over.
func (s *Standing) elapse(r Rules, now time.Time) {
	why := "the rules are others now"
	if s.passive.phase == down && !now.Before(s.passive.until) {
		s.passive.phase = half
		why = fmt.Sprintf("%v are over; single attempts find out", r.Passive.Expires)
	}
	s.settle(why, now)
}

func (s *Standing) connected(now time.Time) {
	s.passive = passive{}
	s.settle("an attempt succeeded", now)
}

func (s *Standing) failed(e Failed, r Rules, now time.Time) {
	p := &s.passive
	if !r.Passive.On || s.verdict.State == messages.Down {
		return
	}
	if now.Sub(p.last) >= r.Passive.Expires && p.phase != half {
		p.strikes = s.floor(r)
	}
	p.strikes = min(p.strikes+max(1, e.Times), 1<<20)
	p.last = now
	switch {
	case p.phase == half:
		s.takeDown(r, "the attempt after its time failed: "+e.Why, now)
	case p.strikes >= max(1, r.Passive.Failures):
		s.takeDown(r, fmt.Sprintf("%d failures in a row, the last: %s", p.strikes, e.Why), now)
	default:
		p.phase = doubt
	}
}

// suspect has attempts go one after the other, so that they find out before
// many are in it.
func (s *Standing) suspect(r Rules) {
	if r.Passive.On && s.passive.phase == fine {
		s.passive.phase = doubt
	}
}

// floor is how many strikes do not grow old: those of a backend that came back
// before its time.
func (s *Standing) floor(r Rules) int {
	if s.passive.reopened {
		return max(0, r.Passive.Failures-1)
	}
	return 0
}

func (s *Standing) takeDown(r Rules, why string, now time.Time) {
	s.passive.phase, s.passive.until = down, now.Add(r.Passive.Expires)
	s.active.good = 0 // what was good before does not count for its return
	s.settle(why, now)
}

func (s *Standing) passed(r Rules, now time.Time) {
	if !r.Active.On {
		return
	}
	a, p := &s.active, &s.passive
	a.bad, a.good = 0, min(a.good+1, max(1, r.Active.Rise))
	if a.good < max(1, r.Active.Rise) {
		return
	}
	a.down = false
	if p.phase == half || p.phase == down && !p.reopened {
		p.phase, p.reopened = doubt, true
		p.strikes, p.last = s.floor(r), now
	}
	s.settle(fmt.Sprintf("%d checks in a row passed", a.good), now)
}

func (s *Standing) refused(e Refused, r Rules, now time.Time) {
	if !r.Active.On {
		return
	}
	a := &s.active
	a.good, a.bad = 0, min(a.bad+1, 1<<20)
	if a.bad >= max(1, r.Active.Fall) {
		a.down = true
	}
	s.settle(fmt.Sprintf("%d checks in a row failed, the last: %s", a.bad, e.Why), now)
}

func (s *Standing) ordered(m Mode, r Rules, now time.Time) {
	if !m.Since.After(s.mode.Since) || m.Mode == s.mode.Mode {
		return
	}
	if s.mode.Mode == messages.Maintain {
		s.passive, s.active = passive{}, active{}
		if r.Passive.On {
			s.passive.phase = doubt
		}
		s.settle("after maintenance", now)
	}
	s.mode = m
	if s.State() == messages.Up {
		s.recovered = now
	}
}

// settle draws the conclusion. why is the reason of what is new.
func (s *Standing) settle(why string, now time.Time) {
	v := Verdict{State: messages.Up}
	switch {
	case s.passive.phase == down:
		v.State, v.Until = messages.Down, s.passive.until
	case s.active.down:
		v.State = messages.Down
	case s.passive.phase == half:
		v.State = messages.Probing
	}
	old := s.verdict
	if v.State == old.State && v.Until.Equal(old.Until) {
		return
	}
	v.Since, v.Reason = now, why
	if v.State == messages.Down && old.State == messages.Down && !s.newer(v) {
		v.Since, v.Reason = old.Since, old.Reason // another one says so, too, or no longer
	}
	if v.State == messages.Up {
		s.recovered = now
	}
	s.verdict = v
}

// newer reports a passive time that began anew.
func (s *Standing) newer(v Verdict) bool { return v.Until.After(s.verdict.Until) }
