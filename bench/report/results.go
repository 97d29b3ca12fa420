// Package report keeps what a run measured and tells it: as a table for people, as JSON for machines,
// and as verdicts on the project's own goals.
package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/bench/measure"
)

// Results is one whole run.
type Results struct {
	Began    time.Time      `json:"began"`
	Took     time.Duration  `json:"took_ns"`
	Machine  Machine        `json:"machine"`
	Rounds   int            `json:"rounds"`
	Span     time.Duration  `json:"span_ns"` // counted time of one measurement
	Targets  []Target       `json:"targets"`
	Figures  []Figure       `json:"figures"`
	Failures []Failure      `json:"failures,omitempty"`
	Verdicts []Verdict      `json:"verdicts,omitempty"`
	Losses   map[string]int `json:"failed_logins,omitempty"` // by target and metric
	Behind   map[string]int `json:"late_logins,omitempty"`   // likewise, of those that a pace begins
	Omitted  []Omission     `json:"omitted,omitempty"`
}

// Machine says where the figures come from.
type Machine struct {
	System   string `json:"system"`
	CPUs     int    `json:"cpus"`
	TCP      string `json:"tcp,omitempty"` // congestion control; empty: not known
	Go       string `json:"go"`
	Isolated bool   `json:"isolated"` // every measurement in a network of its own
}

// Target is one column.
type Target struct {
	Name    string `json:"name"`
	Missing string `json:"missing,omitempty"` // why it was not measured
}

// Figure is what all rounds gave for one metric on one target.
type Figure struct {
	Metric string      `json:"metric"`
	Target string      `json:"target"`
	Median float64     `json:"median"`
	Min    float64     `json:"min"`
	Max    float64     `json:"max"`
	Values []float64   `json:"values"`
	Series [][]float64 `json:"series,omitempty"`
}

// Failure is a measurement that could not be made.
type Failure struct {
	Point  string `json:"point"`
	Target string `json:"target"`
	Round  int    `json:"round"`
	Error  string `json:"error"`
}

// Omission is a point that could not be measured on any target.
type Omission struct {
	Point string `json:"point"`
	Why   string `json:"why"`
}

// Add enters the samples of one measurement.
func (r *Results) Add(target string, samples []measure.Sample) {
	for _, s := range samples {
		if metric, late := strings.CutSuffix(s.Metric, measure.Late); late {
			count(&r.Behind, target+" "+metric, s.Value)
			continue
		}
		if !known(s.Metric) {
			count(&r.Losses, target+" "+s.Metric, s.Value)
			continue
		}
		f := r.figure(s.Metric, target)
		f.Values = append(f.Values, s.Value)
		if s.Series != nil {
			f.Series = append(f.Series, s.Series)
		}
		f.Median, f.Min, f.Max = measure.Median(f.Values), slices.Min(f.Values), slices.Max(f.Values)
	}
}

func count(in *map[string]int, what string, n float64) {
	if *in == nil {
		*in = map[string]int{}
	}
	(*in)[what] += int(n)
}

func known(metric string) bool {
	return slices.ContainsFunc(measure.All(), func(m measure.Metric) bool { return m.ID == metric })
}

func (r *Results) figure(metric, target string) *Figure {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Metric == metric && f.Target == target {
			return f
		}
	}
	r.Figures = append(r.Figures, Figure{Metric: metric, Target: target})
	return &r.Figures[len(r.Figures)-1]
}

// Median is the figure of a metric on a target; NaN if it was not measured.
func (r *Results) Median(metric, target string) float64 {
	for _, f := range r.Figures {
		if f.Metric == metric && f.Target == target {
			return f.Median
		}
	}
	return math.NaN()
}

// Save writes the results as JSON, making the folder if need be.
func (r *Results) Save(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("put the results into JSON: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make a folder for the results: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("save the results: %w", err)
	}
	return nil
}
