//go:build unix

// Package campaign leads a run: round after round, point after point, every target in turn, so that
// whatever else the machine does meets all targets alike.
package campaign

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/bench/cell"
	"github.com/sluice-gateway/sluice/bench/isolate"
	"github.com/sluice-gateway/sluice/bench/measure"
	"github.com/sluice-gateway/sluice/bench/report"
	"github.com/sluice-gateway/sluice/bench/scenario"
	"github.com/sluice-gateway/sluice/bench/seal"
	"github.com/sluice-gateway/sluice/bench/target"
)

// Plan is what to do.
type Plan struct {
	Rounds   int
	Points   []scenario.Point
	Omitted  []report.Omission // points that are not among Points, and why
	Targets  []target.Spec
	Scale    scenario.Scale
	Isolated bool
	Chatty   bool
	Cell     []string // arguments that make this program a cell
	Backend  []string // arguments that make this program a backend
	Papers   seal.Papers
	Progress io.Writer
}

// limit bounds one measurement, whatever hangs.
const limit = 10 * time.Minute

// Run carries the plan out. What fails is noted in the results and does not keep the rest from being
// measured; only the end of ctx does, and then the results so far come back with its cause.
func Run(ctx context.Context, p Plan) (*report.Results, error) {
	r := &report.Results{
		Began:   time.Now(),
		Machine: report.Machine{System: system(), CPUs: runtime.NumCPU(), Go: runtime.Version(), Isolated: p.Isolated, TCP: isolate.Congestion(p.Isolated)},
		Rounds:  p.Rounds,
		Span:    p.Scale.Span,
		Omitted: p.Omitted,
	}
	for _, t := range p.Targets {
		r.Targets = append(r.Targets, report.Target{Name: t.Name, Missing: t.Missing})
	}
	err := p.rounds(ctx, r)
	r.Took = time.Since(r.Began)
	r.Verdicts = report.Judge(r, report.Goals())
	return r, err
}

// system names the kernel, since much of what is measured is its work.
func system() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS + "/" + runtime.GOARCH
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + runtime.GOARCH
}

func (p Plan) rounds(ctx context.Context, r *report.Results) error {
	for round := range p.Rounds {
		for _, point := range p.Points {
			if point.Rounds > 0 && round >= point.Rounds {
				continue
			}
			for _, t := range p.Targets {
				if t.Missing != "" || !point.Fits(t.Name) {
					continue
				}
				if err := p.measure(ctx, r, round, point, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p Plan) measure(ctx context.Context, r *report.Results, round int, point scenario.Point, t target.Spec) error {
	p.tell("round %d of %d   %-28s  %-9s  ", round+1, p.Rounds, point.Name, t.Name)
	bounded, stop := context.WithTimeout(ctx, limit)
	defer stop()
	job := cell.Job{Point: point.Name, Target: t, Scale: p.Scale, Isolated: p.Isolated, Backend: p.Backend, Papers: p.Papers, Chatty: p.Chatty}
	samples, err := cell.Run(bounded, job, p.Cell...)
	if ctx.Err() != nil {
		p.tell("stopped\n")
		return context.Cause(ctx)
	}
	if err != nil {
		p.tell("failed: %v\n", err)
		r.Failures = append(r.Failures, report.Failure{Point: point.Name, Target: t.Name, Round: round + 1, Error: err.Error()})
		return nil
	}
	p.tell("%s\n", told(samples))
	r.Add(t.Name, samples)
	return nil
}

// tell writes progress; a run does not end because nobody reads that.
func (p Plan) tell(format string, args ...any) { _, _ = fmt.Fprintf(p.Progress, format, args...) }

// told is a measurement in one line.
func told(samples []measure.Sample) string {
	units := map[string]string{}
	for _, m := range measure.All() {
		units[m.ID] = m.Unit
	}
	var parts []string
	for _, s := range samples {
		parts = append(parts, fmt.Sprintf("%s %.4g %s", s.Metric, s.Value, units[s.Metric]))
	}
	if parts == nil {
		return "nothing to measure"
	}
	return strings.Join(parts, ", ")
}
