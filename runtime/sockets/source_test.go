package sockets

import (
	"net/netip"
	"strings"
	"testing"
)

func TestSource(t *testing.T) {
	for name, c := range map[string]struct {
		addrs, to, want string
		lacks           bool
	}{
		"none":                              {"", "192.0.2.9", "", false},
		"IPv4":                              {"192.0.2.1 2001:db8::1", "192.0.2.9", "192.0.2.1", false},
		"IPv6":                              {"192.0.2.1 2001:db8::1", "2001:db8::9", "2001:db8::1", false},
		"the_first_of_a_family":             {"192.0.2.1 192.0.2.2", "192.0.2.9", "192.0.2.1", false},
		"mapped":                            {"::ffff:192.0.2.1", "::ffff:192.0.2.9", "192.0.2.1", false},
		"other_family":                      {"192.0.2.1", "2001:db8::9", "", true},
		"loopback_to_loopback":              {"127.0.0.1", "127.0.0.5", "127.0.0.1", false},
		"loopback_to_elsewhere":             {"127.0.0.1", "192.0.2.9", "", false},
		"IPv6_loopback_to_elsewhere":        {"::1", "2001:db8::9", "", false},
		"an_address_of_the_net_to_loopback": {"192.0.2.1", "127.0.0.1", "192.0.2.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			var addrs []netip.Addr
			for _, a := range strings.Fields(c.addrs) {
				addrs = append(addrs, netip.MustParseAddr(a))
			}
			var want netip.Addr
			if c.want != "" {
				want = netip.MustParseAddr(c.want)
			}
			s, to := SourceOf(addrs...), netip.MustParseAddr(c.to)
			if got := s.For(to); got != want {
				t.Errorf("%v is reached from %v, want %v", to, got, want)
			}
			if s.Lacks(to) != c.lacks {
				t.Errorf("it lacks one: %v", s.Lacks(to))
			}
		})
	}
}
