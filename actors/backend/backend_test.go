package backend

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/sockets"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// rig is a link and the session that the test plays.
type rig struct {
	t     *testing.T
	link  *Link
	inbox mailbox.Mailbox[messages.ToSession]
	stop  context.CancelCauseFunc
	over  chan struct{}
}

func start(t *testing.T, cfg Config) *rig {
	t.Helper()
	return startWith(t, cfg, mailbox.New[messages.ToSession](2))
}

func startWith(t *testing.T, cfg Config, inbox mailbox.Mailbox[messages.ToSession]) *rig {
	r := &rig{t: t, inbox: inbox, over: make(chan struct{})}
	cfg.Attempt, cfg.Buffers, cfg.Tell = 3, new(readiness.Buffers), r.inbox
	ctx, stop := context.WithCancelCause(context.Background())
	r.stop, r.link = stop, New(cfg)
	var wg conc.WaitGroup
	wg.Go(func() {
		defer close(r.over)
		if err := r.link.Run(ctx); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Cleanup(func() { stop(nil); wg.Wait() })
	return r
}

func (r *rig) hear() messages.ToSession {
	r.t.Helper()
	select {
	case m := <-r.inbox.C():
		return m
	case <-time.After(patience):
		r.t.Fatal("nothing was told")
		return nil
	}
}

func (r *rig) wantLost() error {
	r.t.Helper()
	m := r.hear()
	lost, ok := m.(messages.BackendLost)
	if !ok || lost.Attempt != 3 || lost.Err == nil {
		r.t.Fatalf("heard %+v, want the loss of attempt 3", m)
	}
	return lost.Err
}

// server is a backend's listener, whose every wait is bounded.
func server(t *testing.T, ip string) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	if ip == "::1" {
		socketstest.NeedIPv6(t)
	}
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	_ = ln.SetDeadline(time.Now().Add(patience))
	return ln, ln.Addr().(*net.TCPAddr).AddrPort()
}

func accept(t *testing.T, ln *net.TCPListener) *net.TCPConn {
	t.Helper()
	conn, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// connected starts a link to a backend that the test plays.
func connected(t *testing.T) (r *rig, backend *net.TCPConn, link messages.BackendConnected) {
	t.Helper()
	ln, addr := server(t, "127.0.0.1")
	r = start(t, Config{Endpoints: []netip.AddrPort{addr}})
	backend = accept(t, ln)
	m := r.hear()
	link, ok := m.(messages.BackendConnected)
	if !ok {
		t.Fatalf("heard %+v", m)
	}
	return r, backend, link
}

func TestConnect(t *testing.T) {
	t.Run("endpoints_are_tried_in_order", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		other, otherAddr := server(t, "127.0.0.1")
		r := start(t, Config{Endpoints: []netip.AddrPort{socketstest.Refused(t), addr, otherAddr}})
		m, ok := r.hear().(messages.BackendConnected)
		if !ok || m.Attempt != 3 || m.Remote != addr {
			t.Fatalf("heard %+v, want a connection to %v", m, addr)
		}
		conn := accept(t, ln)
		if seen := conn.RemoteAddr().(*net.TCPAddr).AddrPort(); m.Local != seen {
			t.Errorf("told of the local address %v, the backend sees %v", m.Local, seen)
		}
		_ = other.SetDeadline(time.Now().Add(5 * time.Millisecond))
		if _, err := other.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the next endpoint was tried, too: %v", err)
		}
	})
	t.Run("all_failures_are_told_with_their_endpoints", func(t *testing.T) {
		no, dead := socketstest.Refused(t), socketstest.Blackhole(t)
		r := start(t, Config{Endpoints: []netip.AddrPort{no, dead}, Timeout: 100 * time.Millisecond})
		m, ok := r.hear().(messages.BackendUnreachable)
		if !ok || m.Attempt != 3 || !errors.Is(m.Err, syscall.ECONNREFUSED) || !errors.Is(m.Err, os.ErrDeadlineExceeded) {
			t.Fatalf("heard %+v", m)
		}
		for _, part := range []string{no.String(), "timed out connecting to " + dead.String() + " after 100ms"} {
			if !strings.Contains(m.Err.Error(), part) {
				t.Errorf("%q does not say %q", m.Err, part)
			}
		}
		<-r.over
	})
	t.Run("no_endpoint_at_all", func(t *testing.T) {
		r := start(t, Config{})
		if m, ok := r.hear().(messages.BackendUnreachable); !ok || m.Err == nil {
			t.Errorf("heard %+v", m)
		}
	})
	t.Run("over_ipv6", func(t *testing.T) {
		ln, addr := server(t, "::1")
		r := start(t, Config{Endpoints: []netip.AddrPort{addr}})
		if m, ok := r.hear().(messages.BackendConnected); !ok || m.Remote != addr || !m.Local.Addr().Is6() {
			t.Errorf("heard %+v", m)
		}
		accept(t, ln)
	})
	t.Run("from_its_source_address", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		r := start(t, Config{Endpoints: []netip.AddrPort{addr}, Source: sockets.SourceOf(netip.MustParseAddr("127.0.0.77"))})
		m, ok := r.hear().(messages.BackendConnected)
		seen := accept(t, ln).RemoteAddr().(*net.TCPAddr).AddrPort()
		if !ok || m.Local != seen || seen.Addr().String() != "127.0.0.77" {
			t.Errorf("heard %+v, the backend sees %v", m, seen)
		}
	})
	t.Run("the_context_ends_it", func(t *testing.T) {
		r := start(t, Config{Endpoints: []netip.AddrPort{socketstest.Blackhole(t), socketstest.Refused(t)}})
		begin := time.Now()
		r.stop(errors.New("the client left"))
		select {
		case <-r.over:
		case <-time.After(patience):
			t.Fatalf("still connecting after %v", time.Since(begin))
		}
	})
}

func TestReplies(t *testing.T) {
	const dialogue = "220-Welcome\r\n to the\r\n220 server\r\n" + "331 Password\r\n" + "230\r\n"
	want := []ftp.Reply{
		{Code: 220, Text: "Welcome\n to the\nserver"},
		{Code: 331, Text: "Password"},
		{Code: 230},
	}
	for size := 1; size <= len(dialogue); size++ {
		r, backend, _ := connected(t)
		var wg conc.WaitGroup
		wg.Go(func() {
			for rest := dialogue; rest != ""; {
				n := min(size, len(rest))
				_, _ = io.WriteString(backend, rest[:n])
				rest = rest[n:]
			}
			backend.Close()
		})
		for _, w := range want {
			if m, ok := r.hear().(messages.ReplyReceived); !ok || m.Attempt != 3 || m.Reply != w {
				t.Fatalf("in pieces of %d: heard %+v, want %+v", size, m, w)
			}
		}
		if err := r.wantLost(); err != io.EOF {
			t.Errorf("lost by %v, want a proper end", err)
		}
		wg.Wait()
	}
}

func TestLoss(t *testing.T) {
	t.Run("replies_before_what_is_none_are_told", func(t *testing.T) {
		r, backend, _ := connected(t)
		_, _ = io.WriteString(backend, "220 hello\r\nHTTP/1.1 400 Bad Request\r\n\r\n")
		if m, ok := r.hear().(messages.ReplyReceived); !ok || m.Reply.Code != 220 {
			t.Fatalf("heard %+v", m)
		}
		var bad *ftp.ReplyError
		if err := r.wantLost(); !errors.As(err, &bad) {
			t.Errorf("lost by %v", err)
		}
		if _, err := io.ReadAll(backend); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the link is still open: %v", err)
		}
	})
	t.Run("a_reply_without_end_is_bounded", func(t *testing.T) {
		r, backend, _ := connected(t)
		var wg conc.WaitGroup
		wg.Go(func() {
			for {
				if _, err := backend.Write([]byte("220-and so on\r\n")); err != nil {
					return
				}
			}
		})
		var bad *ftp.ReplyError
		if err := r.wantLost(); !errors.As(err, &bad) || !errors.Is(err, ftp.ErrReplyTooLong) {
			t.Errorf("lost by %v", err)
		}
		wg.Wait()
	})
	t.Run("a_reply_cut_off", func(t *testing.T) {
		r, backend, _ := connected(t)
		_, _ = io.WriteString(backend, "226 Transfer comp")
		backend.Close()
		if err := r.wantLost(); err != io.EOF {
			t.Errorf("lost by %v", err)
		}
	})
	t.Run("a_reset", func(t *testing.T) {
		r, backend, _ := connected(t)
		_ = backend.SetLinger(0)
		backend.Close()
		if err := r.wantLost(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("lost by %v", err)
		}
	})
}

func TestTheEndOfTheContext(t *testing.T) {
	wantClosed := func(t *testing.T, r *rig, backend net.Conn, conn net.Conn) {
		t.Helper()
		select {
		case <-r.over:
		case <-time.After(patience):
			t.Fatal("the link still runs")
		}
		if _, err := io.ReadAll(backend); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the backend still sees it open: %v", err)
		}
		if conn == nil {
			return
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a late write gave %v", err)
		}
	}
	t.Run("closes_a_silent_connection", func(t *testing.T) {
		r, backend, link := connected(t)
		r.stop(nil)
		wantClosed(t, r, backend, link.Conn)
		select {
		case m := <-r.inbox.C():
			t.Errorf("its end was told as %+v", m)
		default:
		}
	})
	t.Run("frees_a_link_whose_session_does_not_listen", func(t *testing.T) {
		r, backend, link := connected(t)
		var wg conc.WaitGroup
		wg.Go(func() {
			for { // until the link, full of it, is closed
				if _, err := io.WriteString(backend, "200 ok\r\n"); err != nil {
					return
				}
			}
		})
		for r.inbox.TrySend(messages.TimeReached{}) == nil {
		}
		r.stop(nil)
		<-r.over
		wg.Wait()
		wantClosed(t, r, backend, link.Conn)
	})
	t.Run("or_of_the_session_closes_a_connection_nobody_wants", func(t *testing.T) {
		ln, addr := server(t, "127.0.0.1")
		inbox := mailbox.New[messages.ToSession](2)
		inbox.Retire()
		r := startWith(t, Config{Endpoints: []netip.AddrPort{addr}}, inbox)
		wantClosed(t, r, accept(t, ln), nil)
	})
}
