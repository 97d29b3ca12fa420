package discovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/stores"
)

const (
	// tellWithin is how long policy and health together may take to listen.
	tellWithin = 5 * time.Second
	// tellAgain is the pause after they did not.
	tellAgain = time.Second
)

// delivery is the child that tells what a pool has become: the loop itself
// must not wait for other actors.
type delivery struct {
	id       messages.PoolID
	backends []messages.Backend // nobody changes it any more
	policy   mailbox.Mailbox[messages.ToPolicy]
	health   mailbox.Mailbox[messages.ToHealth]
}

func (d *delivery) String() string { return "discovery's word on pool " + string(d.id) }

func (d *delivery) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, tellWithin, fmt.Errorf("no room in the mailbox within %v", tellWithin))
	defer cancel()
	var errPolicy, errHealth error
	if d.policy.C() != nil {
		errPolicy = d.policy.Send(ctx, messages.UpdatePool{ID: d.id, Backends: d.backends})
	}
	if d.health.C() != nil {
		errHealth = d.health.Send(ctx, messages.WatchPool{ID: d.id, Backends: d.backends})
	}
	for _, err := range []error{errPolicy, errHealth} {
		if err != nil && !errors.Is(err, mailbox.ErrGone) { // who is gone for good needs no word
			return err
		}
	}
	return nil
}

func (a *Actor) delivered(d *delivery, err error) {
	a.posting = nil
	a.unsorted = true
	if err == nil {
		return
	}
	a.log.Warn().Err(err).Str("pool", string(d.id)).Msg("a pool's new backends are not yet known to policy and health; they are told again")
	if p := a.pools[d.id]; p != nil {
		p.sent, p.changed, p.again = nil, true, a.cfg.Now().Add(tellAgain)
	}
}

// unknown stands for a URL that never had an address: it is in the list, and
// cannot be picked.
func unknown(u backendurl.URL) []stores.Resolved { return []stores.Resolved{{URL: u.Bare()}} }
