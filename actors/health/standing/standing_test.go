package standing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/health/standing"
	"github.com/sluice-gateway/sluice/messages"
)

var (
	start   = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	passive = messages.PassiveChecks{On: true, Failures: 2, Expires: 30 * time.Second}
	active  = messages.ActiveChecks{On: true, Interval: 5 * time.Second, Rise: 2, Fall: 3}

	onlyPassive = standing.Rules{Passive: passive}
	onlyActive  = standing.Rules{Active: active}
	both        = standing.Rules{Passive: passive, Active: active}
)

// play lets the words of a script happen, separated by blanks:
//
//	ok bad good refused    what clients and checks meet
//	left                   a session broke off
//	bad*3                  several failures at once
//	+30s                   time passes
//	drain maintain serve   the administrator
//
// After each word comes "=" and what is to be seen then: state, or
// state/attempts.
func play(t *testing.T, r standing.Rules, script string) standing.Standing {
	t.Helper()
	var s standing.Standing
	now := start
	for word := range strings.FieldsSeq(script) {
		what, want, _ := strings.Cut(word, "=")
		if d, err := time.ParseDuration(strings.TrimPrefix(what, "+")); err == nil {
			now = now.Add(d)
		}
		s = s.Step(event(t, what, now), r, now)
		now = now.Add(time.Millisecond)
		got := s.State().String()
		if strings.Contains(want, "/") {
			got += fmt.Sprintf("/%d", s.Attempts(r))
		}
		if want != "" && got != want {
			t.Fatalf("after %q of %q it is %s, want %s (%s)", what, script, got, want, s.Reason())
		}
	}
	return s
}

func event(t *testing.T, what string, now time.Time) standing.Event {
	t.Helper()
	name, times, _ := strings.Cut(what, "*")
	mode := func(m messages.BackendMode) standing.Event {
		return standing.Ordered{Mode: standing.Mode{Mode: m, Since: now, Why: "because"}}
	}
	switch {
	case what[0] == '+':
		return standing.Elapsed{}
	case name == "ok":
		return standing.Connected{}
	case name == "bad":
		return standing.Failed{Times: len(times), Why: "refused"} // bad*xx: twice
	case name == "left":
		return standing.Suspected{}
	case name == "good":
		return standing.Passed{}
	case name == "refused":
		return standing.Refused{Why: "no banner"}
	case name == "drain":
		return mode(messages.Drain)
	case name == "maintain":
		return mode(messages.Maintain)
	case name == "serve":
		return mode(messages.Serve)
	}
	t.Fatalf("%q is no word of a script", what)
	return nil
}

func TestPassiveChecks(t *testing.T) {
	for name, script := range map[string]string{
		"up_until_the_limit":                         "ok=up/-1 bad=up/1 bad=down/-1",
		"a_success_ends_doubt_and_row":               "bad=up/1 ok=up/-1 bad=up/1 bad=down",
		"several_at_once":                            "bad*xx=down",
		"down_for_its_time":                          "bad bad=down +29s=down +1s=probing/1",
		"probing_succeeds":                           "bad bad +30s=probing/1 ok=up/-1",
		"probing_fails_at_the_first":                 "bad bad +30s=probing/1 bad=down +29s=down +1s=probing/1",
		"what_fails_late_does_not_lengthen_the_time": "bad bad +20s bad=down bad*xxx=down +10s=probing",
		"what_succeeds_late_ends_it":                 "bad bad +20s ok=up/-1",
		"sessions_that_break_off_bring_doubt_alone":  "left=up/2 left=up/2 left left left=up/2 bad=up/1 ok=up/-1 left bad bad=down left=down +31s=probing/1",
		"strikes_grow_old_doubt_does_not":            "bad=up/1 +31s=up/1 bad=up/1 bad=down",
		"strikes_within_the_time_count":              "bad +29s bad=down",
	} {
		t.Run(name, func(t *testing.T) { play(t, onlyPassive, script) })
	}
}

func TestActiveChecks(t *testing.T) {
	for name, script := range map[string]string{
		"down_after_fall":                 "refused=up/-1 refused=up refused=down/-1",
		"only_in_a_row":                   "refused refused good=up refused refused=up refused=down",
		"up_after_rise":                   "refused refused refused=down good=down good=up/-1",
		"only_good_ones_in_a_row_give_up": "refused refused refused good refused=down good=down good=up",
		"clients_do_not_matter":           "bad*xxxxx=up/-1 refused refused refused=down ok=down",
		"time_does_not_matter":            "refused refused refused=down +24h=down",
	} {
		t.Run(name, func(t *testing.T) { play(t, onlyActive, script) })
	}
}

func TestBothChecks(t *testing.T) {
	for name, script := range map[string]string{
		"clients_take_it_down_first":               "good good bad bad=down",
		"checks_give_it_back_early_in_doubt":       "bad bad=down good=down good=up/1 ok=up/-1",
		"the_next_failure_counts_for_all":          "bad bad good good=up/1 bad=down",
		"once_only_until_a_success":                "bad bad good good bad=down good good good=down +30s=probing/1",
		"checks_that_pass_end_probing":             "bad bad good good bad +30s=probing good=down",
		"after_a_success_they_may_again":           "bad bad good good ok=up/-1 bad bad=down good good=up/1",
		"down_is_down_whoever_says_so":             "bad bad refused refused refused=down +30s=down good=down good=up/1",
		"checks_take_down_what_clients_like":       "ok refused refused refused=down ok=down good good=up/-1",
		"what_fails_while_checks_say_down_is_late": "refused refused refused=down bad bad=down good good=up/-1",
		"strikes_of_who_came_early_stay":           "bad bad good good=up/1 +60s bad=down",
	} {
		if name == "checks_that_pass_end_probing" {
			script = "bad bad good good bad=down +30s=probing/1 good=probing good=up/1 bad=down"
		}
		t.Run(name, func(t *testing.T) { play(t, both, script) })
	}
}

func TestModes(t *testing.T) {
	for name, script := range map[string]string{
		"drain":                                "drain=draining/-1 serve=up/-1",
		"health_goes_on_below_drain":           "drain bad bad=draining serve=down +30s=probing",
		"maintenance":                          "maintain=maintenance/-1 serve=up/2",
		"what_is_tried_in_maintenance_is_void": "maintain bad bad refused refused refused=maintenance serve=up/2",
		"back_from_maintenance_in_doubt":       "bad bad=down maintain serve=up/2 bad=up/1 bad=down",
		"from_drain_to_maintenance":            "drain maintain=maintenance drain=draining serve=up",
		"modes_outlive_time":                   "drain +9000h=draining",
	} {
		t.Run(name, func(t *testing.T) { play(t, both, script) })
	}
	t.Run("the_later_word_counts", func(t *testing.T) {
		s := play(t, both, "drain")
		s = s.Step(standing.Ordered{Mode: standing.Mode{Mode: messages.Serve, Since: start.Add(-time.Hour)}}, both, start)
		if s.State() != messages.Draining {
			t.Errorf("an older word made it %v", s.State())
		}
	})
	t.Run("who_comes_back_starts_slowly", func(t *testing.T) {
		for _, script := range []string{"drain +1h serve", "maintain +1h serve", "bad bad +30s ok", "refused refused refused good good"} {
			if s := play(t, both, script); s.Recovered().IsZero() {
				t.Errorf("after %q it has not recovered", script)
			}
		}
		if s := play(t, both, "ok bad ok refused good"); !s.Recovered().IsZero() {
			t.Error("one that was always up has recovered")
		}
	})
}

func TestReasonsAndTimes(t *testing.T) {
	s := play(t, onlyPassive, "ok +10s bad +1s bad")
	v := s.Verdict()
	if want := "2 failures in a row, the last: refused"; s.Reason() != want || v.Reason != want {
		t.Errorf("reason %q, want %q", s.Reason(), want)
	}
	if v.Until.Sub(v.Since) != 30*time.Second || s.Due() != v.Until || s.Failures() != 2 {
		t.Errorf("%+v, due %v", v, s.Due())
	}
	s = play(t, onlyPassive, "bad bad drain")
	if s.Reason() != "because" || !s.Since().After(s.Verdict().Since) {
		t.Errorf("drained for %q since %v", s.Reason(), s.Since())
	}
	s = play(t, onlyActive, "refused refused refused")
	if want := "3 checks in a row failed, the last: no banner"; s.Reason() != want || !s.Due().IsZero() {
		t.Errorf("reason %q, due %v", s.Reason(), s.Due())
	}
}

func TestRulesChange(t *testing.T) {
	s := play(t, onlyPassive, "bad bad")
	if s = s.Step(standing.Elapsed{}, onlyActive, start); s.State() != messages.Up {
		t.Errorf("without passive checks it is %v", s.State())
	}
	s = play(t, onlyActive, "refused refused refused")
	if s = s.Step(standing.Elapsed{}, onlyPassive, start); s.State() != messages.Up {
		t.Errorf("without active checks it is %v", s.State())
	}
}

func TestMemory(t *testing.T) {
	later := start.Add(time.Hour)
	down := standing.Verdict{State: messages.Down, Since: start, Until: later.Add(10 * time.Second), Failures: 2, Reason: "it was dead"}
	over := down
	over.Until = later
	checks := down
	checks.Until = time.Time{}
	farAhead := down
	farAhead.Until = later.Add(time.Hour)
	up := standing.Verdict{State: messages.Up, Since: start}
	cases := map[string]struct {
		rules standing.Rules
		event standing.Event
		want  messages.HealthState
		due   time.Duration // from later on
	}{
		"own_time_goes_on":                {both, standing.Remembered{Verdict: down}, messages.Down, 10 * time.Second},
		"own_time_is_over":                {both, standing.Remembered{Verdict: over}, messages.Probing, 0},
		"a_time_is_no_longer_than_here":   {both, standing.Remembered{Verdict: farAhead}, messages.Down, 30 * time.Second},
		"own_checks_go_on":                {both, standing.Remembered{Verdict: checks}, messages.Down, 0},
		"own_checks_that_are_off_now":     {onlyPassive, standing.Remembered{Verdict: checks}, messages.Probing, 0},
		"nothing_counts_without_checks":   {standing.Rules{}, standing.Remembered{Verdict: down}, messages.Up, 0},
		"own_up":                          {both, standing.Remembered{Verdict: up}, messages.Up, 0},
		"anothers_time_counts":            {both, standing.Heard{Verdict: down}, messages.Down, 10 * time.Second},
		"anothers_checks_are_its_own":     {both, standing.Heard{Verdict: checks}, messages.Up, 0},
		"nobodys_without_passive_checks":  {onlyActive, standing.Heard{Verdict: down}, messages.Up, 0},
		"a_state_of_a_mode_is_no_verdict": {both, standing.Heard{Verdict: standing.Verdict{State: messages.Draining, Since: start}}, messages.Up, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := standing.Standing{}.Step(c.event, c.rules, later)
			if s.State() != c.want {
				t.Fatalf("it is %v: %s", s.State(), s.Reason())
			}
			if due := s.Due(); c.due != 0 && due.Sub(later) != c.due || c.due == 0 && !due.IsZero() {
				t.Errorf("due %v", due.Sub(later))
			}
		})
	}
	t.Run("an_older_finding_does_not_count", func(t *testing.T) {
		s := play(t, both, "bad bad +30s ok")
		for _, e := range []standing.Event{standing.Heard{Verdict: down}, standing.Remembered{Verdict: down}} {
			if got := s.Step(e, both, later); got.State() != messages.Up {
				t.Errorf("%T made it %v", e, got.State())
			}
		}
	})
	t.Run("what_another_one_reaches_is_up_in_doubt", func(t *testing.T) {
		s := play(t, both, "bad bad")
		s = s.Step(standing.Heard{Verdict: standing.Verdict{State: messages.Up, Since: start.Add(time.Second)}}, both, start.Add(2*time.Second))
		if s.State() != messages.Up || s.Attempts(both) != 1 || !s.Verdict().Since.Equal(start.Add(time.Second)) {
			t.Errorf("%v with %d attempts since %v", s.State(), s.Attempts(both), s.Since())
		}
	})
	t.Run("two_gateways_agree_on_the_last_finding", func(t *testing.T) {
		a := play(t, both, "bad bad")
		b := standing.Standing{}.Step(standing.Heard{Verdict: a.Verdict()}, both, start.Add(time.Second))
		if !b.Verdict().Since.Equal(a.Verdict().Since) || !b.Due().Equal(a.Due()) {
			t.Errorf("%+v became %+v", a.Verdict(), b.Verdict())
		}
	})
}
