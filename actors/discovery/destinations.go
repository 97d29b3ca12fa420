package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// Hosts that clients of the forward role name. They are looked up by the same
// workers as the lists of clients, within the same bounds.

func (a *Actor) resolve(ctx context.Context, m messages.ResolveDestination) {
	a.hire(ctx, &lookUp{host: &m, until: a.cfg.Now().Add(a.cfg.Limit), limit: a.cfg.Limit, names: a.hosts, log: a.log})
}

// findHost asks for a host once for all its ports. What it stood for before it was
// in trouble does not count: it may belong to somebody else by now.
func (l *lookUp) findHost(ctx context.Context) messages.BackendsFound {
	found := l.names.find(ctx, backendurl.URL{Scheme: backendurl.FTP, Host: l.host.Host, Port: backendurl.FTP.DefaultPort()}, nil, asKnown)
	if found.trouble != nil {
		return messages.BackendsFound{Err: fmt.Errorf("looking up the destination: %w", found.trouble)}
	}
	var at []netip.AddrPort
	for _, b := range found.backends {
		for _, ep := range b.Endpoints {
			at = append(at, netip.AddrPortFrom(ep.Addr(), l.host.Port))
		}
	}
	return messages.BackendsFound{Backends: []messages.Backend{{Endpoints: at}}}
}

var errNoAddress = errors.New("the destination has no address")

// destinationOf is an answer in the terms of ResolveDestination.
func destinationOf(found messages.BackendsFound) messages.DestinationResolved {
	answer := messages.DestinationResolved{Err: found.Err}
	for _, b := range found.Backends {
		answer.Endpoints = append(answer.Endpoints, b.Endpoints...)
	}
	if answer.Err == nil && len(answer.Endpoints) == 0 {
		answer.Err = errNoAddress
	}
	return answer
}
