package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"github.com/sourcegraph/conc/pool"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

// srv makes a backend of each target of a name's SRV records. Where the name
// has none it is taken for a host with the protocol's usual port, as the peer
// means to do.
func (r *Resolver) srv(ctx context.Context, u backendurl.URL) (stores.Found, error) {
	var a answer
	err := r.search(u.Host, func(full string) (err error) {
		a, err = r.ask(ctx, full, dns.TypeSRV)
		return err
	})
	var none *absent
	if err != nil && !errors.As(err, &none) {
		return stores.Found{}, err
	}
	targets := targetsOf(a)
	if len(targets) == 0 {
		ttl := a.ttl
		if none != nil {
			ttl = none.ttl
		}
		found, err := r.plain(ctx, u.Plain(u.Host, u.Scheme.DefaultPort()).Inherit(u))
		if err != nil {
			return stores.Found{}, fmt.Errorf("it has no SRV records, and is no host either: %w", err)
		}
		if ttl > 0 {
			found.TTL = min(found.TTL, ttl)
		}
		return found, nil
	}
	found := stores.Found{Backends: make([]stores.Resolved, len(targets)), TTL: a.ttl}
	ats, errs := r.locate(ctx, targets)
	lost, tier := 0, 0
	for i, t := range targets {
		if i > 0 && t.priority != targets[i-1].priority {
			tier++ // priorities rank the targets of one name, and not a name among others
		}
		at := ats[i]
		found.Backends[i] = stores.Resolved{
			URL:       t.url(u),
			Endpoints: endpoints(at.addrs, t.port),
			Tier:      tier,
		}
		found.TTL = min(found.TTL, at.ttl)
		if errs[i] != nil {
			lost++
			found.TTL = min(found.TTL, againTTL)
		}
	}
	if lost == len(targets) {
		return stores.Found{}, fmt.Errorf("none of its %d SRV targets has an address: %w", lost, errs[0])
	}
	return found, nil
}

func (r *Resolver) locate(ctx context.Context, targets []target) (ats []located, errs []error) {
	ats, errs = make([]located, len(targets)), make([]error, len(targets))
	asking := pool.New().WithMaxGoroutines(parallel)
	for i, t := range targets {
		asking.Go(func() {
			if ats[i], errs[i] = r.addresses(ctx, t.host); errs[i] != nil {
				ats[i].ttl = maxTTL
				errs[i] = fmt.Errorf("'%s': %w", t.host, errs[i])
			}
		})
	}
	asking.Wait()
	return ats, errs
}

// target is one SRV record.
type target struct {
	host     string // without the dot at its end, which makes it absolute all the same
	port     uint16
	priority uint16
	share    int // the record's weight at first, then a backend's
}

func (t target) url(asked backendurl.URL) backendurl.URL {
	u := asked.Plain(strings.TrimSuffix(t.host, "."), t.port)
	u.Weight = t.share
	return u.Inherit(asked)
}

// targetsOf lists the targets by priority, in an order that does not depend on
// the server's mood. "." is the word for "no such service here".
func targetsOf(a answer) []target {
	var list []target
	for _, rr := range a.records {
		if s, ok := rr.(*dns.SRV); ok && s.Target != "." && s.Port != 0 {
			list = append(list, target{strings.ToLower(s.Target), s.Port, s.Priority, int(s.Weight)})
		}
	}
	slices.SortFunc(list, func(x, y target) int {
		return cmp.Or(cmp.Compare(x.priority, y.priority), cmp.Compare(y.share, x.share),
			cmp.Compare(x.host, y.host), cmp.Compare(x.port, y.port))
	})
	list = once(list)
	list = list[:min(len(list), maxTargets)]
	for first := 0; first < len(list); {
		next := first + 1
		for next < len(list) && list[next].priority == list[first].priority {
			next++
		}
		shares(list[first:next])
		first = next
	}
	return list
}

// once keeps the best rank of each target that is named more than once.
func once(list []target) []target {
	type place struct {
		host string
		port uint16
	}
	seen := map[place]bool{}
	return slices.DeleteFunc(list, func(t target) bool {
		p := place{t.host, t.port}
		again := seen[p]
		seen[p] = true
		return again
	})
}

// seldom is how many times as much as one of weight 0 those with a weight get
// together, at least: RFC 2782 wants "a very small chance" for it.
const seldom = 100

// shares turns the weights of one priority, 0 to 65535, into those of backends,
// 1 to backendurl.MaxWeight: in proportion as far as whole numbers can be, and
// as small as possible.
func shares(tier []target) {
	sum, divisor, most, least := 0, 0, 0, 1
	for _, t := range tier {
		sum, divisor, most, least = sum+t.share, gcd(divisor, t.share), max(most, t.share), min(least, t.share)
	}
	if sum == 0 {
		for i := range tier {
			tier[i].share = 1
		}
		return
	}
	factor := 1
	if least == 0 {
		factor = (seldom*divisor + sum - 1) / sum // ⌈seldom / (sum/divisor)⌉
	}
	over := max(most/divisor*factor, backendurl.MaxWeight) // more than it only where the largest would not fit
	for i, t := range tier {
		whole := t.share / divisor * factor
		tier[i].share = max((whole*backendurl.MaxWeight+over/2)/over, 1)
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
