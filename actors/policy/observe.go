package policy

import (
	"errors"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// tellAgain is how soon a full mailbox of the health actor is tried again.
const tellAgain = 5 * time.Millisecond

// teller tells the health actor what sessions met. It never waits: what does
// not fit is kept, one observation for each backend, which then stands for
// all of that backend since.
type teller struct {
	health mailbox.Mailbox[messages.ToHealth]
	on     bool
	untold []*counted // in the order of their first untold observation
	timer  *time.Timer
}

func newTeller(health mailbox.Mailbox[messages.ToHealth]) teller {
	t := teller{health: health, on: health != (mailbox.Mailbox[messages.ToHealth]{}), timer: time.NewTimer(time.Hour)}
	t.timer.Stop()
	return t
}

func (t *teller) tell(c *counted, m messages.BackendObserved) {
	if !t.on {
		return
	}
	if c.untold != nil {
		*c.untold = m
		return
	}
	if len(t.untold) == 0 && !errors.Is(t.health.TrySend(m), mailbox.ErrFull) {
		return
	}
	c.untold = &m
	if t.untold = append(t.untold, c); len(t.untold) == 1 {
		t.timer.Reset(tellAgain)
	}
}

// left tells that a backend broke off a session. Where that does not fit, the
// next attempt finds out.
func (t *teller) left(c *counted) {
	if t.on {
		_ = t.health.TrySend(messages.BackendLeft{Pool: messages.PoolID(c.pool), Key: c.Key})
	}
}

// again tells what fits now and returns those that are told.
func (t *teller) again() (told []*counted) {
	for len(t.untold) > 0 {
		c := t.untold[0]
		if errors.Is(t.health.TrySend(*c.untold), mailbox.ErrFull) {
			t.timer.Reset(tellAgain)
			break
		}
		c.untold = nil
		told = append(told, c)
		t.untold = t.untold[1:]
	}
	return told
}

// errUnsaid stands for a failure without a reason, as nil means a good banner.
var errUnsaid = errors.New("no reason was given")

func reason(err error) error {
	if err == nil {
		return errUnsaid
	}
	return err
}

// observe notes what became of an attempt: nil is a good banner.
func (a *Actor) observe(c *counted, err error, took time.Duration) {
	seq, row := c.Gate.Observe(err != nil)
	a.teller.tell(c, messages.BackendObserved{
		Pool: messages.PoolID(c.pool), Key: c.Key, Err: err, Took: took, Seq: seq, Failures: row,
	})
}

// health takes in how a backend stands.
func (a *Actor) health(m messages.HealthChanged) {
	k := counters(string(m.Pool), m.Key)
	g := a.gates.get(k)
	g.Change(m)
	if c := a.book.known[k]; c != nil {
		c.Changed()
	} else if g.Plain() {
		a.gates.drop(k)
	}
}
