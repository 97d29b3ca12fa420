package gateway

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
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
