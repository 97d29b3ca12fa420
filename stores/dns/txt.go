package dns

import (
	"context"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

// txt takes the first TXT record that is a plain URL for the backend.
func (r *Resolver) txt(ctx context.Context, u backendurl.URL) (stores.Found, error) {
	var a answer
	err := r.search(u.Host, func(full string) (err error) {
		a, err = r.ask(ctx, full, dns.TypeTXT)
		return err
	})
	if err != nil {
		return stores.Found{}, err
	}
	named, err := urlIn(a, u)
	if err != nil {
		return stores.Found{}, err
	}
	found, err := r.plain(ctx, named.Inherit(u))
	if err != nil {
		return stores.Found{}, fmt.Errorf("its TXT record names '%s': %w", named.Host, err)
	}
	if found.TTL == 0 || found.TTL > a.ttl { // an address in the record holds as long as the record
		found.TTL = a.ttl
	}
	return found, nil
}

// urlIn finds the URL among records that may serve many purposes.
func urlIn(a answer, asked backendurl.URL) (backendurl.URL, error) {
	why := error(nil)
	for i, rr := range a.records {
		t, ok := rr.(*dns.TXT)
		if !ok || i >= maxTexts {
			continue
		}
		// A record is a list of strings; long texts are cut into several.
		for _, text := range append([]string{strings.Join(t.Txt, "")}, t.Txt...) {
			u, err := backendurl.Parse(text)
			switch {
			case err != nil:
				if strings.Contains(text, "://") { // was meant to be one
					why = err
				}
			case u.Discovery != backendurl.DiscoverNone:
				why = fmt.Errorf("a '%s' there leads on to further records", u.Scheme+"+"+backendurl.Scheme(u.Discovery.String()))
			case !speaks(asked.Scheme, u.Scheme):
				why = fmt.Errorf("a %s URL does not serve for %s", u.Scheme, asked.Scheme)
			default:
				return u, nil
			}
		}
	}
	err := fmt.Errorf("none of its %d TXT records is a plain %s URL", len(a.records), asked.Scheme)
	if why != nil {
		err = fmt.Errorf("%w: %w", err, why)
	}
	return backendurl.URL{}, err
}

// speaks tells whether DNS may lead from one protocol to another: never away
// from TLS that was asked for.
func speaks(asked, named backendurl.Scheme) bool {
	return asked == named || asked == backendurl.FTP && named == backendurl.FTPS
}
