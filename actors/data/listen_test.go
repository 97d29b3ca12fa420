package data

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

// freeRange finds n adjacent ports that were free a moment ago.
func freeRange(t *testing.T, n int) Ports {
	t.Helper()
	for range 100 {
		ln, addr := listener(t)
		ln.Close()
		low := int(addr.Port())
		free := low+n-1 <= 65535
		for p := low; free && p < low+n; p++ {
			probe, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
			if free = err == nil; free {
				probe.Close()
			}
		}
		if free {
			return Ports{uint16(low), uint16(low + n - 1)}
		}
	}
	socketstest.GiveUp(t, "there is no free range of ports")
	return Ports{}
}

func TestListen(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	portOf := func(t *testing.T, ip netip.Addr, r Ports) (port uint16, exhausted bool) {
		t.Helper()
		ln, exhausted, err := Listen(context.Background(), ip, r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		return netip.MustParseAddrPort(ln.Addr().String()).Port(), exhausted
	}
	t.Run("uses_up_its_range_then_any_port", func(t *testing.T) {
		r := freeRange(t, 5)
		seen := map[uint16]bool{}
		for range 5 {
			port, exhausted := portOf(t, local, r)
			if exhausted || port < r.Low || port > r.High || seen[port] {
				t.Fatalf("port %d of %v, seen %v, exhausted %v", port, r, seen, exhausted)
			}
			seen[port] = true
		}
		if port, exhausted := portOf(t, local, r); !exhausted || port == 0 || seen[port] {
			t.Errorf("port %d, exhausted %v", port, exhausted)
		}
	})
	t.Run("starts_anywhere_in_the_range", func(t *testing.T) {
		r := freeRange(t, 16)
		first := map[uint16]bool{}
		for range 64 {
			ln, _, err := Listen(context.Background(), local, r)
			if err != nil {
				t.Fatal(err)
			}
			first[netip.MustParseAddrPort(ln.Addr().String()).Port()] = true
			ln.Close()
		}
		if len(first) < 8 { // by chance about once in 10^17 runs
			t.Errorf("64 listeners began at only %d of 16 ports", len(first))
		}
	})
	t.Run("a_single_port_is_a_range", func(t *testing.T) {
		r := freeRange(t, 1)
		if port, exhausted := portOf(t, local, r); port != r.Low || exhausted {
			t.Errorf("port %d of %v, exhausted %v", port, r, exhausted)
		}
	})
	t.Run("an_empty_range_is_an_error", func(t *testing.T) {
		if _, _, err := Listen(context.Background(), local, Ports{2000, 1999}); err == nil {
			t.Error("no error")
		}
	})
	t.Run("a_mapped_address_is_its_ipv4_address", func(t *testing.T) {
		portOf(t, netip.MustParseAddr("::ffff:127.0.0.1"), Ports{})
	})
	t.Run("an_address_that_is_not_ours_is_an_error", func(t *testing.T) {
		if _, exhausted, err := Listen(context.Background(), netip.MustParseAddr("192.0.2.1"), Ports{40000, 40100}); err == nil || exhausted {
			t.Errorf("exhausted %v, error %v", exhausted, err)
		}
	})
}
