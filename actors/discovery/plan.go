package discovery

import (
	"context"
	"fmt"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

// PoolPlan says where the backends of a pool come from.
type PoolPlan struct {
	ID     messages.PoolID
	Static []List // joined in their order
	// Files and Queries give each client's own list. A source among Files whose
	// error wraps fs.ErrNotExist ends the search there.
	Files, Queries []stores.Source
}

// List is one line of ProxyReverseServers whose URLs are known beforehand.
type List struct {
	URLs []backendurl.URL
	File string // where they were read, and are read again when it changes; "": on the line itself
}

// Prepared is a pool whose static lists are resolved.
type Prepared struct {
	Plan     PoolPlan
	Backends []messages.Backend // of the static lists; nil if there are none

	answers [][]answer // by list and URL
}

// URLError says which URL of a plan cannot be used.
type URLError struct {
	List, Index int // its place in PoolPlan.Static
	URL         backendurl.URL
	Err         error
}

func (e *URLError) Error() string { return fmt.Sprintf("error parsing '%s': %v", e.URL, e.Err) }

// Unwrap gives the reason.
func (e *URLError) Unwrap() error { return e.Err }

// preparing is how many names are asked for at one time before a (re)load.
const preparing = 16

// Prepare resolves the static lists of a pool, by what is known already where
// that still holds. The error is an *URLError for the first URL without any
// address, also from before. It may be called from any goroutine, also before
// Run.
func (a *Actor) Prepare(ctx context.Context, plan PoolPlan) (Prepared, error) {
	p := Prepared{Plan: plan, answers: make([][]answer, len(plan.Static))}
	asking := pool.New().WithMaxGoroutines(preparing)
	for i, l := range plan.Static {
		p.answers[i] = make([]answer, len(l.URLs))
		for k, u := range l.URLs {
			asking.Go(func() { p.answers[i][k] = a.names.find(ctx, u, nil, anew) })
		}
	}
	asking.Wait()
	for i, l := range plan.Static {
		for k, u := range l.URLs {
			found := p.answers[i][k]
			if len(found.backends) == 0 {
				return Prepared{}, &URLError{List: i, Index: k, URL: u, Err: found.trouble}
			}
			p.Backends = append(p.Backends, asBackends(found.backends, u)...)
		}
	}
	return p, nil
}

// asBackends makes a pool's backends of what was found for a URL.
func asBackends(found []stores.Resolved, asked backendurl.URL) []messages.Backend {
	list := make([]messages.Backend, len(found))
	for i, f := range found {
		b := messages.Backend{URL: asked, Endpoints: f.Endpoints, Tier: f.Tier}
		if asked.Discovery != backendurl.DiscoverNone {
			b.URL = f.URL.Inherit(asked)
		}
		if b.URL.Backup {
			b.Tier += messages.BackupTier
		}
		list[i] = b
	}
	return list
}

// lastly gives the later of two times.
func lastly(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
