//go:build unix

package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/measure"
	"github.com/sluice-gateway/sluice/bench/proctree"
)

func login(clients int) Point {
	id := fmt.Sprintf("login_%d", clients)
	return Point{
		Name:  fmt.Sprintf("login-%d", clients),
		Title: fmt.Sprintf("%d clients connect, log in and quit, again and again", clients),
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			t, m, err := s.counted(s.job(clients), func(j load.Job) (load.Tally, error) { return load.Logins(ctx, j) })
			if err != nil {
				return nil, err
			}
			samples := []measure.Sample{{Metric: id, Value: t.PerSecond()}}
			if t.Failed > 0 {
				samples = append(samples, measure.Sample{Metric: id + "_failed", Value: float64(t.Failed)})
			}
			if clients == 64 {
				samples = append(samples, m.per("login_64_cpu", float64(t.Count), time.Microsecond)...)
			}
			return samples, nil
		},
	}
}

func pwdLatency() Point {
	return Point{
		Name:  "pwd-1",
		Title: "1 client asks PWD; how long one answer takes",
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			t, _, err := s.counted(s.job(1), func(j load.Job) (load.Tally, error) { return load.RoundTrips(ctx, j) })
			if err != nil {
				return nil, err
			}
			at := func(q float64) float64 {
				return float64(t.Latency.ValueAtQuantile(q)) / float64(time.Microsecond)
			}
			return []measure.Sample{{Metric: "pwd_1_p50", Value: at(50)}, {Metric: "pwd_1_p99", Value: at(99)}}, nil
		},
	}
}

func pwdRate(clients int) Point {
	id := fmt.Sprintf("pwd_%d", clients)
	return Point{
		Name:  fmt.Sprintf("pwd-%d", clients),
		Title: fmt.Sprintf("%d clients ask PWD; how many answers a second", clients),
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			t, m, err := s.counted(s.job(clients), func(j load.Job) (load.Tally, error) { return load.RoundTrips(ctx, j) })
			if err != nil {
				return nil, err
			}
			return append(m.per(id+"_cpu", float64(t.Count), time.Microsecond),
				measure.Sample{Metric: id, Value: t.PerSecond()}), nil
		},
	}
}

// idle is the gateway's memory for sessions that do nothing.
func idle() Point {
	return Point{
		Name:   "idle",
		Title:  "sessions log in and rest; the gateway's memory for each",
		Rounds: 3,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			return s.weigh("idle", s.scale.Idle, func(j load.Job) (load.Tally, error) { return load.Idle(ctx, j) })
		},
	}
}

// weigh compares the gateway's memory before and after so many clients have logged in. What the kernel
// keeps for their sockets is not part of it.
func (s site) weigh(metric string, clients int, rest func(load.Job) (load.Tally, error)) ([]measure.Sample, error) {
	if s.gateway.PID == 0 {
		return nil, nil
	}
	before, err := proctree.PSS(s.gateway.PID)
	if err != nil {
		return nil, err
	}
	var after int64
	job := s.job(clients)
	job.Span = s.scale.Settle
	job.End = func() { after, err = proctree.PSS(s.gateway.PID) }
	if _, failed := rest(job); failed != nil || err != nil {
		return nil, fmt.Errorf("weigh %d idle sessions: %w", clients, first(failed, err))
	}
	return []measure.Sample{{Metric: metric, Value: float64(after-before) / 1024 / float64(clients)}}, nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
