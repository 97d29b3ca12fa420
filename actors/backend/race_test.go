package backend

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func TestRace(t *testing.T) {
	t.Run("a_silent_endpoint_is_joined_after_its_head_start", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		silent := socketstest.Blackhole(t)
		begin := time.Now()
		r := start(t, Config{Endpoints: []netip.AddrPort{silent, addr}, Timeout: patience})
		if m, ok := r.hear().(messages.BackendConnected); !ok || m.Remote != addr {
			t.Fatalf("heard %+v", m)
		}
		if took := time.Since(begin); took < headStart || took > patience/2 {
			t.Errorf("the second was tried after %v, want %v", took, headStart)
		}
		accept(t, ln)
	})
	t.Run("after_a_refusal_the_next_is_tried_at_once", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		endpoints := slices.Repeat([]netip.AddrPort{socketstest.Refused(t)}, 40)
		begin := time.Now()
		r := start(t, Config{Endpoints: append(endpoints, addr), Timeout: patience})
		if m, ok := r.hear().(messages.BackendConnected); !ok || m.Remote != addr {
			t.Fatalf("heard %+v", m)
		}
		if took := time.Since(begin); took > 40*headStart/2 {
			t.Errorf("40 refusals took %v", took)
		}
		accept(t, ln)
	})
	t.Run("all_share_the_time_of_one_connect", func(t *testing.T) {
		const limit = 400 * time.Millisecond
		dead := []netip.AddrPort{socketstest.Blackhole(t), socketstest.Blackhole(t), socketstest.Blackhole(t)}
		begin := time.Now()
		r := start(t, Config{Endpoints: dead, Timeout: limit})
		m, ok := r.hear().(messages.BackendUnreachable)
		if !ok || !errors.Is(m.Err, os.ErrDeadlineExceeded) {
			t.Fatalf("heard %+v", m)
		}
		if took := time.Since(begin); took < limit || took > 2*limit {
			t.Errorf("three silent endpoints took %v, want %v", took, limit)
		}
		for _, ep := range dead[:2] { // the third was not sent before the time was over
			if !strings.Contains(m.Err.Error(), "timed out connecting to "+ep.String()) {
				t.Errorf("%q does not name %v", m.Err, ep)
			}
		}
	})
	t.Run("the_families_take_turns", func(t *testing.T) {
		ln, addr := server(t, "::1")
		endpoints := []netip.AddrPort{socketstest.Blackhole(t), socketstest.Blackhole(t), socketstest.Blackhole(t), addr}
		begin := time.Now()
		r := start(t, Config{Endpoints: endpoints, Timeout: patience})
		if m, ok := r.hear().(messages.BackendConnected); !ok || m.Remote != addr {
			t.Fatalf("heard %+v", m)
		}
		if took := time.Since(begin); took > 3*headStart {
			t.Errorf("IPv6 was tried after %v, want about %v", took, headStart)
		}
		accept(t, ln)
	})
}

func TestRace_that_is_over_before_it_begins(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("the client left")
	cancel(left)
	_, addr := server(t, "127.0.0.1")
	for _, endpoints := range [][]netip.AddrPort{{addr}, {addr, addr}} {
		conn, err := New(Config{Endpoints: endpoints}).connect(ctx)
		if conn != nil || err == nil {
			t.Errorf("%d endpoints gave %v, %v", len(endpoints), conn, err)
		}
	}
}

// Whoever loses a race must not leave a connection behind. A runner that is called
// back may have arrived all the same: here all start at once, many times.
func TestRace_losers_are_closed(t *testing.T) {
	ln, addr := server(t, "127.0.0.1")
	link := New(Config{})
	link.headStart = time.Nanosecond
	losers := 0
	for range 200 {
		won, err := link.race(t.Context(), []netip.AddrPort{addr, addr, addr, addr})
		if err != nil {
			t.Fatal(err)
		}
		// A connect of our own stands behind all that the race has made.
		last, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(addr))
		if err != nil {
			t.Fatal(err)
		}
		for peer := accept(t, ln); peer.RemoteAddr().String() != last.LocalAddr().String(); peer = accept(t, ln) {
			if peer.RemoteAddr().String() == won.LocalAddr().String() {
				continue
			}
			losers++
			_ = peer.SetReadDeadline(time.Now().Add(patience / 10))
			if _, err := peer.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("a loser's connection is still open: %v", err)
			}
		}
		last.Close()
		won.Close()
	}
	if losers == 0 {
		t.Error("nobody came second in 200 races: this shows nothing")
	}
	t.Logf("%d losers", losers)
}

func TestAlternating(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing":            {"", ""},
		"one_family":         {"192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2"},
		"beginning_with_v6":  {"2001:db8::1 2001:db8::2 192.0.2.1 192.0.2.2", "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2"},
		"beginning_with_v4":  {"192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1", "192.0.2.1 2001:db8::1 192.0.2.2 192.0.2.3"},
		"mapped_is_IPv4":     {"::ffff:192.0.2.1 192.0.2.2 2001:db8::1", "::ffff:192.0.2.1 2001:db8::1 192.0.2.2"},
		"order_is_otherwise": {"192.0.2.9 2001:db8::9 192.0.2.1", "192.0.2.9 2001:db8::9 192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			var in []netip.AddrPort
			for _, a := range strings.Fields(c.in) {
				in = append(in, netip.AddrPortFrom(netip.MustParseAddr(a), 21))
			}
			var got []string
			for _, ep := range alternating(in) {
				got = append(got, ep.Addr().String())
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
