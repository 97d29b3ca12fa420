package gateway

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// resolveTimeout bounds one name's look-up at (re)load.
const resolveTimeout = 5 * time.Second

// addressesOf turns an IP address, a name, or (device) an interface into
// addresses.
func addressesOf(ctx context.Context, what string, device bool) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(what); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if device {
		if addrs := deviceAddresses(what); len(addrs) > 0 {
			return addrs, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", what)
	if err != nil {
		return nil, fmt.Errorf("resolving %q: %w", what, err)
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, nil
}

func deviceAddresses(name string) []netip.Addr {
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return nil
	}
	nets, err := dev.Addrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
			addrs = append(addrs, p.Addr().Unmap())
		}
	}
	return addrs
}

// backendOf resolves one URL.
func backendOf(ctx context.Context, u backendurl.URL) (messages.Backend, error) {
	b := messages.Backend{URL: u}
	if u.Discovery != backendurl.DiscoverNone {
		return b, fmt.Errorf("error parsing '%s': discovery by SRV or TXT records has no effect in this version", u)
	}
	addrs, err := addressesOf(ctx, u.Host, false)
	if err != nil {
		return b, fmt.Errorf("error parsing '%s': %w", u, err)
	}
	for _, a := range addrs {
		b.Endpoints = append(b.Endpoints, netip.AddrPortFrom(a, u.Port))
	}
	return b, nil
}
