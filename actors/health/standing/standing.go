// Package standing decides how one backend stands: from what became of clients'
// attempts, from active checks, and from what the administrator wants. It is
// pure: time is told to it, and it reaches nothing.
//
// Its rules:
//   - Passive checks count failures in a row. From the first one on the backend
//     is in doubt, until an attempt succeeds: so many may be on their way at one
//     time as failures are missing to the limit, and no more. At the limit it is
//     down. When its time is over it is probing: one attempt at a time finds out.
//   - A session that breaks off brings doubt, and is no failure: a client can be
//     the cause of it.
//   - Strikes are forgotten when they are older than that time; the doubt is not.
//   - What fails while the backend is down began earlier, or knew what it did:
//     it does not lengthen the time. What succeeds ends it.
//   - Active checks take it down after Fall bad ones in a row and give it back
//     after Rise good ones. They also end a passive time before it is over, but
//     in doubt, so that the next failure counts for all; and once only, until an
//     attempt succeeds: what passes a shallow check may still fail clients.
//   - Down is down, whoever says so.
//   - The administrator's mode stands above all. It is decided apart, so that
//     it neither changes nor is changed by the rest. Who comes back from
//     maintenance is believed to be well, in doubt.
package standing

import (
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// Rules are how backends of a pool are watched. They may change between two
// steps.
type Rules struct {
	Passive messages.PassiveChecks
	Active  messages.ActiveChecks
}

// Verdict is how a backend is believed to be, without the administrator.
type Verdict struct {
	State    messages.HealthState // Up, Probing or Down
	Since    time.Time            // zero: from the beginning
	Until    time.Time            // of a Down that passes by itself; zero: of active checks
	Failures int                  // in a row
	Reason   string
}

// Mode is what the administrator wants.
type Mode struct {
	Mode  messages.BackendMode
	Since time.Time
	Why   string
}

// Standing is one backend's state. The zero value is a backend that is up and
// of which nothing else is known. It is a plain value: Step gives a new one.
type Standing struct {
	passive   passive
	active    active
	verdict   Verdict
	mode      Mode
	recovered time.Time
}

// phase is what passive checks believe.
type phase uint8

const (
	fine  phase = iota
	doubt       // up, with few attempts at a time
	down        // until its time is over
	half        // one attempt at a time
)

type passive struct {
	phase    phase
	strikes  int
	last     time.Time // of the strikes
	until    time.Time // of down
	reopened bool      // active checks ended a time early, and no attempt succeeded since
}

type active struct {
	down      bool
	good, bad int // in a row
}

// Verdict is how the backend is believed to be.
func (s Standing) Verdict() Verdict { return s.verdict }

// Mode is what the administrator wants of the backend.
func (s Standing) Mode() Mode { return s.mode }

// State is what both lead to.
func (s Standing) State() messages.HealthState {
	switch s.mode.Mode {
	case messages.Drain:
		return messages.Draining
	case messages.Maintain:
		return messages.Maintenance
	}
	return s.verdict.State
}

// Since is when it got its state, and Reason why.
func (s Standing) Since() time.Time {
	if s.mode.Mode == messages.Serve && s.mode.Since.After(s.verdict.Since) || s.mode.Mode != messages.Serve {
		return s.mode.Since
	}
	return s.verdict.Since
}

// Reason says why the backend has its state.
func (s Standing) Reason() string {
	if s.Since().Equal(s.mode.Since) && !s.mode.Since.IsZero() {
		return s.mode.Why
	}
	return s.verdict.Reason
}

// Failures counts what failed last in a row, attempts or checks.
func (s Standing) Failures() int { return max(s.passive.strikes, s.active.bad) }

// Recovered is when it came back; zero: it was never away.
func (s Standing) Recovered() time.Time { return s.recovered }

// Attempts is how many attempts may be on their way at one time; negative: any
// number. A state in which it must not be picked has no number of its own:
// where all are down, policy may try all the same.
func (s Standing) Attempts(r Rules) int {
	switch {
	case s.State() == messages.Probing:
		return 1
	case s.State() == messages.Up && s.passive.phase == doubt:
		return max(1, r.Passive.Failures-s.passive.strikes)
	}
	return -1
}

// Due is when Elapsed will change something; zero: time alone changes nothing.
func (s Standing) Due() time.Time {
	if s.passive.phase == down {
		return s.passive.until
	}
	return time.Time{}
}

// Plain reports a backend of which there is nothing to remember: it is up,
// without doubt, and nobody wants anything of it.
func (s Standing) Plain() bool {
	return s.State() == messages.Up && s.passive.phase == fine && s.active.bad == 0 && s.mode.Mode == messages.Serve
}
