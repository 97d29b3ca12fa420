//go:build unix

package load

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/bench/reactor"
)

// Logins counts whole sessions: connect, banner, USER, PASS, QUIT and its 221. A refused login counts as
// failed; more failed ones than good ones end the job.
func Logins(ctx context.Context, job Job) (Tally, error) {
	return run(ctx, job, func(loop *reactor.Loop, clients int) crew {
		return &loginCrew{loop: loop, to: job.Control, clients: make([]loginClient, clients)}
	})
}

// loginScript is one session: the reply that is waited for and what is said to it.
var loginScript = [...]struct {
	want int
	say  string
}{
	{220, "USER bench"},
	{331, "PASS bench"},
	{230, "QUIT"},
	{221, ""},
}

// patience is how many failed logins are borne before they are held against the good ones.
const patience = 100

type loginCrew struct {
	loop         *reactor.Loop
	to           netip.AddrPort
	clients      []loginClient
	good, failed int64
	lastFailure  error
}

type loginClient struct {
	control
	crew *loginCrew
}

func (w *loginCrew) prepare(context.Context) error { return nil }

func (w *loginCrew) measure(ctx context.Context, until time.Time) error {
	for i := range w.clients {
		c := &w.clients[i]
		c.crew, c.loop, c.to, c.fd = w, w.loop, c, -1
		if err := c.dial(w.to); err != nil {
			return err
		}
	}
	if err := w.loop.Run(ctx, until); err != nil {
		return err
	}
	if w.good == 0 && w.lastFailure != nil {
		return fmt.Errorf("no login was completed; the last failure: %w", w.lastFailure)
	}
	return nil
}

func (w *loginCrew) finish(context.Context) error { return nil }

func (w *loginCrew) tally(t *Tally) {
	t.Count += w.good
	t.Failed += w.failed
}

func (w *loginCrew) close() {
	for i := range w.clients {
		if c := &w.clients[i]; c.crew != nil {
			c.hangUp()
		}
	}
	w.loop.Close()
}

func (c *loginClient) heard(code int, text []byte) error {
	step := loginScript[c.stage]
	if code != step.want {
		return c.fail(c.refused(code, text))
	}
	c.stage++
	if step.say == "" {
		c.crew.good++
		return c.again()
	}
	if err := c.say(step.say); err != nil {
		return c.fail(err)
	}
	return nil
}

func (c *loginClient) fail(err error) error {
	c.crew.failed++
	c.crew.lastFailure = err
	if c.crew.failed > patience+c.crew.good {
		return fmt.Errorf("%d logins failed and %d were completed; the last failure: %w", c.crew.failed, c.crew.good, err)
	}
	return c.again()
}

func (c *loginClient) again() error {
	c.hangUp()
	return c.dial(c.crew.to)
}
