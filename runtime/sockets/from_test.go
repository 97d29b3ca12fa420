package sockets_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/sluice-gateway/sluice/runtime/sockets"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func listen(t *testing.T, ip string) *net.TCPListener {
	t.Helper()
	ln, err := sockets.ListenAny(t.Context(), netip.MustParseAddr(ip))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func at(ln *net.TCPListener) netip.AddrPort { return ln.Addr().(*net.TCPAddr).AddrPort() }

// unused is a port that nobody listens on.
func unused(t *testing.T, ip string) netip.AddrPort {
	t.Helper()
	ln := listen(t, ip)
	ln.Close()
	return at(ln)
}

func TestDialFrom(t *testing.T) {
	t.Run("many_at_once_from_one_port", func(t *testing.T) {
		from := unused(t, "127.0.0.7")
		for range 20 {
			ln := listen(t, "127.0.0.1")
			conn, err := sockets.DialFrom(t.Context(), from, at(ln), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			peer, err := ln.AcceptTCP()
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			if got := peer.RemoteAddr().String(); got != from.String() {
				t.Errorf("it comes from %s, want %s", got, from)
			}
		}
	})
	t.Run("by_IPv6", func(t *testing.T) {
		socketstest.NeedIPv6(t)
		ln, from := listen(t, "::1"), unused(t, "::1")
		conn, err := sockets.DialFrom(t.Context(), from, at(ln), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.LocalAddr().String(); got != from.String() {
			t.Errorf("it leaves from %s, want %s", got, from)
		}
	})
	t.Run("a_port_that_somebody_listens_on_is_unavailable", func(t *testing.T) {
		ln, taken := listen(t, "127.0.0.1"), listen(t, "127.0.0.7")
		conn, err := sockets.DialFrom(t.Context(), at(taken), at(ln), nil)
		if err == nil {
			conn.Close()
		}
		if !sockets.Unavailable(err) || sockets.Forbidden(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("so_is_one_that_leads_there_already", func(t *testing.T) {
		ln, from := listen(t, "127.0.0.1"), unused(t, "127.0.0.7")
		conn, err := sockets.DialFrom(t.Context(), from, at(ln), nil)
		if err != nil {
			t.Fatal(err)
		}
		peer, err := ln.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		// It is not over at all yet: what is left of a closed one (TIME_WAIT) is the same
		// to the system, but on loopback it may be overlooked.
		second, err := sockets.DialFrom(t.Context(), from, at(ln), nil)
		if err == nil {
			second.Close()
		}
		if !sockets.Unavailable(err) {
			t.Errorf("got %v", err)
		}
		conn.Close()
		_, _ = io.Copy(io.Discard, peer)
		peer.Close()
	})
	t.Run("a_refusal_is_about_something_else", func(t *testing.T) {
		conn, err := sockets.DialFrom(t.Context(), unused(t, "127.0.0.7"), unused(t, "127.0.0.1"), nil)
		if err == nil {
			conn.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) || sockets.Unavailable(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the_control_is_asked_first", func(t *testing.T) {
		no := errors.New("no")
		_, err := sockets.DialFrom(t.Context(), unused(t, "127.0.0.7"), unused(t, "127.0.0.1"), func(string, string, syscall.RawConn) error { return no })
		if !errors.Is(err, no) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMayLeaveFrom(t *testing.T) {
	if err := sockets.MayLeaveFrom(unused(t, "127.0.0.1").Port()); err != nil {
		t.Error(err)
	}
	if err := sockets.MayLeaveFrom(at(listen(t, "0.0.0.0")).Port()); err != nil {
		t.Errorf("a port that is taken: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := sockets.MayLeaveFrom(20); err != nil {
			t.Errorf("root: %v", err)
		}
	}
}
