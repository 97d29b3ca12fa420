package data

import (
	"net"
	"net/netip"
	"testing"

	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

// TestActivePort: an active client sees the port that it may expect, and is connected
// to all the same where that cannot be had.
func TestActivePort(t *testing.T) {
	source := netip.MustParseAddr("127.0.0.1")
	active := func(t *testing.T, port uint16) (from netip.AddrPort) {
		t.Helper()
		front, client := listener(t)
		back, server := listener(t)
		r := launch(t, Config{Front: Leg{Addr: client, Source: source, Port: port}, Back: Leg{Addr: server}})
		r.ch.Proceed()
		for _, ln := range []*net.TCPListener{back, front} {
			conn, err := ln.AcceptTCP()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			from = netip.MustParseAddrPort(conn.RemoteAddr().String())
		}
		return from
	}
	t.Run("many_share_it", func(t *testing.T) {
		port := socketstest.Refused(t).Port()
		for range 8 {
			if from := active(t, port); from.Port() != port || from.Addr() != source {
				t.Errorf("it comes from %s, want port %d", from, port)
			}
		}
	})
	t.Run("one_that_is_taken_is_none", func(t *testing.T) {
		_, taken := listener(t)
		if from := active(t, taken.Port()); from.Port() == taken.Port() || from.Addr() != source {
			t.Errorf("it comes from %s", from)
		}
	})
	t.Run("none_is_wanted", func(t *testing.T) {
		if from := active(t, 0); from.Addr() != source {
			t.Errorf("it comes from %s", from)
		}
	})
}
