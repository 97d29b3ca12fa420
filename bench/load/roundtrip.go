//go:build unix

package load

import (
	"context"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sluice-gateway/sluice/bench/reactor"
)

// slowest is the longest round trip that is told apart from a longer one.
const slowest = 10 * time.Second

// RoundTrips lets logged-in clients ask PWD again and again, each as soon as it is answered.
func RoundTrips(ctx context.Context, job Job) (Tally, error) {
	return run(ctx, job, func(loop *reactor.Loop, clients int) crew {
		w := &askingCrew{sessions: sessions{loop: loop, addr: job.Control}, took: newHistogram()}
		for range clients {
			w.guests = append(w.guests, &askingClient{visitor: visitor{home: &w.sessions}, crew: w})
		}
		return w
	})
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(slowest), 3)
}

type askingCrew struct {
	sessions
	took *hdrhistogram.Histogram
}

type askingClient struct {
	visitor
	crew *askingCrew
	sent time.Time
}

func (w *askingCrew) measure(ctx context.Context, until time.Time) error {
	for _, g := range w.guests {
		if err := g.(*askingClient).ask(); err != nil {
			return err
		}
	}
	return w.loop.Run(ctx, until)
}

func (w *askingCrew) finish(context.Context) error { return nil }

func (w *askingCrew) tally(t *Tally) {
	if t.Latency == nil {
		t.Latency = newHistogram()
	}
	t.Latency.Merge(w.took)
	t.Count += w.took.TotalCount()
}

func (c *askingClient) ask() error {
	c.sent = time.Now()
	return c.say("PWD")
}

func (c *askingClient) heard(code int, text []byte) error {
	if mine, err := c.comeIn(code, text); mine || err != nil {
		return err
	}
	if code != 257 {
		return c.refused(code, text)
	}
	_ = c.crew.took.RecordValue(int64(min(time.Since(c.sent), slowest))) // cannot be out of range
	return c.ask()
}
