package data

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
)

// impatient has handshakes end soon.
func impatient(s *stage.ServerConfig, c *stage.ClientConfig) {
	s.HandshakeLimit, c.HandshakeLimit = shortly, shortly
}

// A handshake that fails on one side is a break on the other, and says where and
// at which step it was.
func TestHandshakeFails(t *testing.T) {
	cases := map[string]struct {
		act    func(t *testing.T, tcp *net.TCPConn)
		reason string // empty: any
	}{
		"peer_resets":         {func(_ *testing.T, tcp *net.TCPConn) { lookAndHangUp(tcp) }, "Connection reset by peer"},
		"peer_closes":         {func(_ *testing.T, tcp *net.TCPConn) { tcp.Close() }, ""},
		"peer_says_nothing":   {func(*testing.T, *net.TCPConn) {}, "Connection timed out"},
		"peer_speaks_clear":   {func(_ *testing.T, tcp *net.TCPConn) { _, _ = tcp.Write([]byte("this is no TLS at all\r\n")) }, ""},
		"peer_speaks_old_tls": {func(t *testing.T, tcp *net.TCPConn) { oldTLS(tcp) }, ""},
	}
	for _, side := range []messages.Side{messages.FrontSide, messages.BackSide} {
		for name, tc := range cases {
			t.Run(side.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				m := mix{front: tls13}
				if side == messages.BackSide {
					m = mix{back: tls13}
				}
				h := newHouse(t, m, impatient)
				r := start(t, download, h.secure)
				failing, other := r.dest, r.source
				if side == messages.BackSide {
					failing, other = other, failing
				}
				tc.act(t, failing)
				wantReset(t, other)
				done := r.broken(t, side, messages.StageSecure)
				if tc.reason != "" && done.Reason != tc.reason {
					t.Errorf("a client would be told %q, want %q", done.Reason, tc.reason)
				}
				if done.Bytes != 0 {
					t.Errorf("told %+v", done)
				}
			})
		}
	}
}

// lookAndHangUp lets a hello come first, from who begins with one: a reset that
// meets the end of a connect is one of the connect.
func lookAndHangUp(tcp *net.TCPConn) {
	_ = tcp.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = tcp.Read(make([]byte, 1))
	hangUp(tcp)
}

// oldTLS begins a handshake of a version that nobody speaks any more.
func oldTLS(tcp *net.TCPConn) {
	config := peerConfig(tls.VersionTLS10)
	config.CipherSuites = nil
	_ = tls.Client(tcp, config).Handshake()
}

// Whoever connects to a data port of somebody else's session has no session of
// that to resume.
func TestADataConnectionMustResume(t *testing.T) {
	for _, version := range []uint16{tls12, tls13} {
		m := mix{front: version}
		t.Run(m.String(), func(t *testing.T) {
			h := newHouse(t, m)
			h.client.ClientSessionCache = nil
			var wg conc.WaitGroup
			r := start(t, download, h.secure)
			wg.Go(func() { _, _ = io.Copy(io.Discard, tls.Client(r.dest, h.client)) })
			done := r.broken(t, messages.FrontSide, messages.StageSecure)
			if !errors.Is(done.Err, stage.ErrNotResumed) || done.Reason != "Operation not permitted" {
				t.Errorf("told %+v", done)
			}
			wantReset(t, r.source)
			wg.Wait()
		})
		t.Run(m.String()+"/unless_it_need_not", func(t *testing.T) {
			h := newHouse(t, m, func(s *stage.ServerConfig, _ *stage.ClientConfig) { s.NoSessionReuseRequired = true })
			h.client.ClientSessionCache = nil
			whole(t, startSecure(t, download, h), m, download, noise(8, 1000))
		})
	}
}

func TestAbortInAHandshake(t *testing.T) {
	for _, m := range []mix{{front: tls13}, {back: tls13}} {
		t.Run(m.String(), func(t *testing.T) {
			h := newHouse(t, m)
			r := start(t, download, h.secure) // neither peer says anything
			select {
			case got := <-r.inbox.C():
				t.Fatalf("heard %+v before the abort", got)
			case <-time.After(30 * time.Millisecond): // time to get there; getting there later is covered, too
			}
			r.abort()
			done := hear[messages.TransferFinished](t, r)
			if done.Stage != messages.StageAbort || !errors.Is(done.Err, ErrAborted) {
				t.Errorf("told %+v", done)
			}
			wantReset(t, r.source)
			wantReset(t, r.dest)
		})
	}
}

// A backend that refuses the command has been connected to, but hears nothing of
// TLS: some would take a handshake that is broken off for an attack.
func TestNoHandshakeBeforeTheBackendAgrees(t *testing.T) {
	h := newHouse(t, mix{front: tls13, back: tls13})
	back, backAddr := listener(t)
	front, _ := listener(t)
	cfg := Config{Back: Leg{Addr: backAddr}, Front: Leg{Listener: front, Welcome: anybody}}
	h.secure(&cfg)
	r := launch(t, cfg)
	backend := accepted(t, back)
	_ = backend.SetReadDeadline(time.Now().Add(30 * time.Millisecond)) // too short a time misses a fault, but invents none
	if n, err := backend.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
		t.Fatalf("before its 1xx the backend got %d bytes and %v", n, err)
	}
	_ = backend.SetReadDeadline(time.Now().Add(patience))
	r.abort()
	wantReset(t, backend)
	if done := hear[messages.TransferFinished](t, r); done.Stage != messages.StageAbort {
		t.Errorf("told %+v", done)
	}
}

// The client's handshake begins when the backend's is done.
func TestTheBackendsHandshakeComesFirst(t *testing.T) {
	h := newHouse(t, mix{front: tls13, back: tls13})
	back, backAddr := listener(t)
	front, frontAddr := listener(t)
	cfg := Config{Back: Leg{Addr: backAddr}, Front: Leg{Listener: front, Welcome: anybody}}
	h.secure(&cfg)
	r := launch(t, cfg)
	backend := accepted(t, back)
	client := dial(t, frontAddr, netip.Addr{})
	r.ch.Proceed()
	c := h.peer(messages.FrontSide, client)
	var wg conc.WaitGroup
	var cerr error
	var early bool
	said := make(chan struct{})
	wg.Go(func() {
		cerr = c.greet()
		select {
		case <-said:
		default:
			early = true
		}
	})
	b := h.peer(messages.BackSide, backend)
	<-time.After(30 * time.Millisecond) // too short a time misses a fault, but invents none
	close(said)
	if err := b.greet(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if cerr != nil || early {
		t.Errorf("the client's handshake: %v; before the backend's: %v", cerr, early)
	}
}

func accepted(t *testing.T, ln *net.TCPListener) *net.TCPConn {
	t.Helper()
	_ = ln.SetDeadline(time.Now().Add(patience))
	conn, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	return patient(t, conn)
}

// A handshake's stack goes with its goroutine: the channel's own waits for it.
func TestAPanicInAHandshakeIsTheChannels(t *testing.T) {
	_, backAddr := listener(t)
	ch := New(Config{Pipes: newPipes(t), Back: Leg{Addr: backAddr, Secure: func(context.Context, *net.TCPConn) (*stage.Conn, error) {
		panic("as a test")
	}}})
	ch.Proceed()
	defer func() {
		if recover() == nil {
			t.Error("the panic got lost")
		}
		closeConn(ch.back)
	}()
	_ = ch.Run(t.Context())
}
