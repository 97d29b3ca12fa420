package discovery

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// poolState is what the loop knows of one pool.
type poolState struct {
	plan  PoolPlan
	lists []*static

	changed bool               // it may mean something else than what was sent
	sent    []messages.Backend // what policy has, or is about to have
	told    bool               // by us, not only by ConfigurePools
	again   time.Time          // do not tell it before; zero: at once
}

// static is one list of URLs.
type static struct {
	file    string
	items   []*item
	trouble string // why the file is not used; it was said
}

// item is one URL of a static list.
type item struct {
	url    backendurl.URL
	answer answer
	asked  bool      // answer is one
	asking bool      // a child does it just now
	due    time.Time // when to ask again; zero: never
	said   string    // the trouble that the log knows of
}

func (p *poolState) items() []*item {
	var all []*item
	for _, l := range p.lists {
		all = append(all, l.items...)
	}
	return all
}

// backends joins what all items stand for; ready is false while one of them
// was never asked for.
func (p *poolState) backends() (list []messages.Backend, ready bool) {
	for _, it := range p.items() {
		switch {
		case !it.asked:
			return nil, false
		case len(it.answer.backends) == 0: // it has a place in the list all the same
			list = append(list, asBackends(unknown(it.url), it.url)...)
		default:
			list = append(list, asBackends(it.answer.backends, it.url)...)
		}
	}
	return list, true
}

// adopt takes up new pools. What is on its way to policy may come after what
// the gateway told it: then it is told again.
func (a *Actor) adopt(ctx context.Context, prepared []Prepared) {
	now := a.cfg.Now()
	pools := map[messages.PoolID]*poolState{}
	for _, p := range prepared {
		fresh := &poolState{plan: p.Plan, sent: p.Backends, changed: true}
		for i, l := range p.Plan.Static {
			s := &static{file: l.File}
			for k, u := range l.URLs {
				it := &item{url: u, asked: true, answer: p.answers[i][k]}
				a.schedule(it, now)
				s.items = append(s.items, it)
			}
			fresh.lists = append(fresh.lists, s)
		}
		if old := a.pools[p.Plan.ID]; old != nil && old.told {
			fresh.sent, fresh.told, fresh.again = old.sent, true, old.again
		}
		pools[p.Plan.ID] = fresh
	}
	a.pools = pools
	a.unsorted = true
	a.files.watch(ctx, pools)
}

// schedule says when an item is asked for again: not before it may have changed,
// and not all that came at one time at one time.
func (a *Actor) schedule(it *item, now time.Time) {
	it.due = it.answer.until
	if left := it.due.Sub(now); !it.due.IsZero() && left > 0 {
		it.due = it.due.Add(time.Duration(a.cfg.Rand.Int64N(int64(left)/10 + 1)))
	}
	a.report(it)
}

// report says what is wrong with a name once, and once that it is well again.
func (a *Actor) report(it *item) {
	switch trouble := it.answer.trouble; {
	case trouble == nil && it.said != "":
		it.said = ""
		a.log.Info().Stringer("backend", it.url).Msg("the name of a backend resolves again")
	case trouble != nil && it.said == "":
		it.said = trouble.Error()
		a.log.Warn().Stringer("backend", it.url).Err(trouble).Int("known", len(it.answer.backends)).
			Msg("the name of a backend does not resolve; the addresses known of it stay in use, and it is tried again")
	}
}

// refreshDue asks for the names whose time has come, as many as may be. It
// returns when the next one's comes.
func (a *Actor) refreshDue(ctx context.Context, now time.Time) time.Time {
	var next time.Time
	for _, p := range a.pools {
		for _, it := range p.items() {
			if it.asking || it.due.IsZero() {
				continue
			}
			if it.due.After(now) {
				next = earlier(next, it.due)
				continue
			}
			if a.refreshes < a.cfg.Refreshes { // else the end of one brings us here again
				it.asking = true
				a.refreshes++
				a.kids.Go(ctx, &refresh{pool: p, item: it, url: it.url, names: a.names, last: it.answer, limit: a.cfg.Limit})
			}
		}
	}
	return next
}

// refresh is the child that asks for one item.
type refresh struct {
	pool  *poolState // the loop's, as is
	item  *item
	url   backendurl.URL
	names *directory
	last  answer
	limit time.Duration

	found answer // for the loop, at the end
}

func (r *refresh) String() string { return "discovery of '" + r.url.String() + "'" }

func (r *refresh) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.limit, fmt.Errorf("no answer within %v", r.limit))
	defer cancel()
	r.found = r.names.find(ctx, r.url, r.last.backends, asKnown)
	return nil
}

func (a *Actor) refreshed(r *refresh, err error) {
	a.refreshes--
	a.unsorted = true
	now := a.cfg.Now()
	it := r.item
	r.pool.changed = true
	it.asking, it.asked = false, true
	if err != nil { // a crash
		r.found = answer{trouble: err}.or(it.answer.backends)
	}
	if r.found.trouble != nil {
		r.found.until = lastly(r.found.until, now.Add(firstRetry))
	}
	it.answer = r.found
	a.schedule(it, now)
}

// deliver tells policy and health of a pool that has changed, one at a time. It
// returns when one that could not be told is to be tried again.
func (a *Actor) deliver(ctx context.Context, now time.Time) time.Time {
	var next time.Time
	for _, p := range a.pools {
		if !p.changed {
			continue
		}
		list, ready := p.backends()
		if !ready { // the end of a refresh brings us here again
			continue
		}
		if same(list, p.sent) {
			p.changed = false
			continue
		}
		if p.again.After(now) {
			next = earlier(next, p.again)
			continue
		}
		if a.posting == nil { // else its end brings us here again
			p.sent, p.told, p.changed = list, true, false
			a.posting = &delivery{id: p.plan.ID, backends: list, policy: a.cfg.Policy, health: a.cfg.Health}
			a.kids.Go(ctx, a.posting)
			a.log.Info().Str("pool", string(p.plan.ID)).Int("backends", len(list)).Msg("the backends of a pool have changed")
		}
	}
	return next
}

// same tells whether two lists mean the same: DNS servers give the addresses of
// a name in changing order.
func same(a, b []messages.Backend) bool {
	return slices.EqualFunc(a, b, func(x, y messages.Backend) bool {
		return x.URL == y.URL && x.Tier == y.Tier && sameEndpoints(x.Endpoints, y.Endpoints)
	})
}

// sameEndpoints compares the order of families, and within each what there is.
func sameEndpoints(a, b []netip.AddrPort) bool {
	return slices.EqualFunc(a, b, func(x, y netip.AddrPort) bool { return x.Addr().Is4() == y.Addr().Is4() }) &&
		slices.Equal(sorted(a), sorted(b))
}

func sorted(list []netip.AddrPort) []netip.AddrPort {
	return slices.SortedFunc(slices.Values(list), netip.AddrPort.Compare)
}
