package report

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/bench/measure"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a run with everything in it: a missing target, a failure, lost logins, a long run.
func sample() *Results {
	r := &Results{
		Began:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Machine: Machine{System: "Linux 6.1 amd64", CPUs: 2, Go: "go1.26", Isolated: true},
		Rounds:  3,
		Span:    3 * time.Second,
		Targets: []Target{{Name: "direct"}, {Name: "sluice"}, {Name: "mod_proxy"}, {Name: "haproxy", Missing: "run .ci/peers, which unpacks the package haproxy"}},
	}
	enter := func(target, metric string, values ...float64) {
		for _, v := range values {
			r.Add(target, []measure.Sample{{Metric: metric, Value: v}})
		}
	}
	enter("direct", "login_64", 12000, 11000, 13000)
	enter("sluice", "login_64", 6000, 5000, 7000)
	enter("mod_proxy", "login_64", 150, 250, 200)
	enter("sluice", "pwd_16", 30000)
	enter("mod_proxy", "pwd_16", 20000)
	enter("sluice", "retr_1_cpu", 0.5, 0.25)
	enter("mod_proxy", "retr_1_cpu", 1.5)
	enter("sluice", "idle", 12.3)
	enter("mod_proxy", "login_64_failed", 2, 3)
	enter("direct", "choose_peruser_5_badger_p50", 400)
	enter("sluice", "choose_peruser_5_badger_p50", 1000)
	enter("mod_proxy", "choose_peruser_5_badger_p50", 70000, 90000)
	enter("mod_proxy", "choose_peruser_5_badger_late", 20, 30)
	r.Omitted = []Omission{{Point: "choose-peruser-5-redis", Why: "run .ci/peers, which unpacks the package redis-server"}}
	r.Add("sluice", []measure.Sample{{Metric: "long_level", Value: 0.5, Series: []float64{2000, 1500, 1000}}})
	r.Failures = []Failure{
		{Point: "retr-8", Target: "mod_proxy", Round: 2, Error: "the data connection broke"},
		{Point: "retr-8", Target: "mod_proxy", Round: 3, Error: "the data connection broke"},
	}
	r.Verdicts = Judge(r, Goals())
	return r
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := sample().Write(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "table.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the report reads otherwise (-want +got); if that is meant, run with -update:\n%s", diff)
	}
}

func TestSaveKeepsEveryValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "run.json")
	r := sample()
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back Results
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*r, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestGoals(t *testing.T) {
	cases := map[string]struct {
		goal         Goal
		ours, theirs []float64
		want         State
	}{
		"reached beside a peer":           {Goal{"login_64", "mod_proxy", 5}, []float64{1000}, []float64{200}, Met},
		"not reached beside a peer":       {Goal{"login_64", "mod_proxy", 5}, []float64{999}, []float64{200}, Missed},
		"the median decides":              {Goal{"login_64", "mod_proxy", 5}, []float64{1, 1000, 1001}, []float64{200}, Met},
		"less cost counts as ahead":       {Goal{"retr_1_cpu", "mod_proxy", 2}, []float64{1}, []float64{2}, Met},
		"a bound in units":                {Goal{Metric: "idle", Bound: 32}, []float64{32}, nil, Met},
		"a bound in units overstepped":    {Goal{Metric: "idle", Bound: 32}, []float64{32.1}, nil, Missed},
		"a level run":                     {Goal{Metric: "long_level", Bound: 0.9}, []float64{0.9}, nil, Met},
		"a run that sinks":                {Goal{Metric: "long_level", Bound: 0.9}, []float64{0.89}, nil, Missed},
		"without the peer nothing is won": {Goal{"pwd_16", "mod_proxy", 2}, []float64{1000}, nil, Open},
		"without us neither":              {Goal{"pwd_16", "mod_proxy", 2}, nil, []float64{10}, Open},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			var r Results
			for _, v := range c.ours {
				r.Add("sluice", []measure.Sample{{Metric: c.goal.Metric, Value: v}})
			}
			for _, v := range c.theirs {
				r.Add("mod_proxy", []measure.Sample{{Metric: c.goal.Metric, Value: v}})
			}
			if got := Judge(&r, []Goal{c.goal})[0]; got.State != c.want {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

func TestEveryGoalNamesAMetric(t *testing.T) {
	for _, g := range Goals() {
		if !known(g.Metric) {
			t.Errorf("%+v: no such metric", g)
		}
	}
}
