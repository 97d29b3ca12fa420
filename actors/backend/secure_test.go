package backend

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// veiled is a connection whose bytes are inverted, which takes no handshake to
// agree on. It stands for TLS.
type veiled struct{ net.Conn }

func (v veiled) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	for i := range p[:n] {
		p[i] ^= 0xff
	}
	return n, err
}

func veil(_ context.Context, tcp *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
	return veiled{tcp}, messages.TLSInfo{Version: "veiled"}, nil
}

func inverted(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] ^= 0xff
	}
	return string(b)
}

func (r *rig) wantReply(code int) {
	r.t.Helper()
	m := r.hear()
	if got, ok := m.(messages.ReplyReceived); !ok || got.Reply.Code != code {
		r.t.Fatalf("heard %+v, want %d", m, code)
	}
}

func (r *rig) wantSilence() {
	r.t.Helper()
	select {
	case m := <-r.inbox.C():
		r.t.Fatalf("heard %+v without a nod", m)
	case <-time.After(20 * time.Millisecond):
	}
}

func TestSecure(t *testing.T) {
	t.Run("goes_on_in_the_other_layer_behind_the_final_reply", func(t *testing.T) {
		r, backend, _ := connected(t)
		_, _ = io.WriteString(backend, "220 hello\r\n")
		r.wantReply(220)
		r.link.Hold()
		_, _ = io.WriteString(backend, "150 wait\r\n234 go\r\n")
		r.wantReply(150)
		r.wantReply(234)
		_, _ = io.WriteString(backend, inverted("200 ok\r\n"))
		r.wantSilence()
		r.link.Secure(veil)
		m, ok := r.hear().(messages.BackendSecured)
		if _, wrapped := m.Conn.(veiled); !ok || !wrapped || m.Attempt != 3 || m.TLS.Version != "veiled" {
			t.Fatalf("heard %+v", m)
		}
		r.wantReply(200)
		_, _ = io.WriteString(backend, inverted("201 ok\r\n202 ok\r\n"))
		r.wantReply(201)
		r.wantReply(202)
	})
	t.Run("or_in_clear_with_what_came_meanwhile", func(t *testing.T) {
		r, backend, _ := connected(t)
		r.link.Hold()
		_, _ = io.WriteString(backend, "500 no\r\n200 ok\r\n")
		r.wantReply(500)
		r.wantSilence()
		r.link.Free()
		r.wantReply(200)
	})
	for _, behind := range []string{"200 ok\r\n", "2"} {
		t.Run("does_not_take_what_was_read_in_clear", func(t *testing.T) {
			r, backend, _ := connected(t)
			r.link.Hold()
			_, _ = io.WriteString(backend, "234 go\r\n"+behind)
			r.wantReply(234)
			r.link.Secure(func(context.Context, *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
				t.Error("there was a handshake all the same")
				return nil, messages.TLSInfo{}, errors.ErrUnsupported
			})
			if err := r.wantLost(); !errors.Is(err, ErrPlaintextBehindAuth) {
				t.Errorf("lost by %v", err)
			}
		})
	}
	t.Run("that_fails_ends_the_link", func(t *testing.T) {
		r, backend, _ := connected(t)
		r.link.Hold()
		_, _ = io.WriteString(backend, "234 go\r\n")
		r.wantReply(234)
		no := errors.New("no")
		r.link.Secure(func(context.Context, *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
			return nil, messages.TLSInfo{}, no
		})
		if err := r.wantLost(); err != no {
			t.Errorf("lost by %v", err)
		}
	})
	t.Run("ends_with_the_context_although_deadlines_were_lifted", func(t *testing.T) {
		r, backend, _ := connected(t)
		r.link.Hold()
		_, _ = io.WriteString(backend, "234 go\r\n")
		r.wantReply(234)
		r.link.Secure(func(ctx context.Context, tcp *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
			r.stop(nil)
			<-ctx.Done()
			return tcp, messages.TLSInfo{}, tcp.SetDeadline(time.Time{})
		})
		select {
		case <-r.over:
		case <-time.After(patience):
			t.Fatal("the link still runs")
		}
	})
	t.Run("and_so_does_the_wait_for_a_nod", func(t *testing.T) {
		r, backend, _ := connected(t)
		r.link.Hold()
		_, _ = io.WriteString(backend, "234 go\r\n")
		r.wantReply(234)
		r.stop(nil)
		<-r.over
	})
}

func TestImplicit(t *testing.T) {
	t.Run("is_told_when_it_is_secure", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		r := start(t, Config{Endpoints: []netip.AddrPort{addr}, Implicit: veil})
		backend := accept(t, ln)
		m, ok := r.hear().(messages.BackendConnected)
		if !ok || m.TLS.Version != "veiled" || m.Remote != addr {
			t.Fatalf("heard %+v", m)
		}
		_, _ = io.WriteString(backend, inverted("220 hello\r\n"))
		r.wantReply(220)
	})
	t.Run("or_that_it_cannot_be", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		r := start(t, Config{Endpoints: []netip.AddrPort{addr}, Implicit: func(context.Context, *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
			return nil, messages.TLSInfo{}, errors.New("certificate has expired")
		}})
		backend := accept(t, ln)
		m, ok := r.hear().(messages.BackendUnreachable)
		if !ok || !strings.Contains(m.Err.Error(), "error enabling TLS on control connection to backend server: certificate has expired") {
			t.Fatalf("heard %+v", m)
		}
		<-r.over
		if _, err := io.ReadAll(backend); err != nil {
			t.Errorf("the connection is still open: %v", err)
		}
	})
}
