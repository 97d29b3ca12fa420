// Package dns finds the backends that a URL stands for: the addresses of its
// host, the targets of its SRV records (RFC 2782), or the URL in its TXT
// records, with how long that holds. And it finds the names of clients' addresses.
//
// Its rules:
//   - A name in the hosts file is what that says; all others go to the servers,
//     one after the other, with the search list of resolv.conf. A server that
//     was silent or broken is asked last for a while.
//   - Every wait has a deadline, every answer a bound. An answer counts when it
//     fits the question; within it, only records that the asked name leads to.
//   - "No such name" is an answer, and stands for as long as it says; silence
//     and SERVFAIL are none, and lead to the next server, never to another name.
package dns

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

// Bounds.
const (
	minTTL = time.Second
	maxTTL = time.Hour
	// hostsTTL is how long a line of the hosts file holds, which says nothing of it.
	hostsTTL = time.Minute
	// againTTL is when a set of targets is asked for again of which one was not found.
	againTTL = 15 * time.Second

	maxServers   = 8
	maxTargets   = 64 // of one SRV name
	maxAddresses = 32 // of one name
	maxChain     = 8  // CNAMEs in a row
	maxTexts     = 64 // TXT records looked at
	parallel     = 8  // names of one SRV set that are asked for at one time
)

// Config says whom to ask. The zero value means what the system says.
type Config struct {
	Servers  []netip.AddrPort // instead of those of resolv.conf (ProxyDNSServer)
	Resolv   string           // "" means /etc/resolv.conf
	Hosts    string           // "" means /etc/hosts
	Timeout  time.Duration    // for one answer of one server; 0 means 2 s
	Attempts int              // rounds over all servers; 0 means 2
	Limit    time.Duration    // for one Resolve; 0 means 10 s
}

func (c Config) withDefaults() Config {
	if c.Resolv == "" {
		c.Resolv = "/etc/resolv.conf"
	}
	if c.Hosts == "" {
		c.Hosts = "/etc/hosts"
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
	if c.Attempts <= 0 {
		c.Attempts = 2
	}
	if c.Limit <= 0 {
		c.Limit = 10 * time.Second
	}
	return c
}

// Resolver is a stores.Resolver. It holds no sockets between questions.
type Resolver struct {
	cfg Config

	mu     sync.Mutex
	system system
	failed map[netip.AddrPort]time.Time // servers that lately gave no answer, and since when
}

// New returns a resolver. It reads the system's files when it is first asked,
// and again when they changed.
func New(cfg Config) *Resolver {
	return &Resolver{cfg: cfg.withDefaults(), failed: map[netip.AddrPort]time.Time{}}
}

// Use changes the servers, as Config.Servers has them, from the next question on.
func (r *Resolver) Use(servers []netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Servers, r.system = servers, system{}
}

// Resolve finds what u stands for. With an error Found.TTL says how long the
// servers want "no such name" to be believed; 0: they did not say.
func (r *Resolver) Resolve(ctx context.Context, u backendurl.URL) (stores.Found, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.Limit, fmt.Errorf("no answer within %v", r.cfg.Limit))
	defer cancel()
	var found stores.Found
	var err error
	switch u.Discovery {
	case backendurl.DiscoverSRV:
		found, err = r.srv(ctx, u)
	case backendurl.DiscoverTXT:
		found, err = r.txt(ctx, u)
	default:
		found, err = r.plain(ctx, u)
	}
	if err != nil {
		return stores.Found{TTL: negativeTTL(err)}, fmt.Errorf("resolving '%s': %w", u.Host, err)
	}
	return found, nil
}

// plain is a URL with an address or a name of its own.
func (r *Resolver) plain(ctx context.Context, u backendurl.URL) (stores.Found, error) {
	if a, ok := u.Address(); ok {
		return stores.Found{Backends: []stores.Resolved{{URL: u, Endpoints: endpoints([]netip.Addr{a.Unmap()}, u.Port)}}}, nil
	}
	at, err := r.addresses(ctx, u.Host)
	if err != nil {
		return stores.Found{}, err
	}
	return stores.Found{
		Backends: []stores.Resolved{{URL: u, Endpoints: endpoints(at.addrs, u.Port)}},
		TTL:      at.ttl,
	}, nil
}

func endpoints(addrs []netip.Addr, port uint16) []netip.AddrPort {
	list := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		list[i] = netip.AddrPortFrom(a, port)
	}
	return list
}

// clamp makes a TTL one that can be lived with: a server's 0 would have it
// asked without pause, a week would outlive every change.
func clamp(seconds uint32) time.Duration {
	return min(max(time.Duration(seconds)*time.Second, minTTL), maxTTL)
}
