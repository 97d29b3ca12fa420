package discovery

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc/pool"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

const (
	// maxFound bounds one client's list; each file has 1000 at most.
	maxFound = 4096
	// atOnce is how many names of one list are asked for at one time.
	atOnce = 8
)

// ErrBusy says that more clients want to have their lists looked up than may wait.
var ErrBusy = errors.New("too many look-ups of backends at one time: a source is too slow, or there are too many logins")

// lookUp is one question for a client's list, and the child that answers it.
type lookUp struct {
	asked messages.LookUpBackends
	plan  PoolPlan
	until time.Time
	limit time.Duration
	names *directory
	host  *messages.ResolveDestination // nil: a client's list is asked for
	log   zerolog.Logger

	place    *list.Element // the loop's
	answered atomic.Bool
}

func (l *lookUp) String() string {
	if l.host != nil {
		return "look-up of " + l.host.Host
	}
	return "look-up for pool " + string(l.asked.Pool)
}

// answer replies unless somebody did so before: the worker, or the loop when
// the worker is late or broken.
func (l *lookUp) answer(found messages.BackendsFound) {
	if !l.answered.CompareAndSwap(false, true) {
		return
	}
	if l.host != nil {
		l.host.Reply <- destinationOf(found) // as below
		return
	}
	l.asked.Reply <- found // capacity 1 and sent once: never blocks
}

func (a *Actor) lookUp(ctx context.Context, m messages.LookUpBackends) {
	p := a.pools[m.Pool]
	l := &lookUp{asked: m, until: a.cfg.Now().Add(a.cfg.Limit), limit: a.cfg.Limit, names: a.names, log: a.log}
	switch {
	case p == nil:
		l.answer(messages.BackendsFound{Err: fmt.Errorf("looking up backends: no pool '%s' is configured", m.Pool)})
		return
	case len(p.plan.Files)+len(p.plan.Queries) == 0:
		l.answer(messages.BackendsFound{})
		return
	}
	l.plan = p.plan
	a.hire(ctx, l)
}

// hire gives a look-up to a worker, or lets it wait for one.
func (a *Actor) hire(ctx context.Context, l *lookUp) {
	if a.working >= a.cfg.Workers && len(a.queue) >= a.cfg.Waiting {
		a.log.Warn().Stringer("during", l).Str("user", l.asked.User).Int("waiting", len(a.queue)).Msg(ErrBusy.Error())
		l.answer(messages.BackendsFound{Err: ErrBusy})
		return
	}
	if l.place = a.pending.PushBack(l); a.pending.Len() == 1 {
		a.expiry.Reset(a.cfg.Limit)
	}
	if a.working < a.cfg.Workers {
		a.working++
		a.kids.Go(ctx, l)
		return
	}
	a.queue = append(a.queue, l)
}

// lookedUp books the end of a worker and gives the next one its work.
func (a *Actor) lookedUp(ctx context.Context, l *lookUp, err error) {
	a.working--
	if err != nil { // a crash; the others go on
		a.log.Error().Err(err).Stringer("during", l).Msg("a look-up of backends crashed; the client is refused")
		l.answer(messages.BackendsFound{Err: err})
	}
	a.forget(l)
	for len(a.queue) > 0 && a.working < a.cfg.Workers {
		next := a.queue[0]
		a.queue = a.queue[1:]
		if !next.answered.Load() {
			a.working++
			a.kids.Go(ctx, next)
		}
	}
}

func (a *Actor) forget(l *lookUp) {
	if l.place != nil {
		a.pending.Remove(l.place)
		l.place = nil
	}
}

// errSlow is what ends a look-up.
func errSlow(limit time.Duration) error {
	return fmt.Errorf("looking up backends: no answer within %v", limit)
}

// expire answers the look-ups whose time is over, also those whose worker hangs
// in a source that minds no deadline. The oldest are in front.
func (a *Actor) expire() {
	now := a.cfg.Now()
	for at := a.pending.Front(); at != nil; at = a.pending.Front() {
		l, ok := at.Value.(*lookUp)
		if ok && l.until.After(now) {
			a.expiry.Reset(l.until.Sub(now))
			break
		}
		if ok {
			a.log.Warn().Stringer("during", l).Str("user", l.asked.User).Stringer("limit", a.cfg.Limit).Msg("a look-up of backends took too long; the client is refused")
			l.answer(messages.BackendsFound{Err: errSlow(a.cfg.Limit)})
			a.forget(l)
		}
	}
	for len(a.queue) > 0 && a.queue[0].answered.Load() {
		a.queue = a.queue[1:]
	}
}

// refuseAll answers all who wait.
func (a *Actor) refuseAll(why error) {
	for at := a.pending.Front(); at != nil; at = a.pending.Front() {
		if l, ok := at.Value.(*lookUp); ok {
			l.answer(messages.BackendsFound{Err: why})
			l.place = nil
		}
		a.pending.Remove(at)
	}
}

// Run asks the sources and resolves what they name.
func (l *lookUp) Run(ctx context.Context) error {
	late := errSlow(l.limit)
	ctx, cancel := context.WithTimeoutCause(ctx, l.until.Sub(l.names.now()), late)
	defer cancel()
	if l.host != nil {
		l.answer(l.findHost(ctx))
		return nil
	}
	urls, err := l.collect(ctx)
	if err == nil && len(urls) > 0 {
		var backends []messages.Backend
		if backends, err = l.resolve(ctx, urls); err == nil {
			l.answer(messages.BackendsFound{Backends: backends})
			return nil
		}
	}
	if err != nil {
		err = fmt.Errorf("looking up the backends of user '%s': %w", l.asked.User, err)
		l.log.Warn().Err(err).Str("pool", string(l.asked.Pool)).Msg("a client's own list of backends cannot be had; the client is refused")
	}
	l.answer(messages.BackendsFound{Err: err})
	return nil
}

// collect joins what the sources have. Nothing at all is an error where one of
// them could not be asked: it might have had something.
func (l *lookUp) collect(ctx context.Context) ([]backendurl.URL, error) {
	who := stores.Asker{User: l.asked.User, Group: l.asked.Group, Client: l.asked.Client, Vars: l.asked.Vars}
	var urls []backendurl.URL
	var errs []error
	ask := func(s stores.Source) (missing bool) {
		list, err := s.Backends(ctx, who)
		switch {
		case errors.Is(err, stores.ErrNoList):
			return errors.Is(err, fs.ErrNotExist)
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", s, err))
		}
		urls = append(urls, list...)
		return false
	}
	for _, s := range l.plan.Files {
		if ask(s) {
			break
		}
	}
	for _, s := range l.plan.Queries {
		ask(s)
	}
	if len(urls) == 0 {
		if late := context.Cause(ctx); late != nil { // "no list" of a source that was cut short says nothing
			errs = append(errs, late)
		}
		return nil, errors.Join(errs...)
	}
	for _, err := range errs {
		l.log.Warn().Err(err).Str("user", l.asked.User).Msg("a source of backends is skipped; others had a list for this client")
	}
	if len(urls) > maxFound {
		l.log.Warn().Str("user", l.asked.User).Int("found", len(urls)).Int("used", maxFound).Msg("a client's list of backends is too long; the rest is not used")
		urls = urls[:maxFound]
	}
	return urls, nil
}

// resolve makes backends of URLs, in their order. Those without any address are
// left out, unless there is no other.
func (l *lookUp) resolve(ctx context.Context, urls []backendurl.URL) ([]messages.Backend, error) {
	answers := make([]answer, len(urls))
	asking := pool.New().WithMaxGoroutines(atOnce)
	for i, u := range urls {
		if _, literal := u.Address(); literal {
			answers[i] = l.names.find(ctx, u, nil, asKnown)
			continue
		}
		asking.Go(func() { answers[i] = l.names.find(ctx, u, nil, asKnown) })
	}
	asking.Wait()
	var backends []messages.Backend
	var lost []error
	for i, u := range urls {
		if len(answers[i].backends) == 0 {
			lost = append(lost, fmt.Errorf("error parsing '%s': %w", u, answers[i].trouble))
			continue
		}
		backends = append(backends, asBackends(answers[i].backends, u)...)
	}
	if len(backends) == 0 {
		return nil, errors.Join(lost[:min(len(lost), atOnce)]...)
	}
	for _, err := range lost {
		l.log.Warn().Err(err).Str("user", l.asked.User).Msg("a looked up backend is skipped; others of the list are there")
	}
	return backends, nil
}
