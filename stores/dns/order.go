package dns

import (
	"context"
	"net"
	"net/netip"
)

// preferred puts addresses in the order to try: those that this machine has a
// route to before the others, and the families in turn, IPv6 first, so that
// one that is broken further away costs one attempt (RFC 8305 section 4).
// Within a family the order of the server stays.
func preferred(ctx context.Context, addrs []netip.Addr) []netip.Addr {
	if len(addrs) < 2 {
		return addrs
	}
	var near, far [2][]netip.Addr
	for _, a := range addrs {
		family := 0
		if a.Is4() {
			family = 1
		}
		if routed(ctx, a) {
			near[family] = append(near[family], a)
		} else {
			far[family] = append(far[family], a)
		}
	}
	return append(inTurns(near), inTurns(far)...)
}

func inTurns(families [2][]netip.Addr) []netip.Addr {
	var list []netip.Addr
	for i := range max(len(families[0]), len(families[1])) {
		for _, family := range families {
			if i < len(family) {
				list = append(list, family[i])
			}
		}
	}
	return list
}

// routed asks the kernel for the way: connecting a datagram socket sends nothing.
func routed(ctx context.Context, a netip.Addr) bool {
	c, err := (&net.Dialer{}).DialContext(ctx, "udp", netip.AddrPortFrom(a, 9).String())
	if err != nil {
		return false
	}
	return c.Close() == nil
}
