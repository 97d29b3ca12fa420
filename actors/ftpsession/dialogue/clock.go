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

// Deadline is when the machine wants to hear messages.TimeReached; zero: never.
func (m *Machine) Deadline() time.Time {
	var first time.Time
	if m.phase == ended {
		return first
	}
	m.limits(func(at time.Time, _ func()) bool {
		if first.IsZero() || at.Before(first) {
			first = at
		}
		return true
	})
	return first
}

// checkTime acts on the limits that are reached.
func (m *Machine) checkTime() {
	if m.phase == ended {
		return
	}
	m.limits(func(at time.Time, reached func()) bool {
		if at.After(m.now) {
			return true
		}
		reached()
		return false // it may have changed everything: one at a time
	})
}

// limits calls each with every limit that is running, until it returns false.
func (m *Machine) limits(each func(at time.Time, reached func()) bool) {
	c, cfg := &m.clock, &m.cfg
	t := m.xfer
	if !m.limit(c.stepEnds, m.stepTimedOut, each) ||
		!m.limit(c.settleAt, m.believeEnd, each) ||
		!m.limit(c.lingerEnds, m.lingerTimedOut, each) ||
		!m.limit(c.doubtEnds, m.believeDoubt, each) ||
		t != nil && t.goodbye != "" && t.broken { // nothing is left to be ended
		return
	}
	_ = (m.phase == loggedIn || m.timeout(c.opened, cfg.TimeoutLogin, "login", ftp.LoginTimeout, each)) &&
		m.timeout(c.entered, cfg.TimeoutSession, "session", ftp.SessionTimeout, each) &&
		(t.moving() || m.timeout(c.activity, cfg.TimeoutIdle, "idle", ftp.IdleTimeout, each)) &&
		(t != nil || m.phase != loggedIn ||
			m.timeout(c.transfer, cfg.TimeoutNoTransfer, "no transfer", ftp.NoTransferTimeout, each))
}

func (m *Machine) limit(at time.Time, reached func(), each func(time.Time, func()) bool) bool {
	return at.IsZero() || each(at, reached)
}

// timeout is a limit that ends the session with a 421 naming its seconds.
func (m *Machine) timeout(from time.Time, limit time.Duration, name string, text func(int) ftp.Reply, each func(time.Time, func()) bool) bool {
	if from.IsZero() || limit <= 0 {
		return true
	}
	return each(from.Add(limit), func() {
		m.note(Info, name+" timeout reached", nil)
		reply := text(int(limit / time.Second))
		switch {
		case m.xfer != nil:
			m.leave(name+" timeout", reply)
		case !m.back.relayed:
			m.end(name + " timeout") // the client has not heard a word from us
		default:
			m.farewell(reply, name+" timeout")
		}
	})
}

// stepTimedOut ends an attempt to connect that takes too long.
func (m *Machine) stepTimedOut() {
	m.clock.stepDone()
	if m.back.relayed { // it hangs at HOST
		m.note(Warn, "backend fell silent after its banner", errSilent)
		m.farewell(lostReply(), "backend fell silent after its banner")
		return
	}
	m.attemptFailed(errSilent)
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }
