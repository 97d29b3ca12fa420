//go:build unix

package scenario

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/measure"
	"github.com/sluice-gateway/sluice/bench/target"
)

func names(points []Point) (names []string) {
	for _, p := range points {
		names = append(names, p.Name)
	}
	return names
}

func TestSelect(t *testing.T) {
	cases := map[string]struct {
		words, want []string
		bad         bool
	}{
		"a whole name":                     {words: []string{"retr-8"}, want: []string{"retr-8"}},
		"a kind":                           {words: []string{"login"}, want: []string{"login-1", "login-16", "login-64"}},
		"in the order of the run, once":    {words: []string{"idle", "pwd", "pwd-1"}, want: []string{"pwd-1", "pwd-16", "idle"}},
		"a kind with its dash":             {words: []string{"tls-plain-"}, want: []string{"tls-plain-retr-1", "tls-plain-retr-8", "tls-plain-stor-1", "tls-plain-stor-8"}},
		"a way to choose with its dash":    {words: []string{"choose-peruser-500-"}, want: []string{"choose-peruser-500-badger", "choose-peruser-500-redis"}},
		"part of a word names nothing":     {words: []string{"log"}, bad: true},
		"one wrong word spoils the choice": {words: []string{"idle", "nothing"}, bad: true},
		"an empty word names nothing":      {words: []string{""}, bad: true},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			got, err := Select(All(), c.words)
			if (err != nil) != c.bad || !slices.Equal(names(got), c.want) {
				t.Errorf("got %v (%v), want %v", names(got), err, c.want)
			}
		})
	}
}

func TestEveryMetricHasItsPoint(t *testing.T) {
	for _, m := range measure.All() {
		if !slices.Contains(names(All()), m.Point) {
			t.Errorf("%s is to come from %s, which does not exist", m.ID, m.Point)
		}
	}
}

func TestTargetsAreAskedForWhatTheyCan(t *testing.T) {
	for _, p := range All() {
		if got, want := p.Fits(target.HAProxy), !slices.Contains([]string{"small-retr", "small-stor", "long"}, p.Name) && !strings.HasPrefix(p.Name, "tls-") && !strings.HasPrefix(p.Name, "choose-"); got != want {
			t.Errorf("%s on haproxy: %v, want %v", p.Name, got, want)
		}
		if got, want := p.Fits(target.Direct), !strings.HasPrefix(p.Name, "tls-plain") && p.Name != "choose-million"; got != want {
			t.Errorf("%s without a gateway: %v, want %v", p.Name, got, want)
		}
		if got, want := p.Fits(target.ModProxy), !strings.HasSuffix(p.Name, "-redis") && p.Name != "choose-million"; got != want {
			t.Errorf("%s on mod_proxy: %v, want %v", p.Name, got, want)
		}
		if !p.Fits(target.Sluice) {
			t.Errorf("%s does not fit sluice", p.Name)
		}
	}
}

func TestWhatAPacedRunTells(t *testing.T) {
	slow := load.Tally{Failed: 1, Late: 2, Latency: hdrhistogram.New(1, int64(time.Second), 3)}
	quick := slow
	quick.Latency = hdrhistogram.New(1, int64(time.Second), 3)
	for i := range 100 { // one of a hundred takes long
		if err := quick.Latency.RecordValue(int64(time.Millisecond) * int64(1+i/99*9)); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		full, paced load.Tally
		want        map[string]float64
	}{
		"latencies in microseconds":             {load.Tally{}, load.Tally{Latency: quick.Latency}, map[string]float64{"x_p50": 1000, "x_p99": 1000}},
		"failures of both stretches together":   {load.Tally{Failed: 3, Late: 9}, quick, map[string]float64{"x_p50": 1000, "x_p99": 1000, "x_failed": 4, "x_late": 2}},
		"nobody who got in took no time at all": {load.Tally{}, slow, map[string]float64{"x_failed": 1, "x_late": 2}},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			samples := unhurried("x", c.full, c.paced)
			if len(samples) != len(c.want) {
				t.Errorf("got %v, want %v", samples, c.want)
			}
			for _, s := range samples {
				if want := c.want[s.Metric]; math.Abs(s.Value-want) > want/100 {
					t.Errorf("%s is %v, want %v", s.Metric, s.Value, want)
				}
			}
		})
	}
}

// Each way to choose tells all that the report has a row for, but the cost where there is no gateway.
func TestAWayToChooseFillsItsRows(t *testing.T) {
	for _, c := range choice.All() {
		var rows []string
		for _, m := range measure.All() {
			if m.Point == c.Point() {
				rows = append(rows, strings.TrimPrefix(m.ID, c.Metric()))
			}
		}
		if want := []string{"", "_cpu", "_p50", "_p99"}; !slices.Equal(rows, want) {
			t.Errorf("%s has rows %q, want %q", c.Point(), rows, want)
		}
	}
}
