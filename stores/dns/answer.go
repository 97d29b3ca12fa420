package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// answer is what a name leads to.
type answer struct {
	records []dns.RR // all of the type that was asked for
	ttl     time.Duration
}

// errLoop is the end of a chain of CNAMEs that has none.
var errLoop = fmt.Errorf("its CNAMEs go in a circle, or more than %d follow each other", maxChain)

// ask follows a name to the records of a type, through CNAMEs, which a server
// may answer in one message or one at a time. No record is *absent.
func (r *Resolver) ask(ctx context.Context, name string, qtype uint16) (answer, error) {
	ttl := maxTTL
	for left := maxChain; ; {
		m, err := r.exchange(ctx, name, qtype)
		if err != nil {
			return answer{}, err
		}
		end, via, hops := follow(m, name, left)
		if left -= hops; left < 0 {
			return answer{}, errLoop
		}
		ttl = min(ttl, via)
		a := answer{ttl: ttl}
		for _, rr := range m.Answer {
			if h := rr.Header(); h.Rrtype == qtype && h.Class == dns.ClassINET && sameName(h.Name, end) {
				a.records, a.ttl = append(a.records, rr), min(a.ttl, clamp(h.Ttl))
			}
		}
		switch {
		case len(a.records) > 0:
			return a, nil
		case hops == 0 || m.Rcode == dns.RcodeNameError || soa(m) != nil:
			return answer{}, missing(m, name, qtype, ttl)
		}
		name = end // the server leaves the rest of the chain to us
	}
}

// follow walks the CNAMEs that a message has for a name, at most limit+1 of
// them. It returns the last name, the shortest TTL met and how many there were.
func follow(m *dns.Msg, name string, limit int) (end string, ttl time.Duration, hops int) {
	end, ttl = name, maxTTL
	for ; hops <= limit; hops++ {
		next := alias(m, end)
		if next == nil {
			break
		}
		end, ttl = next.Target, min(ttl, clamp(next.Hdr.Ttl))
	}
	return end, ttl, hops
}

func alias(m *dns.Msg, name string) *dns.CNAME {
	for _, rr := range m.Answer {
		if c, ok := rr.(*dns.CNAME); ok && c.Hdr.Class == dns.ClassINET && sameName(c.Hdr.Name, name) {
			return c
		}
	}
	return nil
}

// missing makes an error of an answer without records: RFC 2308 has the zone's
// SOA say how long that is true.
func missing(m *dns.Msg, name string, qtype uint16, ttl time.Duration) error {
	none := &absent{name: name, what: dns.TypeToString[qtype] + " record", noName: m.Rcode == dns.RcodeNameError}
	if zone := soa(m); zone != nil {
		none.ttl = min(ttl, clamp(min(zone.Hdr.Ttl, zone.Minttl)))
	}
	return none
}

func soa(m *dns.Msg) *dns.SOA {
	for _, rr := range m.Ns {
		if zone, ok := rr.(*dns.SOA); ok {
			return zone
		}
	}
	return nil
}

// sameName compares names as DNS does: ASCII letters without their case.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }

// addresses are those of A and AAAA records that one can connect to.
func (a answer) addresses() []netip.Addr {
	var list []netip.Addr
	for _, rr := range a.records {
		var addr netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			addr, _ = netip.AddrFromSlice(rr.A)
		case *dns.AAAA:
			addr, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if addr = addr.Unmap(); addr.IsValid() && !addr.IsUnspecified() && !addr.IsMulticast() {
			list = append(list, addr)
		}
	}
	return list
}

// verdict says why an answer is none, so that the next server is asked.
func verdict(m *dns.Msg) error {
	switch m.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
	default:
		return fmt.Errorf("it answered %s", dns.RcodeToString[m.Rcode])
	}
	if m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0 && soa(m) == nil && !m.Authoritative && !m.RecursionAvailable {
		return errors.New("it does not know the name and asks nobody else")
	}
	return nil
}
