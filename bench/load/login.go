//go:build unix

package load

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sluice-gateway/sluice/bench/reactor"
)

// Logins counts whole sessions: connect, banner, USER, PASS, QUIT and its 221. A refused login counts as
// failed; more failed ones than good ones end the job.
//
// With a Pace, sessions begin at fixed intervals, which shows how long a login takes where nobody waits in
// a queue. Who cannot keep the pace is loaded by all clients at once, and Late tells so.
func Logins(ctx context.Context, job Job) (Tally, error) {
	crews := 0
	return run(ctx, job, func(loop *reactor.Loop, clients int) crew {
		crews++
		return &loginCrew{
			loop: loop, to: job.Control, clients: make([]loginClient, clients), took: newHistogram(),
			users: job.Users, turn: crews - 1, stride: max(job.Loops, 1),
			pace: job.Pace * float64(clients) / float64(job.Clients),
		}
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
	users        int     // names in turn; 0: one for all
	turn, stride int     // of names: crews use different ones at a time
	pace         float64 // logins to begin each second; 0: no pace
	free         []*loginClient
	owed, late   int64 // logins that wait for a free client; that had to
	good, failed int64
	took         *hdrhistogram.Histogram
	lastFailure  error
}

type loginClient struct {
	control
	crew *loginCrew
	met  time.Time // when it began to connect
}

func (w *loginCrew) prepare(context.Context) error { return nil }

func (w *loginCrew) measure(ctx context.Context, until time.Time) error {
	for i := range w.clients {
		c := &w.clients[i]
		c.crew, c.loop, c.to, c.fd = w, w.loop, c, -1
		if err := c.rest(); err != nil {
			return err
		}
	}
	if w.pace > 0 {
		if err := w.beat(ctx, until); err != nil {
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

// beat begins a login at each beat of the pace.
func (w *loginCrew) beat(ctx context.Context, until time.Time) error {
	gap := time.Duration(float64(time.Second) / w.pace)
	for due := time.Now(); due.Before(until); due = due.Add(gap) {
		if err := w.loop.Run(ctx, due); err != nil {
			return err
		}
		if len(w.free) == 0 {
			w.owed++
			w.late++
			continue
		}
		c := w.free[0] // in turn, so that no client's port is used again at once
		w.free = w.free[1:]
		if err := c.begin(); err != nil {
			return err
		}
	}
	return nil
}

func (w *loginCrew) finish(context.Context) error { return nil }

func (w *loginCrew) tally(t *Tally) {
	if t.Latency == nil {
		t.Latency = newHistogram()
	}
	t.Latency.Merge(w.took)
	t.Count += w.good
	t.Failed += w.failed
	t.Late += w.late
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
	switch code {
	case 220:
		step.say += c.crew.user()
	case 230:
		_ = c.crew.took.RecordValue(int64(min(time.Since(c.met), slowest))) // cannot be out of range
	case 221:
		c.crew.good++
		return c.again()
	}
	if err := c.say(step.say); err != nil {
		return c.fail(err)
	}
	return nil
}

// user is what the next name has behind everybody's "bench".
func (w *loginCrew) user() string {
	if w.users == 0 {
		return ""
	}
	n := w.turn % w.users
	w.turn += w.stride
	return fmt.Sprintf("%07d", n)
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
	return c.rest()
}

// rest has a client wait for the next beat, or go on at once if there is no pace, or it is behind.
func (c *loginClient) rest() error {
	w := c.crew
	switch {
	case w.pace > 0 && w.owed == 0:
		w.free = append(w.free, c)
		return nil
	case w.pace > 0:
		w.owed--
	}
	return c.begin()
}

func (c *loginClient) begin() error {
	c.met = time.Now()
	return c.dial(c.crew.to)
}
