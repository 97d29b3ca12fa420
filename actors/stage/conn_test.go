package stage

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/runtime/readiness"
)

// line is a control or data connection of a guest, with its client.
func line(t *testing.T, version uint16, exact bool) (client *tls.Conn, far *net.TCPConn, near *Conn) {
	t.Helper()
	far, tcp := tcpPair(t)
	client = tls.Client(far, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
	s := server(t, ServerConfig{})
	var cerr, serr error
	both(func() { cerr = client.Handshake() }, func() {
		near, serr = attempt{limit: patience, exact: exact, wrap: func(c net.Conn) *tls.Conn {
			config := s.base.Clone()
			config.GetCertificate = s.Guest(nil).certificate
			return tls.Server(c, config)
		}}.handshake(within(t), tcp)
	})
	if cerr != nil || serr != nil {
		t.Fatalf("client %v, server %v", cerr, serr)
	}
	_ = near.SetDeadline(time.Now().Add(patience))
	return client, far, near
}

// eachLine runs a claim for both versions and both kinds of connections.
func eachLine(t *testing.T, claim func(t *testing.T, client *tls.Conn, far *net.TCPConn, near *Conn)) {
	t.Helper()
	for name, version := range versions {
		for kind, exact := range map[string]bool{"control": true, "data": false} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				client, far, near := line(t, version, exact)
				claim(t, client, far, near)
			})
		}
	}
}

func TestConn(t *testing.T) {
	t.Run("nothing_to_read_is_no_wait", func(t *testing.T) {
		eachLine(t, func(t *testing.T, client *tls.Conn, _ *net.TCPConn, near *Conn) {
			var b [100]byte
			for range 3 {
				if n, err := near.TryRead(b[:]); n != 0 || !errors.Is(err, readiness.ErrEmpty) {
					t.Fatalf("got %d, %v", n, err)
				}
			}
			_, _ = client.Write([]byte("hello"))
			if n, err := near.Read(b[:]); string(b[:n]) != "hello" || err != nil {
				t.Errorf("got %q, %v", b[:n], err)
			}
		})
	})
	t.Run("close_notify_is_the_end", func(t *testing.T) {
		eachLine(t, func(t *testing.T, client *tls.Conn, _ *net.TCPConn, near *Conn) {
			_, _ = client.Write([]byte("whole"))
			_ = client.CloseWrite()
			if b, err := io.ReadAll(near); string(b) != "whole" || err != nil {
				t.Errorf("got %q, %v", b, err)
			}
			if _, err := near.TryRead(make([]byte, 1)); err != io.EOF {
				t.Errorf("and again: %v", err)
			}
		})
	})
	t.Run("a_fin_without_is_not", func(t *testing.T) {
		eachLine(t, func(t *testing.T, client *tls.Conn, far *net.TCPConn, near *Conn) {
			_, _ = client.Write([]byte("half"))
			_ = far.CloseWrite()
			if b, err := io.ReadAll(near); string(b) != "half" || !errors.Is(err, ErrNoCloseNotify) || errors.Is(err, io.EOF) {
				t.Errorf("got %q, %v", b, err)
			}
		})
	})
	t.Run("a_fin_within_a_record_is_not", func(t *testing.T) {
		eachLine(t, func(t *testing.T, _ *tls.Conn, far *net.TCPConn, near *Conn) {
			_, _ = far.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3})
			_ = far.CloseWrite()
			if _, err := io.ReadAll(near); !errors.Is(err, ErrNoCloseNotify) || errors.Is(err, io.EOF) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("a_reset_is_told", func(t *testing.T) {
		eachLine(t, func(t *testing.T, _ *tls.Conn, far *net.TCPConn, near *Conn) {
			_ = far.SetLinger(0)
			far.Close()
			if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("a_deadline_ends_a_wait_and_not_the_connection", func(t *testing.T) {
		eachLine(t, func(t *testing.T, client *tls.Conn, _ *net.TCPConn, near *Conn) {
			_ = near.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %v", err)
			}
			_ = near.SetReadDeadline(time.Now().Add(patience))
			_, _ = client.Write([]byte("late"))
			b := make([]byte, 10)
			if n, err := near.Read(b); string(b[:n]) != "late" || err != nil {
				t.Errorf("got %q, %v", b[:n], err)
			}
		})
	})
	t.Run("a_damaged_record_is_an_error", func(t *testing.T) {
		eachLine(t, func(t *testing.T, _ *tls.Conn, far *net.TCPConn, near *Conn) {
			_, _ = far.Write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
			if _, err := near.Read(make([]byte, 1)); err == nil || err == io.EOF || errors.Is(err, readiness.ErrEmpty) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("a_close_ends_a_wait", func(t *testing.T) {
		eachLine(t, func(t *testing.T, _ *tls.Conn, _ *net.TCPConn, near *Conn) {
			var err error
			both(func() { _, err = near.Read(make([]byte, 1)) }, func() { near.Close() })
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("what_is_written_arrives", func(t *testing.T) {
		eachLine(t, func(t *testing.T, client *tls.Conn, _ *net.TCPConn, near *Conn) {
			want := make([]byte, 300_000)
			_, _ = rand.Read(want)
			var got []byte
			var werr, rerr error
			both(func() {
				_, werr = near.Write(want)
				werr = errors.Join(werr, near.CloseNotify())
			}, func() { got, rerr = io.ReadAll(client) })
			if werr != nil || rerr != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, %v, %d of %d bytes, or they differ", werr, rerr, len(got), len(want))
			}
		})
	})
}

// dribble has every byte of what a client writes arrive by itself.
type dribble struct{ *net.TCPConn }

func (d dribble) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.TCPConn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func TestConnByteByByte(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			far, tcp := tcpPair(t)
			_ = far.SetNoDelay(true)
			want := bytes.Repeat([]byte("one line after the other\r\n"), 20)
			client := tls.Client(dribble{far}, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			g := server(t, ServerConfig{}).Guest(nil)
			var got []byte
			var cerr, serr error
			both(func() {
				for rest := want; len(rest) > 0 && cerr == nil; rest = rest[26:] {
					_, cerr = client.Write(rest[:26])
				}
				cerr = errors.Join(cerr, client.CloseWrite())
			}, func() {
				conn, _, err := g.Control(within(t), tcp)
				if err != nil {
					serr = err
					return
				}
				_ = conn.SetDeadline(time.Now().Add(patience))
				r, err := readiness.NewReader(conn, new(readiness.Buffers))
				for err == nil {
					var b []byte
					if b, err = r.Read(); err == nil {
						got = append(got, b...)
					}
				}
				serr = err
			})
			if cerr != nil || serr != io.EOF || !bytes.Equal(got, want) {
				t.Errorf("client %v, server %v, %d of %d bytes, or they differ", cerr, serr, len(got), len(want))
			}
		})
	}
}

// After close_notify a control connection goes on in clear (CCC): whatever comes
// in the same segment stays in the kernel.
func TestClearTextBehindTLS(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			far, tcp := tcpPair(t)
			held := &holding{TCPConn: far}
			client := tls.Client(held, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			g := server(t, ServerConfig{}).Guest(nil)
			var conn *Conn
			var cerr, serr error
			both(func() { cerr = client.Handshake() }, func() { conn, _, serr = g.Control(within(t), tcp) })
			if cerr != nil || serr != nil {
				t.Fatal(cerr, serr)
			}
			held.on = true
			_, _ = client.Write([]byte("CCC\r\n"))
			_ = client.CloseWrite()
			held.b = append(held.b, "NOOP\r\n"...)
			_ = far.SetDeadline(time.Now().Add(patience)) // crypto/tls let it pass
			if _, err := far.Write(held.b); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			if b, err := io.ReadAll(conn); string(b) != "CCC\r\n" || err != nil {
				t.Fatalf("in TLS: %q, %v", b, err)
			}
			if err := conn.CloseNotify(); err != nil {
				t.Fatal(err)
			}
			_ = tcp.SetDeadline(time.Now().Add(patience))
			b := make([]byte, 100)
			if n, err := conn.TCP().Read(b); string(b[:n]) != "NOOP\r\n" || err != nil {
				t.Errorf("in clear: %q, %v", b[:n], err)
			}
			if _, err := conn.TCP().Write([]byte("200 ok\r\n")); err != nil {
				t.Errorf("answering in clear: %v", err)
			}
		})
	}
}

// holding keeps what is written for later.
type holding struct {
	*net.TCPConn
	on bool
	b  []byte
}

func (h *holding) Write(p []byte) (int, error) {
	if !h.on {
		return h.TCPConn.Write(p)
	}
	h.b = append(h.b, p...)
	return len(p), nil
}

func TestHandshakesThatFail(t *testing.T) {
	silence := func(*net.TCPConn) {}
	say := func(s string) func(*net.TCPConn) {
		return func(c *net.TCPConn) { _, _ = c.Write([]byte(s)) }
	}
	oversized := binary.BigEndian.AppendUint16([]byte{22, 3, 1}, 0xffff)
	for _, tt := range []struct {
		claim string
		limit time.Duration
		peer  func(*net.TCPConn)
		want  error
		text  string
	}{
		{"silence_reaches_the_limit", 30 * time.Millisecond, silence, os.ErrDeadlineExceeded, "TLS negotiation timed out (0.03 seconds)"},
		{"half_a_record_reaches_the_limit", 30 * time.Millisecond, say("\x16\x03\x01\x00"), os.ErrDeadlineExceeded, "TLS negotiation timed out"},
		{"a_command_is_no_tls", 0, say("USER anonymous\r\n"), ErrNotTLS, `the peer does not speak TLS: it began with "USER "`},
		{"http_is_no_tls", 0, say("GET / HTTP/1.1\r\n\r\n"), ErrNotTLS, ""},
		{"smtp_is_no_tls", 0, say("220 mail ESMTP\r\n"), ErrNotTLS, ""},
		{"garbage_is_no_tls", 0, say("\x00\x01\x02\x03\x04\x05\x06\x07"), ErrNotTLS, ""},
		{"a_record_of_any_size_is_no_tls", 0, say(string(oversized)), ErrNotTLS, ""},
		{"a_close", 0, func(c *net.TCPConn) { c.Close() }, ErrLeft, "the peer closed the connection during the TLS handshake"},
		{"a_close_within_a_record", 0, func(c *net.TCPConn) { say("\x16\x03\x01\x00\x80abc")(c); c.Close() }, ErrLeft, ""},
		{"a_reset", 0, func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() }, syscall.ECONNRESET, ""},
	} {
		for side, begin := range map[string]func(*testing.T, time.Duration) func(context.Context, *net.TCPConn) error{
			"as_server": func(t *testing.T, limit time.Duration) func(context.Context, *net.TCPConn) error {
				g := server(t, ServerConfig{HandshakeLimit: limit}).Guest(nil)
				return func(ctx context.Context, c *net.TCPConn) error { _, _, err := g.Control(ctx, c); return err }
			},
			"as_client": func(t *testing.T, limit time.Duration) func(context.Context, *net.TCPConn) error {
				v := newClient(t, ClientConfig{NoVerify: true, HandshakeLimit: limit}).Visit(link(t, "ftp://ftp.example"))
				return func(ctx context.Context, c *net.TCPConn) error { _, _, err := v.Control(ctx, c); return err }
			},
		} {
			t.Run(tt.claim+"/"+side, func(t *testing.T) {
				do := begin(t, tt.limit)
				far, near := tcpPair(t)
				tt.peer(far)
				err := do(within(t), near)
				if !errors.Is(err, tt.want) || !strings.HasPrefix(err.Error(), tt.text) || strings.ContainsAny(err.Error(), "\r\n") {
					t.Errorf("got %v", err)
				}
			})
		}
	}
	t.Run("a_cancelled_context_says_why_and_closes_nothing", func(t *testing.T) {
		far, near := tcpPair(t)
		ctx, cancel := context.WithCancelCause(within(t))
		why := errors.New("the session is over")
		var err error
		both(func() { _, _, err = server(t, ServerConfig{}).Guest(nil).Control(ctx, near) }, func() { cancel(why) })
		if !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		_ = near.SetDeadline(time.Now().Add(patience))
		if _, err := near.Write([]byte("421 bye\r\n")); err != nil {
			t.Error(err)
		}
		b := make([]byte, 100)
		if n, err := far.Read(b); string(b[:n]) != "421 bye\r\n" {
			t.Errorf("got %q, %v", b[:n], err)
		}
	})
	t.Run("no_limit_is_no_limit", func(t *testing.T) {
		if s := server(t, ServerConfig{HandshakeLimit: -1}); s.limit != 0 {
			t.Errorf("got %v", s.limit)
		}
		if s := server(t, ServerConfig{}); s.limit != 300*time.Second {
			t.Errorf("got %v", s.limit)
		}
	})
}
