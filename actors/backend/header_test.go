package backend

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/messages"
)

func TestHeader(t *testing.T) {
	const header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 21\r\n"
	t.Run("goes_ahead_of_the_banner", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		r := start(t, Config{Endpoints: []netip.AddrPort{addr}, Header: []byte(header)})
		conn := accept(t, ln)
		got := make([]byte, len(header))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != header {
			t.Fatalf("the backend read %q, %v", got, err)
		}
		if _, ok := r.hear().(messages.BackendConnected); !ok {
			t.Fatal("no connection was told of")
		}
		_, _ = io.WriteString(conn, "220 hello\r\n")
		if m, ok := r.hear().(messages.ReplyReceived); !ok || m.Reply.Code != 220 {
			t.Errorf("heard %+v", m)
		}
	})
	t.Run("goes_ahead_of_implicit_TLS", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		hello := func(_ context.Context, tcp *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
			_, err := io.WriteString(tcp, "client hello")
			return tcp, messages.TLSInfo{}, err
		}
		r := start(t, Config{Endpoints: []netip.AddrPort{addr}, Header: []byte(header), Implicit: hello})
		conn := accept(t, ln)
		got := make([]byte, len(header)+len("client hello"))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != header+"client hello" {
			t.Fatalf("the backend read %q, %v", got, err)
		}
		r.hear()
	})
	t.Run("goes_to_the_winner_of_a_race_alone", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		other, otherAddr := server(t, "127.0.0.1")
		r := start(t, Config{Endpoints: []netip.AddrPort{addr, otherAddr}, Header: []byte(header)})
		if m, ok := r.hear().(messages.BackendConnected); !ok || m.Remote != addr {
			t.Fatalf("heard %+v", m)
		}
		got := make([]byte, len(header))
		if _, err := io.ReadFull(accept(t, ln), got); err != nil || string(got) != header {
			t.Errorf("the winner read %q, %v", got, err)
		}
		other.Close()
	})
}

// A connection on which the header cannot be sent is none.
func TestHeader_that_cannot_be_sent(t *testing.T) {
	ln, addr := server(t, "127.0.0.1")
	link := New(Config{Header: []byte("PROXY")})
	tcp, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	accept(t, ln)
	link.tcp = tcp
	tcp.Close()
	if err := link.announce(); err == nil || !strings.Contains(err.Error(), "sending the PROXY header") {
		t.Errorf("sending it on a closed connection gave %v", err)
	}
}
