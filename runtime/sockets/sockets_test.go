package sockets_test

import (
	"net"
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/runtime/sockets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDial(t *testing.T) {
	for _, tt := range []struct {
		name, listen, source, want string
	}{
		{"without_a_source", "127.0.0.1", "", "127.0.0.1"},
		{"from_a_source", "127.0.0.1", "127.0.0.9", "127.0.0.9"},
		{"a_source_of_the_other_family_is_left_out", "127.0.0.1", "::1", "127.0.0.1"},
		{"ipv6", "::1", "", "::1"},
		{"a_mapped_source", "127.0.0.1", "::ffff:127.0.0.8", "127.0.0.8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ln, err := sockets.ListenAny(t.Context(), netip.MustParseAddr(tt.listen))
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			var source netip.Addr
			if tt.source != "" {
				source = netip.MustParseAddr(tt.source)
			}
			conn, err := sockets.Dial(t.Context(), source, ln.Addr().(*net.TCPAddr).AddrPort(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap(); got.String() != tt.want {
				t.Errorf("connected from %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("a_refused_connection_is_an_error", func(t *testing.T) {
		ln, err := sockets.ListenAny(t.Context(), netip.MustParseAddr("127.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		gone := ln.Addr().(*net.TCPAddr).AddrPort()
		ln.Close()
		if conn, err := sockets.Dial(t.Context(), netip.Addr{}, gone, nil); err == nil {
			conn.Close()
			t.Error("connected to a closed port")
		}
	})
}

func TestListenAny(t *testing.T) {
	ports := map[int]bool{}
	for range 50 {
		ln, err := sockets.ListenAny(t.Context(), netip.MustParseAddr("127.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		port := ln.Addr().(*net.TCPAddr).Port
		if ports[port] || port < 1024 {
			t.Errorf("port %d given twice or reserved", port)
		}
		ports[port] = true
	}
	if _, err := sockets.ListenAny(t.Context(), netip.MustParseAddr("192.0.2.1")); err == nil {
		t.Error("listening on an address of nobody's gave no error")
	}
}

func BenchmarkListenAny(b *testing.B) {
	for range b.N {
		ln, err := sockets.ListenAny(b.Context(), netip.MustParseAddr("127.0.0.1"))
		if err != nil {
			b.Fatal(err)
		}
		ln.Close()
	}
}
