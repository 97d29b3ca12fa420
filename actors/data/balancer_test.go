package data

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/sluice-gateway/sluice/messages"
)

// A balancer on a passive port speaks for the client of the session, or for nobody
// who gets in. Who is no balancer is not listened to.
func TestBalancer(t *testing.T) {
	const client = "192.0.2.1"
	const ours = "PROXY TCP4 192.0.2.1 198.51.100.1 1111 2222\r\n"
	balancer := netip.MustParseAddr("127.0.0.9")
	ln, at := listener(t)
	back, backAddr := listener(t)
	r := launch(t, Config{
		Upload: true, OpenTimeout: patience,
		Front: Leg{
			Listener: ln,
			Welcome:  func(a netip.Addr) bool { return a == netip.MustParseAddr(client) },
			Balancer: func(a netip.Addr) bool { return a == balancer },
		},
		Back: Leg{Addr: backAddr},
	})
	sink, err := back.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	patient(t, sink)
	r.ch.Proceed()

	for name, c := range map[string]struct{ from, says string }{
		"for_somebody_else":   {"127.0.0.9", "PROXY TCP4 192.0.2.2 198.51.100.1 1111 2222\r\n"},
		"for_itself":          {"127.0.0.9", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"},
		"for_nobody":          {"127.0.0.9", "PROXY UNKNOWN\r\n"},
		"without_a_header":    {"127.0.0.9", "the file's first bytes"},
		"played_by_a_third":   {"127.0.0.8", ours},
		"a_third_by_himself":  {"127.0.0.8", "the file's first bytes"},
		"with_half_a_header_": {"127.0.0.9", ours[:20]},
	} {
		// Who is turned away at once may hear of it by a reset at any of these steps.
		conn, err := net.DialTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(c.from)}, net.TCPAddrFromAddrPort(at))
		if errors.Is(err, syscall.ECONNRESET) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		patient(t, conn)
		_, _ = io.WriteString(conn, c.says)
		if name == "with_half_a_header_" {
			_ = conn.CloseWrite()
		}
		if n, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %d bytes came back, %v", name, n, err)
		}
	}
	rightful := dial(t, at, balancer)
	if _, err := io.WriteString(rightful, ours+"the file"); err != nil {
		t.Fatal(err)
	}
	_ = rightful.CloseWrite()
	ended := hear[messages.DataEnded](t, r)
	r.ch.Settle(true)
	if got, err := io.ReadAll(net.Conn(sink)); err != nil || string(got) != "the file" {
		t.Errorf("the backend got %q, %v (%+v)", got, err, ended)
	}
}
