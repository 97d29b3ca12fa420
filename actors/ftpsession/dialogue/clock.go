package dialogue

import (
	"errors"
	"io"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// clock holds the moments that the session's limits count from. A zero moment
// means that the limit is not running.
type clock struct {
	opened   time.Time // TimeoutLogin
	activity time.Time // TimeoutIdle
	entered  time.Time // TimeoutSession
	transfer time.Time // TimeoutNoTransfer: login or last transfer

	stepEnds   time.Time // a step of the connect
	lingerEnds time.Time // the wait for a transfer's last words
	settleAt   time.Time // an upload's end is believed from here on
	doubtEnds  time.Time // a doubtful reply is believed from here on
	feintEnds  time.Time // a backend would have answered by now
}

func (c *clock) open(now time.Time)     { c.opened, c.activity = now, now }
func (c *clock) active(now time.Time)   { c.activity = now }
func (c *clock) loggedIn(now time.Time) { c.entered, c.transfer = now, now }
func (c *clock) transferred(now time.Time) {
	c.activity, c.transfer = now, now
	c.lingerEnds, c.settleAt = time.Time{}, time.Time{}
}

func (c *clock) step(now time.Time, limit time.Duration) { c.stepEnds = after(now, limit) }
func (c *clock) stepDone()                               { c.stepEnds = time.Time{} }

func after(now time.Time, limit time.Duration) time.Time {
	if limit <= 0 {
		return time.Time{}
	}
	return now.Add(limit)
}

// limit names one of the limits, in the order in which they are acted on.
type limit uint8

const (
	stepLimit limit = iota
	settleLimit
	lingerLimit
	doubtLimit
	feintLimit
	loginLimit
	sessionLimit
	idleLimit
	noTransferLimit
	limits // how many there are
)

// Deadline is when the machine wants to hear messages.TimeReached; zero: never.
func (m *Machine) Deadline() time.Time {
	var first time.Time
	if m.phase == ended {
		return first
	}
	for l := m.firstLimit(); l < limits; l++ {
		if at := m.due(l); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// checkTime acts on the first limit that is reached. One is enough: it may have
// changed everything, and the deadline of the next brings us back.
func (m *Machine) checkTime() {
	if m.phase == ended {
		return
	}
	for l := m.firstLimit(); l < limits; l++ {
		if at := m.due(l); !at.IsZero() && !at.After(m.now) {
			m.reached(l)
			return
		}
	}
}

// firstLimit skips the limits of what is over or has not begun: between two
// commands of a logged-in client only the long ones run.
func (m *Machine) firstLimit() limit {
	if m.phase == loggedIn && m.xfer == nil && m.clock.doubtEnds.IsZero() {
		return sessionLimit
	}
	return stepLimit
}

// due is when a limit is reached; zero: it is not running.
func (m *Machine) due(l limit) time.Time {
	c, t := &m.clock, m.xfer
	switch l {
	case stepLimit:
		return c.stepEnds
	case settleLimit:
		return c.settleAt
	case lingerLimit:
		return c.lingerEnds
	case doubtLimit:
		return c.doubtEnds
	case feintLimit:
		return c.feintEnds
	}
	if t != nil && t.goodbye != "" && t.broken { // nothing is left to be ended
		return time.Time{}
	}
	switch {
	case l == loginLimit && m.phase != loggedIn:
		return from(c.opened, m.cfg.TimeoutLogin)
	case l == sessionLimit:
		return from(c.entered, m.cfg.TimeoutSession)
	case l == idleLimit && !t.moving():
		return from(c.activity, m.cfg.TimeoutIdle)
	case l == noTransferLimit && t == nil && m.phase == loggedIn:
		return from(c.transfer, m.cfg.TimeoutNoTransfer)
	}
	return time.Time{}
}

func from(start time.Time, limit time.Duration) time.Time {
	if start.IsZero() {
		return start
	}
	return after(start, limit)
}

// reached acts on a limit.
func (m *Machine) reached(l limit) {
	m.overstayed(l)
	switch l {
	case stepLimit:
		m.stepTimedOut()
	case settleLimit:
		m.believeEnd()
	case lingerLimit:
		m.lingerTimedOut()
	case doubtLimit:
		m.believeDoubt()
	case feintLimit:
		m.feigned()
	case loginLimit:
		m.timedOut("login", ftp.LoginTimeout, m.cfg.TimeoutLogin)
	case sessionLimit:
		m.timedOut("session", ftp.SessionTimeout, m.cfg.TimeoutSession)
	case idleLimit:
		m.timedOut("idle", ftp.IdleTimeout, m.cfg.TimeoutIdle)
	case noTransferLimit:
		m.timedOut("no transfer", ftp.NoTransferTimeout, m.cfg.TimeoutNoTransfer)
	}
}

// timedOut ends the session with a 421 that names the seconds of the limit.
func (m *Machine) timedOut(name string, text func(int) ftp.Reply, limit time.Duration) {
	m.note(Info, name+" timeout reached", nil)
	reply := text(int(limit / time.Second))
	switch {
	case m.xfer != nil:
		m.leave(name+" timeout", reply)
	case !m.greeted:
		m.end(name + " timeout") // the client has not heard a word from us
	default:
		m.farewell(reply, name+" timeout")
	}
}

// stepTimedOut ends an attempt to connect that takes too long.
func (m *Machine) stepTimedOut() {
	m.clock.stepDone()
	if m.back.bound { // it hangs at HOST
		m.note(Warn, "backend fell silent after its banner", errSilent)
		m.farewell(lostReply(), "backend fell silent after its banner")
		return
	}
	m.attemptFailed(errSilent)
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }
