//go:build unix

package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/measure"
)

// The load of the points that choose a backend.
const (
	chooseClients = 16
	// chooseUsers is how many names are used in turn: in the stretch that shows the latency most of them
	// are known already.
	chooseUsers = 1000
	// choosePace is the logins of a second while their latency is looked at. It leaves a gateway time between
	// two of them, so that what is seen is the way of one and not the queue before it.
	choosePace = 50
	// choosePatience is how many times as long that takes as the other stretch: the worst of a hundred must be
	// one of several.
	choosePatience = 2
)

// choose logs in where a backend must be chosen: first as often as can be, then at a pace.
func choose(c choice.Choice) Point {
	id := c.Metric()
	return Point{
		Name:   c.Point(),
		Title:  fmt.Sprintf("logins, %s: as many as can be, then the time of one at %d a second", c.Title(), choosePace),
		FTP:    true,
		Choice: c,
		Rounds: 3,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			job := s.job(chooseClients)
			job.Users = chooseUsers
			t, m, err := s.counted(job, func(j load.Job) (load.Tally, error) { return load.Logins(ctx, j) })
			if err != nil {
				return nil, err
			}
			samples := append(m.per(id+"_cpu", float64(t.Count), time.Microsecond), measure.Sample{Metric: id, Value: t.PerSecond()})
			job.Pace, job.Span = choosePace, choosePatience*job.Span
			paced, err := load.Logins(ctx, job)
			if err != nil {
				return samples, fmt.Errorf("log in at a pace: %w", err)
			}
			return append(samples, unhurried(id, t, paced)...), nil
		},
	}
}

// unhurried is what the stretch at a pace shows, and what went wrong in both.
func unhurried(id string, full, paced load.Tally) []measure.Sample {
	var samples []measure.Sample
	if paced.Latency.TotalCount() > 0 {
		at := func(q float64) float64 {
			return float64(paced.Latency.ValueAtQuantile(q)) / float64(time.Microsecond)
		}
		samples = append(samples, measure.Sample{Metric: id + "_p50", Value: at(50)}, measure.Sample{Metric: id + "_p99", Value: at(99)})
	}
	if failed := full.Failed + paced.Failed; failed > 0 {
		samples = append(samples, measure.Sample{Metric: id + "_failed", Value: float64(failed)})
	}
	if paced.Late > 0 {
		samples = append(samples, measure.Sample{Metric: id + measure.Late, Value: float64(paced.Late)})
	}
	return samples
}
