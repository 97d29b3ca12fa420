//go:build unix

package load

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/bench/reactor"
)

// Idle logs so many clients in and lets them do nothing for Span. Begin is called when the last is in,
// End when they have rested.
func Idle(ctx context.Context, job Job) (Tally, error) {
	return run(ctx, job, func(loop *reactor.Loop, clients int) crew {
		w := &idleCrew{sessions{loop: loop, addr: job.Control}}
		for range clients {
			w.guests = append(w.guests, &idleClient{visitor{home: &w.sessions}})
		}
		return w
	})
}

type idleCrew struct{ sessions }

type idleClient struct{ visitor }

func (w *idleCrew) measure(ctx context.Context, until time.Time) error { return w.loop.Run(ctx, until) }
func (w *idleCrew) finish(context.Context) error                       { return nil }
func (w *idleCrew) tally(t *Tally)                                     { t.Count += int64(w.inside) }

func (c *idleClient) heard(code int, text []byte) error {
	mine, err := c.comeIn(code, text)
	if err == nil && !mine {
		err = fmt.Errorf("%w: %s", errStill, text)
	}
	return err
}
