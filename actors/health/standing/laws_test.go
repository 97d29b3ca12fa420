package standing_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/actors/health/standing"
	"github.com/sluice-gateway/sluice/messages"
)

func anyRules(t *rapid.T) standing.Rules {
	return standing.Rules{
		Passive: messages.PassiveChecks{
			On: rapid.Bool().Draw(t, "passive"), Failures: rapid.IntRange(1, 5).Draw(t, "failures"),
			Expires: time.Duration(rapid.IntRange(1, 60).Draw(t, "expires")) * time.Second,
		},
		Active: messages.ActiveChecks{
			On: rapid.Bool().Draw(t, "active"), Rise: rapid.IntRange(1, 4).Draw(t, "rise"), Fall: rapid.IntRange(1, 4).Draw(t, "fall"),
		},
	}
}

func anyEvent(t *rapid.T, now time.Time) standing.Event {
	verdict := func() standing.Verdict {
		v := standing.Verdict{State: messages.HealthState(rapid.IntRange(0, 4).Draw(t, "state")), Reason: "said"}
		v.Since = now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "since")) * time.Second)
		if rapid.Bool().Draw(t, "timed") {
			v.Until = v.Since.Add(time.Minute)
		}
		return v
	}
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0, 1:
		return standing.Failed{Times: rapid.IntRange(0, 3).Draw(t, "times"), Why: "x"}
	case 2:
		return standing.Connected{}
	case 3:
		return standing.Passed{}
	case 4, 5:
		return standing.Refused{Why: "y"}
	case 6:
		return standing.Ordered{Mode: standing.Mode{Mode: messages.BackendMode(rapid.IntRange(0, 2).Draw(t, "mode")), Since: now}}
	case 7:
		return standing.Heard{Verdict: verdict()}
	case 8:
		return standing.Remembered{Verdict: verdict()}
	}
	return standing.Elapsed{}
}

// Whatever happens, these hold.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRules(t)
		var s standing.Standing
		now := start
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds"))*time.Second + 1)
			before := s
			s = s.Step(anyEvent(t, now), r, now)
			checkLaws(t, before, s, r, now)
		}
		if r.Passive.On && !r.Active.On { // time and a success always bring it back
			s = s.Step(standing.Ordered{Mode: standing.Mode{Since: now.Add(time.Hour)}}, r, now)
			now = now.Add(r.Passive.Expires)
			s = s.Step(standing.Elapsed{}, r, now)
			if s = s.Step(standing.Connected{}, r, now); s.State() != messages.Up || s.Attempts(r) != -1 {
				t.Fatalf("after its time and a success it is %v", s.State())
			}
		}
	})
}

func checkLaws(t *rapid.T, before, s standing.Standing, r standing.Rules, now time.Time) {
	state, attempts := s.State(), s.Attempts(r)
	switch {
	case attempts == 0 || attempts > r.Passive.Failures:
		t.Fatalf("%v with %d attempts", state, attempts)
	case state == messages.Probing && attempts != 1:
		t.Fatalf("probing with %d attempts at a time", attempts)
	case !r.Passive.On && (attempts != -1 || state == messages.Probing):
		t.Fatalf("%v with %d attempts without passive checks", state, attempts)
	case !r.Passive.On && !r.Active.On && s.Verdict().State != messages.Up:
		t.Fatalf("%v without any checks", state)
	case !s.Due().IsZero() && (!s.Due().After(now) || s.Due().Sub(now) > r.Passive.Expires):
		t.Fatalf("due %v from now on, expiry is %v", s.Due().Sub(now), r.Passive.Expires)
	case s.Verdict().State == messages.Down && s.Due().IsZero() && !r.Active.On:
		t.Fatal("it is down for ever")
	case s.Verdict().Since.After(now):
		t.Fatal("its state begins in the future")
	}
	if state != before.State() && (s.Reason() == "" && s.Mode().Since.Equal(before.Mode().Since)) && s.Verdict().Since.Equal(now) {
		t.Fatalf("%v became %v without a reason", before.State(), state)
	}
	if again := s.Step(standing.Elapsed{}, r, now); again != s {
		t.Fatalf("at the same moment %+v became %+v", s, again)
	}
}

// Fall bad checks in a row take any backend down, Rise good ones give it back,
// whatever was before; unless clients still wait for their time.
func TestChecksDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRules(t)
		r.Active.On = true
		var s standing.Standing
		now := start
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			now = now.Add(time.Second)
			if e := anyEvent(t, now); e != nil {
				s = s.Step(e, r, now)
			}
		}
		s = s.Step(standing.Ordered{Mode: standing.Mode{Since: now.Add(time.Hour)}}, r, now)
		for range r.Active.Fall {
			s = s.Step(standing.Refused{Why: "z"}, r, now)
		}
		if s.State() != messages.Down {
			t.Fatalf("after %d bad checks it is %v", r.Active.Fall, s.State())
		}
		now = now.Add(r.Passive.Expires)
		for range r.Active.Rise {
			s = s.Step(standing.Passed{}, r, now)
		}
		if s.State() != messages.Up {
			t.Fatalf("after %d good checks it is %v: %s", r.Active.Rise, s.State(), s.Reason())
		}
	})
}

// crowd is many clients before one dead backend, let in as policy would: no more
// at a time than Attempts allows.
func TestCrowdBeforeADeadBackend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := standing.Rules{Passive: messages.PassiveChecks{
			On: true, Failures: rapid.IntRange(1, 4).Draw(t, "failures"), Expires: 30 * time.Second}}
		var s standing.Standing
		now := start
		flying, tried := 0, []time.Time{}
		s = s.Step(standing.Failed{Why: "first"}, r, now) // from here on it is in doubt
		for range rapid.IntRange(50, 400).Draw(t, "moments") {
			now = now.Add(time.Duration(rapid.IntRange(1, 900).Draw(t, "ms")) * time.Millisecond)
			s = s.Step(standing.Elapsed{}, r, now)
			for range 64 { // all of them try to get in
				if n := s.Attempts(r); s.State() != messages.Down && (n < 0 || flying < n) {
					flying++
					tried = append(tried, now)
				}
			}
			if flying > 0 && rapid.Bool().Draw(t, "one fails") {
				flying--
				s = s.Step(standing.Failed{Why: "dead"}, r, now)
			}
		}
		most := max(r.Passive.Failures, 2)
		for i := most; i < len(tried); i++ {
			if span := tried[i].Sub(tried[i-most]); span < r.Passive.Expires {
				t.Fatalf("%d attempts within %v", most+1, span)
			}
		}
	})
}
