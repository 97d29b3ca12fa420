package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/actors/health/standing"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// plan gives a backend its first check, somewhere within an interval, so that
// those of a list do not come at once; or takes the next one away.
func (a *Actor) plan(b *backend) {
	active := b.rules().Active
	switch {
	case !active.On || b.at.Mode().Mode == messages.Maintain:
		b.due = time.Time{}
		return
	case b.due.IsZero():
		b.due = a.cfg.Now().Add(time.Duration(a.cfg.Rand.Int64N(int64(active.Interval) + 1)))
	case b.due.After(a.cfg.Now().Add(active.Interval)): // it was longer
		b.due = a.cfg.Now().Add(active.Interval)
	}
	a.wakeAt(b.due)
}

// next is when the check after one that begins now is due: up to a tenth early,
// so that Fall and Rise intervals are kept as promises.
func (a *Actor) next(interval time.Duration, now time.Time) time.Time {
	return now.Add(interval - time.Duration(a.cfg.Rand.Int64N(int64(interval/10)+1)))
}

// alarmed does whatever is due.
func (a *Actor) alarmed(ctx context.Context) {
	now := a.cfg.Now()
	var due []*backend
	for _, b := range a.backends {
		if d := b.at.Due(); !d.IsZero() && !now.Before(d) {
			a.step(b, standing.Elapsed{})
		}
		if !b.due.IsZero() && !now.Before(b.due) && !b.checking {
			due = append(due, b)
		}
	}
	a.startChecks(ctx, due, now)
	if !now.Before(a.refresh) {
		a.refresh = now.Add(a.cfg.Refresh)
		a.remind()
		a.sweep(now)
	}
	a.rearm()
}

// rearm looks for what comes next.
func (a *Actor) rearm() {
	a.wakeAt(a.refresh)
	if len(a.untold) > 0 {
		a.wakeAt(a.patient)
	}
	for _, b := range a.backends {
		a.wakeAt(b.at.Due())
		if !b.checking && a.running < a.cfg.Checks {
			a.wakeAt(b.due)
		}
	}
}

// startChecks begins those that have waited longest, as far as there is room.
func (a *Actor) startChecks(ctx context.Context, due []*backend, now time.Time) {
	slices.SortFunc(due, func(x, y *backend) int { return x.due.Compare(y.due) })
	for _, b := range due {
		active := b.rules().Active
		if a.running >= a.cfg.Checks {
			a.fallBehind(now.Sub(b.due), active.Interval)
			return
		}
		b.due, b.checking = a.next(active.Interval, now), true
		a.running++
		a.kids.Go(ctx, a.checkOf(b, active)) // ends within active.Timeout
	}
	if a.late && a.running < a.cfg.Checks/2 {
		a.late = false
		a.log.Info().Msg("the checks of backends are on time again")
	}
}

// fallBehind says once that checks come late.
func (a *Actor) fallBehind(by, interval time.Duration) {
	if !a.late && by > interval/2 {
		a.late = true
		a.log.Warn().Int("running", a.running).Stringer("late", by).
			Msg("the checks of backends come late: too many wait for an answer; a longer interval or a shorter timeout helps")
	}
}

// checkEnded books what a check found.
func (a *Actor) checkEnded(exit supervise.Exit) {
	a.running--
	c, ok := exit.Actor.(*check)
	if !ok {
		return
	}
	b := c.of
	b.checking = false
	err := c.err
	var crash *supervise.Crash
	if exit.Err != nil {
		err = fmt.Errorf("the check itself broke off: %w", exit.Err)
		if errors.As(exit.Err, &crash) {
			a.log.Error().Err(exit.Err).Bytes("stack", crash.Stack).Msg("a check crashed")
		}
	}
	if b.pool == nil { // forgotten meanwhile
		return
	}
	a.wakeAt(b.due)
	if a.running+1 >= a.cfg.Checks { // others may have waited for room
		a.wakeAt(a.cfg.Now())
	}
	b.checked, b.took = a.cfg.Now(), c.took
	if err != nil {
		a.step(b, standing.Refused{Why: clip(fmt.Sprintf("%v check: %v", c.kind, err))})
		return
	}
	a.step(b, standing.Passed{})
}

// sweep forgets who is well and has been for long, and who is on no list and
// was not met for a day, however it is.
func (a *Actor) sweep(now time.Time) {
	for _, b := range a.backends {
		idle := now.Sub(b.used)
		well := b.at.State() == messages.Up && idle >= a.cfg.Forget && now.Sub(b.at.Since()) >= a.cfg.Forget
		switch {
		case b.listed && well:
			a.erase(b)
		case !b.listed && (well || idle >= 24*a.cfg.Forget && b.at.Mode().Mode == messages.Serve):
			a.forget(b)
		}
	}
}
