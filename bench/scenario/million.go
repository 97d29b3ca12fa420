//go:build unix

package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/crowd"
	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/measure"
	"github.com/sluice-gateway/sluice/bench/proctree"
)

// million is the gateway's memory for the users whom a PerUser policy remembers, and the time of a login
// among them.
func million() Point {
	const id = "choose_million"
	return Point{
		Name:    "choose-million",
		Title:   "a gateway starts with 1,000,000 users whom it sent somewhere; its memory, and logins of them",
		FTP:     true,
		Choice:  choice.Choice{Policy: "PerUser", Backends: 500, Store: choice.Badger},
		Crowded: true,
		Rounds:  1,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			used, err := s.settled(ctx)
			if err != nil {
				return nil, err
			}
			if err := s.home(ctx); err != nil {
				return nil, err
			}
			const mebi = 1 << 20
			samples := []measure.Sample{
				{Metric: id, Value: float64(used) / mebi},
				{Metric: id + "_each", Value: float64(used-s.crowd.Empty) / float64(s.crowd.Users)},
			}
			job := s.job(chooseClients)
			job.Users, job.Pace, job.Span = s.crowd.Users, choosePace, choosePatience*job.Span
			paced, err := load.Logins(ctx, job)
			if err != nil {
				return samples, fmt.Errorf("log in at a pace: %w", err)
			}
			return append(samples, unhurried(id, load.Tally{}, paced)...), nil
		},
	}
}

// A gateway may read its store while it serves. It has done so when its memory stays as it is.
const (
	steadyAfter = time.Second
	steadyLimit = time.Minute
	steadyParts = 100 // a change of one part of so many is none
)

// settled waits until the gateway's memory is steady and returns it in bytes.
func (s site) settled(ctx context.Context) (int64, error) {
	ctx, stop := context.WithTimeout(ctx, steadyLimit)
	defer stop()
	pace := time.NewTicker(steadyAfter)
	defer pace.Stop()
	for last := int64(0); ; {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("the gateway's memory was not steady within %v", steadyLimit)
		case <-pace.C:
		}
		now, err := proctree.PSS(s.gateway.PID)
		if err != nil {
			return 0, err
		}
		if change := max(now-last, last-now); change <= now/steadyParts {
			return now, nil
		}
		last = now
	}
}

// visits is how many of the crowd are asked where they are sent.
const visits = 200

// home makes sure that the crowd is held: each goes where the store says, which is the same for all, while by
// the policy alone they would be spread over all backends.
func (s site) home(ctx context.Context) error {
	for i := range visits {
		n := i * s.crowd.Users / visits
		at, err := crowd.Visit(ctx, s.gateway.Control, crowd.Name(n))
		if err != nil {
			return err
		}
		if at != s.crowd.Home {
			return fmt.Errorf("user %d was sent where it says %q, and belongs where it says %q", n, at, s.crowd.Home)
		}
	}
	return nil
}
