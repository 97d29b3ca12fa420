package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// maxNames is how many names of one address are tried: whoever owns the address
// writes that list.
const maxNames = 10

// NameOf finds the name of an address: one that leads back to it (RFC 1035 §3.5,
// RFC 1912 §2.1), as anybody can give an address of theirs anybody's name. Empty: it has
// none. Of several the first in the order of the alphabet counts. ttl says how long
// the servers want that to be believed; 0: they did not say. An error means that
// nobody knows.
func (r *Resolver) NameOf(ctx context.Context, addr netip.Addr) (name string, ttl time.Duration, err error) {
	addr = addr.Unmap().WithZone("")
	if name := r.files().names[addr]; name != "" {
		return name, hostsTTL, nil
	}
	question, err := dns.ReverseAddr(addr.String())
	if err != nil {
		return "", 0, fmt.Errorf("looking up the name of %v: %w", addr, err)
	}
	said, err := r.ask(ctx, question, dns.TypePTR)
	if none := (*absent)(nil); errors.As(err, &none) {
		return "", none.ttl, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("looking up the name of %v: %w", addr, err)
	}
	var trouble error
	for _, name := range said.hostNames() {
		ttl, back, err := r.leadsBack(ctx, name, addr)
		switch {
		case back:
			return name, min(ttl, said.ttl), nil
		case ctx.Err() != nil:
			return "", 0, fmt.Errorf("looking up whether '%s' is the name of %v: %w", name, addr, context.Cause(ctx))
		case err != nil && trouble == nil:
			trouble = fmt.Errorf("looking up whether '%s' is the name of %v: %w", name, addr, err)
		}
	}
	return "", said.ttl, trouble
}

// hostNames are those that PTR records give, without what cannot be the name of a
// host and would only mislead where it is shown or compared.
func (a answer) hostNames() []string {
	var names []string
	for _, rr := range a.records {
		if ptr, ok := rr.(*dns.PTR); ok {
			if name := strings.ToLower(strings.TrimSuffix(ptr.Ptr, ".")); hostLike(name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxNames)]
}

// hostLike reports whether a name is one of letters, digits, hyphens and underscores
// (RFC 1123 §2.1, and what is met in the wild), and can be told from an address.
func hostLike(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == "" && !strings.HasPrefix(name, ".")
}

// leadsBack asks for the addresses of a name, of the family of the one that it is said
// to belong to. The name is whole: no search list applies.
func (r *Resolver) leadsBack(ctx context.Context, name string, addr netip.Addr) (ttl time.Duration, back bool, err error) {
	if known := r.files().lookUp(name); len(known) > 0 {
		return hostsTTL, slices.Contains(known, addr), nil
	}
	qtype := dns.TypeAAAA
	if addr.Is4() {
		qtype = dns.TypeA
	}
	at, err := r.ask(ctx, dns.Fqdn(name), qtype)
	if none := (*absent)(nil); errors.As(err, &none) {
		return 0, false, nil
	}
	return at.ttl, err == nil && slices.Contains(at.addresses(), addr), err
}
