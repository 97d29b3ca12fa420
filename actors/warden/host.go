package warden

import (
	"errors"
	"net/netip"
)

// hostName is the one text that a host has here: with IPv4 its address. With IPv6
// it is its network of 64 bits, 2001:db8:1:2::/64: nobody is given less, and
// whoever has one has an address for every try.
func hostName(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	a = a.Unmap().WithZone("")
	if network, ok := networkOf(a); ok {
		return network.String()
	}
	return a.String()
}

// networkOf is the network of 64 bits that belongs to one customer; false: there
// is none, since strangers share it, or the address is one that is not routed.
func networkOf(a netip.Addr) (netip.Prefix, bool) {
	if !a.Is6() || a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() {
		return netip.Prefix{}, false
	}
	for _, p := range shared {
		if p.Contains(a) {
			return netip.Prefix{}, false
		}
	}
	network, err := a.Prefix(64)
	return network, err == nil
}

// shared are prefixes in which the last 64 bits tell customers apart.
var shared = []netip.Prefix{
	netip.MustParsePrefix("64:ff9b::/96"),   // all of IPv4, behind a NAT64 (RFC 6052)
	netip.MustParsePrefix("64:ff9b:1::/48"), // the same, of local use (RFC 8215)
	netip.MustParsePrefix("2001::/32"),      // all clients of a Teredo server (RFC 4380)
}

// errNetwork refuses what is wider or narrower than a host.
var errNetwork = errors.New("a host is an IPv4 address, or with IPv6 an address or its network of 64 bits (2001:db8:1:2::/64)")

// parseHost is the name of a host as people write it: an address, or a name that
// hostName gave.
func parseHost(text string) (string, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return hostName(a), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return "", err
	}
	if name := hostName(p.Addr()); name == p.Masked().String() {
		return name, nil
	}
	return "", errNetwork
}

// addrText is an address as its owner knows it.
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}
