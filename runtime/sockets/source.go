package sockets

import "net/netip"

// Source are the local addresses of outgoing connections, one for each family
// (ProxySourceAddress). The zero Source leaves them to the system.
type Source struct{ IPv4, IPv6 netip.Addr }

// SourceOf takes the first address of each family.
func SourceOf(addrs ...netip.Addr) Source {
	var s Source
	for _, a := range addrs {
		a = a.Unmap()
		switch {
		case a.Is4() && !s.IPv4.IsValid():
			s.IPv4 = a
		case a.Is6() && !s.IPv6.IsValid():
			s.IPv6 = a
		}
	}
	return s
}

// For is the local address to reach another address from; zero: as the system
// likes. That is the answer for a family without an address, and for a loopback
// address where the other is none: nothing could come back to it, and the system
// takes this host's own address on the way there.
func (s Source) For(to netip.Addr) netip.Addr {
	from := s.of(to)
	if from.IsLoopback() && !to.Unmap().IsLoopback() {
		return netip.Addr{}
	}
	return from
}

// Lacks reports whether there are addresses, but none of the family of another.
func (s Source) Lacks(to netip.Addr) bool { return s != Source{} && !s.of(to).IsValid() }

func (s Source) of(to netip.Addr) netip.Addr {
	if to.Unmap().Is4() {
		return s.IPv4
	}
	return s.IPv6
}
