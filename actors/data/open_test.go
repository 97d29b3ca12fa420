package data

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

// launch runs a channel whose peers may never come.
func launch(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := &rig{inbox: mailbox.New[messages.ToSession](4)}
	cfg.Tell, cfg.Pipes = r.inbox, newPipes(t)
	r.ch = New(cfg)
	ctx, abort := context.WithCancel(context.Background())
	r.abort = abort
	var wg conc.WaitGroup
	wg.Go(func() { _ = r.ch.Run(ctx) })
	t.Cleanup(func() { abort(); r.inbox.Retire(); wg.Wait() })
	return r
}

func listener(t *testing.T) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	ln, _, err := Listen(context.Background(), netip.MustParseAddr("127.0.0.1"), Ports{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln, netip.MustParseAddrPort(ln.Addr().String())
}

func anybody(netip.Addr) bool { return true }

func TestOpenFails(t *testing.T) {
	const soon = 500 * time.Millisecond
	cases := map[string]struct {
		config func(t *testing.T, c *Config)
		side   messages.Side
		reason string
	}{
		"backend_refuses": {func(t *testing.T, c *Config) {
			c.Back.Addr = socketstest.Refused(t)
		}, messages.BackSide, "Connection refused"},
		"backend_does_not_answer": {func(t *testing.T, c *Config) {
			c.Back.Addr, c.ConnectTimeout, c.OpenTimeout = socketstest.Blackhole(t), soon, patience
		}, messages.BackSide, "Connection timed out"},
		"backend_never_comes": {func(t *testing.T, c *Config) {
			c.Back.Listener, _ = listener(t)
			c.Back.Welcome, c.OpenTimeout = anybody, soon
		}, messages.BackSide, "Connection timed out"},
		"client_never_comes": {func(t *testing.T, c *Config) {
			_, c.Back.Addr = listener(t)
			c.Front.Listener, _ = listener(t)
			c.Front.Welcome, c.OpenTimeout = anybody, soon
		}, messages.FrontSide, "Connection timed out"},
		"client_refuses": {func(t *testing.T, c *Config) {
			_, c.Back.Addr = listener(t)
			c.Front.Addr = socketstest.Refused(t)
		}, messages.FrontSide, "Connection refused"},
		"client_does_not_answer": {func(t *testing.T, c *Config) {
			_, c.Back.Addr = listener(t)
			c.Front.Addr, c.OpenTimeout = socketstest.Blackhole(t), soon
		}, messages.FrontSide, "Connection timed out"},
		"source_is_not_ours": {func(t *testing.T, c *Config) {
			_, c.Back.Addr = listener(t)
			c.Back.Source = netip.MustParseAddr("192.0.2.1")
		}, messages.BackSide, "Cannot assign requested address"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var cfg Config
			tc.config(t, &cfg)
			r := launch(t, cfg)
			r.ch.Proceed()
			done := r.broken(t, tc.side, messages.StageOpen)
			if done.Reason != tc.reason || done.Bytes != 0 {
				t.Errorf("told %+v, want the reason %q", done, tc.reason)
			}
		})
	}
}

func TestAbortWhileOpening(t *testing.T) {
	stages := map[string]func(t *testing.T, c *Config) (proceed bool){
		"connecting": func(t *testing.T, c *Config) bool { c.Back.Addr = socketstest.Blackhole(t); return false },
		"before_the_backend_agreed": func(t *testing.T, c *Config) bool {
			_, c.Back.Addr = listener(t)
			c.Front.Listener, _ = listener(t)
			return false
		},
		"accepting_the_backend": func(t *testing.T, c *Config) bool {
			c.Back.Listener, _ = listener(t)
			return true
		},
		"accepting_the_client": func(t *testing.T, c *Config) bool {
			_, c.Back.Addr = listener(t)
			c.Front.Listener, _ = listener(t)
			return true
		},
	}
	for name, config := range stages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var cfg Config
			proceed := config(t, &cfg)
			r := launch(t, cfg)
			if proceed {
				r.ch.Proceed()
			}
			select {
			case m := <-r.inbox.C():
				t.Fatalf("heard %+v before the abort", m)
			case <-time.After(30 * time.Millisecond): // time to get there; getting there later is covered, too
			}
			r.abort()
			done := hear[messages.TransferFinished](t, r)
			if done.Stage != messages.StageAbort || !errors.Is(done.Err, ErrAborted) {
				t.Errorf("told %+v", done)
			}
			for _, leg := range []Leg{cfg.Front, cfg.Back} {
				if leg.Listener == nil {
					continue
				}
				if err := leg.Listener.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
					t.Errorf("the listener is still open: %v", err)
				}
			}
		})
	}
}

// A client cannot open its data connection before the backend's 1xx, but it
// may try: it waits in the listener's queue and costs nothing.
func TestNothingIsOpenedBeforeTheBackendAgrees(t *testing.T) {
	front, frontAddr := listener(t)
	back, backAddr := listener(t)
	r := launch(t, Config{
		Back:  Leg{Listener: back, Welcome: anybody},
		Front: Leg{Addr: frontAddr},
	})
	backend := dial(t, backAddr, netip.Addr{})
	_ = front.SetDeadline(time.Now().Add(30 * time.Millisecond))
	if _, err := front.AcceptTCP(); !isTimeout(err) {
		t.Fatalf("the client was connected to before the backend agreed: %v", err)
	}
	r.ch.Proceed()
	_ = front.SetDeadline(time.Now().Add(patience))
	client, err := front.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	hangUp(backend)
	wantReset(t, client)
}

func TestStrangersAreTurnedAway(t *testing.T) {
	for _, w := range []way{
		{ip: "127.0.0.1", frontListens: true},
		{ip: "127.0.0.1", frontListens: true, upload: true},
		{ip: "127.0.0.1", backListens: true},
	} {
		t.Run(w.String(), func(t *testing.T) {
			var strangers []*net.TCPConn
			r := start(t, w, func(c *Config) {
				ln := c.Front.Listener
				if ln == nil {
					ln = c.Back.Listener
				}
				for _, from := range []string{"127.0.0.2", "127.9.9.9", "127.0.0.3"} {
					s := dial(t, netip.MustParseAddrPort(ln.Addr().String()), netip.MustParseAddr(from))
					_, _ = s.Write([]byte("mine"))
					strangers = append(strangers, s)
				}
			})
			send(t, r.source, []byte("the owner's"))
			got := make([]byte, 11)
			if _, err := io.ReadFull(r.dest, got); err != nil || string(got) != "the owner's" {
				t.Fatalf("the owner got %q, %v", got, err)
			}
			for _, s := range strangers {
				wantReset(t, s)
			}
			hear[messages.DataEnded](t, r)
			r.ch.Settle(true)
			r.dest.Close()
			if done := hear[messages.TransferFinished](t, r); done.Err != nil || done.Bytes != 11 {
				t.Errorf("told %+v", done)
			}
		})
	}
	t.Run("nobody_is_welcome_by_default", func(t *testing.T) {
		ln, addr := listener(t)
		r := launch(t, Config{Back: Leg{Listener: ln}, OpenTimeout: 80 * time.Millisecond})
		stranger := dial(t, addr, netip.Addr{})
		r.ch.Proceed()
		wantReset(t, stranger)
		r.broken(t, messages.BackSide, messages.StageOpen)
	})
}

func TestSource(t *testing.T) {
	cases := []struct{ ip, source, seen string }{
		{"127.0.0.1", "127.0.0.9", "127.0.0.9"},
		{"127.0.0.1", "::ffff:127.0.0.9", "127.0.0.9"},
		{"127.0.0.1", "::1", "127.0.0.1"}, // the other family's: of no use here
		{"::1", "::1", "::1"},
		{"::1", "127.0.0.9", "::1"},
	}
	for _, tc := range cases {
		t.Run(tc.source+"_to_"+tc.ip, func(t *testing.T) {
			if tc.ip == "::1" {
				socketstest.NeedIPv6(t)
			}
			r := start(t, way{ip: tc.ip, frontListens: true}, func(c *Config) {
				c.Back.Source = netip.MustParseAddr(tc.source)
			})
			if got := peerOf(r.source).String(); got != tc.seen {
				t.Errorf("the backend saw %s, want %s", got, tc.seen)
			}
		})
	}
}

func TestReasonShowsNoAddress(t *testing.T) {
	inner := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 4}, Err: errors.New("odd")}
	if got := reason(inner); got != "Input/output error" {
		t.Errorf("got %q", got)
	}
	inner.Err = syscall.EHOSTUNREACH
	if got := reason(inner); got != "No route to host" {
		t.Errorf("got %q", got)
	}
}
