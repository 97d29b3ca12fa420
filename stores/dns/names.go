package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/sourcegraph/conc"
)

// located is where a name is.
type located struct {
	addrs []netip.Addr // in the order to try, at least one
	ttl   time.Duration
}

// addresses finds the addresses of a name or literal.
func (r *Resolver) addresses(ctx context.Context, name string) (located, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return located{addrs: []netip.Addr{a.Unmap()}, ttl: maxTTL}, nil
	}
	if addrs := r.files().lookUp(name); len(addrs) > 0 {
		return located{addrs: preferred(ctx, addrs), ttl: hostsTTL}, nil
	}
	var at located
	err := r.search(name, func(full string) error {
		var err error
		at, err = r.bothFamilies(ctx, full)
		return err
	})
	return at, err
}

// search calls look with the names that a name may mean until one is there. A
// name that could not be asked for ends it: what it would have been is not
// known, and the next one may be somebody else's.
func (r *Resolver) search(name string, look func(full string) error) error {
	for i := range len(name) {
		if name[i] >= 0x80 {
			return errors.New("a name in DNS is ASCII: write its xn-- form")
		}
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return errors.New("it is no name that DNS could have")
	}
	conf := r.files().conf
	var first *absent
	for _, full := range conf.NameList(name) {
		err := look(full)
		var none *absent
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &none):
			return err
		case first == nil || strings.EqualFold(none.name, dns.Fqdn(name)): // what was written is what is reported
			first = none
		}
	}
	if first == nil {
		return errors.New("it is no name that DNS could have")
	}
	return first
}

// bothFamilies asks for A and AAAA records at one time. What one of them gives
// is enough.
func (r *Resolver) bothFamilies(ctx context.Context, full string) (located, error) {
	var four, six answer
	var errFour, errSix error
	var asking conc.WaitGroup
	asking.Go(func() { six, errSix = r.ask(ctx, full, dns.TypeAAAA) })
	four, errFour = r.ask(ctx, full, dns.TypeA)
	asking.Wait()

	at := located{ttl: maxTTL}
	for _, a := range []answer{six, four} {
		if found := a.addresses(); len(found) > 0 {
			at.addrs = append(at.addrs, found[:min(len(found), maxAddresses/2)]...)
			at.ttl = min(at.ttl, a.ttl)
		}
	}
	if len(at.addrs) > 0 {
		at.addrs = preferred(ctx, at.addrs)
		return at, nil
	}
	for _, err := range []error{errFour, errSix} {
		var none *absent
		if err != nil && !errors.As(err, &none) {
			return located{}, err
		}
	}
	none := &absent{name: full, what: "address", ttl: min(negativeOr(errFour, maxTTL), negativeOr(errSix, maxTTL))}
	var no *absent
	if errors.As(errFour, &no) {
		none.noName = no.noName
	}
	return located{}, none
}

// absent is the servers' word that something is not there.
type absent struct {
	name   string
	what   string        // what the name lacks
	noName bool          // there is no such name at all
	ttl    time.Duration // how long that is to be believed
}

func (a *absent) Error() string {
	if a.noName {
		return fmt.Sprintf("no such name: '%s'", a.name)
	}
	return fmt.Sprintf("'%s' has no %s", a.name, a.what)
}

// negativeTTL is how long an error stands; 0: nobody said.
func negativeTTL(err error) time.Duration { return negativeOr(err, 0) }

func negativeOr(err error, otherwise time.Duration) time.Duration {
	var none *absent
	if errors.As(err, &none) && none.ttl > 0 {
		return none.ttl
	}
	return otherwise
}
