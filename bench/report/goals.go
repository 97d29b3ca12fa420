package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/sluice-gateway/sluice/bench/measure"
)

// Goal is a promise of the project: a metric of Sluice that must reach a bound, by itself or beside a
// peer.
type Goal struct {
	Metric string
	Peer   string  // empty: the bound is in the metric's own unit
	Bound  float64 // at least; at most for a metric where less is better and there is no peer
}

// Goals are all the promises that can be measured here.
func Goals() []Goal {
	goals := []Goal{
		{"login_64", "mod_proxy", 5},
		{"pwd_16", "mod_proxy", 2},
	}
	for _, metric := range []string{"retr_1", "retr_8", "stor_1", "stor_8"} {
		goals = append(goals, Goal{metric, "haproxy", 0.9}, Goal{metric, "mod_proxy", 1.5})
	}
	goals = append(goals,
		Goal{Metric: "long_level", Bound: 0.9},
		Goal{Metric: "long_slowest", Bound: 0.5}, // wide enough for a machine's moods, too narrow for a stall
		Goal{Metric: "idle", Bound: 32},
	)
	return append(goals, tlsGoals()...)
}

// tlsGoals are the promises for FTPS. One stream is further ahead of the peer than many are, since the
// peer has one process for each session and we have two threads for each stream.
func tlsGoals() []Goal {
	var goals []Goal
	for _, side := range []struct {
		prefix string
		cost   float64 // CPU seconds for each GiB
	}{{"tls_", 2.8}, {"tls_plain_", 1.7}} {
		for _, verb := range []string{"retr", "stor"} {
			one, eight := side.prefix+verb+"_1", side.prefix+verb+"_8"
			goals = append(goals,
				Goal{one, "mod_proxy", 1.6}, Goal{Metric: one + "_cpu", Bound: side.cost},
				Goal{eight, "mod_proxy", 1.25}, Goal{Metric: eight + "_cpu", Bound: side.cost})
		}
	}
	return append(goals, Goal{"tls_login_64", "mod_proxy", 4}, Goal{Metric: "tls_idle", Bound: 64})
}

// State is how a goal stands.
type State string

// The states of a goal.
const (
	Met    State = "met"
	Missed State = "missed"
	Open   State = "not measured"
)

// Verdict is a goal and what came of it.
type Verdict struct {
	Goal  string  `json:"goal"`
	State State   `json:"state"`
	Value float64 `json:"value"` // 0 when it was not measured
}

// Judge holds the results against the goals.
func Judge(r *Results, goals []Goal) []Verdict {
	var verdicts []Verdict
	for _, g := range goals {
		verdicts = append(verdicts, g.judge(r))
	}
	return verdicts
}

func (g Goal) judge(r *Results) Verdict {
	m := metric(g.Metric)
	value := r.Median(g.Metric, "sluice")
	title := strings.TrimSpace(m.Title)
	text := fmt.Sprintf("%s: at least %g %s", title, g.Bound, m.Unit)
	most := false
	switch {
	case g.Peer != "":
		value = measure.Advantage(m, value, r.Median(g.Metric, g.Peer))
		text = fmt.Sprintf("%s: at least %g× %s", title, g.Bound, g.Peer)
	case m.Less:
		most = true
		text = fmt.Sprintf("%s: at most %g %s", title, g.Bound, m.Unit)
	}
	v := Verdict{Goal: text, State: Missed, Value: value}
	switch {
	case math.IsNaN(value):
		v.State, v.Value = Open, 0
	case most && value <= g.Bound, !most && value >= g.Bound:
		v.State = Met
	}
	return v
}

func metric(id string) measure.Metric {
	for _, m := range measure.All() {
		if m.ID == id {
			return m
		}
	}
	return measure.Metric{ID: id, Title: id}
}

// Count tells how many verdicts have a state.
func Count(verdicts []Verdict, state State) (n int) {
	for _, v := range verdicts {
		if v.State == state {
			n++
		}
	}
	return n
}
