package data

import (
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if most := flag.Lookup("test.parallel"); most.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) { // nobody said otherwise
		_ = flag.Set(most.Name, "12") // what is parallel here waits for most of its time
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test; only a hang comes near it.
const patience = 20 * time.Second

// way is one of the ways in which a transfer's connections come about.
type way struct {
	ip                        string
	upload                    bool
	frontListens, backListens bool
}

func (w way) String() string {
	name := map[bool]string{true: "upload", false: "download"}[w.upload]
	name += map[bool]string{true: "_front_listens", false: "_front_dials"}[w.frontListens]
	name += map[bool]string{true: "_back_listens", false: "_back_dials"}[w.backListens]
	if w.ip == "::1" {
		return name + "_ipv6"
	}
	return name + "_ipv4"
}

var (
	download = way{ip: "127.0.0.1", frontListens: true}
	upload   = way{ip: "127.0.0.1", frontListens: true, upload: true}
)

// rig is one channel between a client and a backend that the test plays, and
// the mailbox of the session that the test plays, too.
type rig struct {
	ch     *Channel
	inbox  mailbox.Mailbox[messages.ToSession]
	abort  context.CancelFunc
	source *net.TCPConn  // the peer that sends
	dest   *net.TCPConn  // the peer that receives
	over   chan struct{} // closed when Run has returned
}

// start runs a channel and connects both peers to it.
func start(t testing.TB, w way, adjust ...func(*Config)) *rig {
	t.Helper()
	return startWith(t, w, func(*net.TCPConn) {}, adjust...)
}

// startWith is start with something to do on the backend's connection before the
// client's comes about.
func startWith(t testing.TB, w way, onBackend func(*net.TCPConn), adjust ...func(*Config)) *rig {
	t.Helper()
	ip := netip.MustParseAddr(w.ip)
	r := &rig{inbox: mailbox.New[messages.ToSession](4), over: make(chan struct{})}
	cfg := Config{
		Transfer: 7, Upload: w.upload, OpenTimeout: patience,
		Pipes: newPipes(t), Tell: r.inbox,
	}
	front := prepare(t, &cfg.Front, ip, w.frontListens)
	back := prepare(t, &cfg.Back, ip, w.backListens)
	for _, f := range adjust {
		f(&cfg)
	}
	r.ch = New(cfg)
	ctx, abort := context.WithCancel(context.Background())
	r.abort = abort
	var wg conc.WaitGroup
	wg.Go(func() {
		defer close(r.over)
		if err := r.ch.Run(ctx); err != nil {
			t.Errorf("Run returned %v; everything belongs in the report", err)
		}
	})
	t.Cleanup(func() { abort(); r.inbox.Retire(); wg.Wait() })
	r.ch.Proceed()

	backend := back() // the channel turns to the client last
	onBackend(backend)
	client := front()
	r.source, r.dest = backend, client
	if w.upload {
		r.source, r.dest = client, backend
	}
	return r
}

// prepare fills a leg and returns what connects its peer to the channel.
func prepare(t testing.TB, leg *Leg, ip netip.Addr, channelListens bool) func() *net.TCPConn {
	t.Helper()
	ln, _, err := Listen(context.Background(), ip, Ports{})
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(ln.Addr().String())
	if channelListens {
		leg.Listener = ln
		leg.Welcome = func(a netip.Addr) bool { return a == ip }
		return func() *net.TCPConn { return dial(t, addr, netip.Addr{}) }
	}
	leg.Addr = addr
	t.Cleanup(func() { ln.Close() })
	return func() *net.TCPConn {
		t.Helper()
		_ = ln.SetDeadline(time.Now().Add(patience))
		conn, err := ln.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		return patient(t, conn)
	}
}

func dial(t testing.TB, to netip.AddrPort, from netip.Addr) *net.TCPConn {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	conn, err := d.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	return patient(t, conn.(*net.TCPConn))
}

func patient(t testing.TB, conn *net.TCPConn) *net.TCPConn {
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	return conn
}

// pair is two ends of one TCP connection.
func pair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	a, b = socketstest.Pair(t)
	return patient(t, a), b
}

func newPipes(t testing.TB) *Pipes {
	p := NewPipes()
	t.Cleanup(p.Close)
	return p
}

func hear[M messages.ToSession](t testing.TB, r *rig) M {
	t.Helper()
	select {
	case m := <-r.inbox.C():
		got, ok := m.(M)
		if !ok {
			t.Fatalf("heard %#v, want a %T", m, got)
		}
		return got
	case <-time.After(patience):
		var want M
		t.Fatalf("no %T within %v", want, patience)
		panic("unreachable")
	}
}

// broken fails the test unless the transfer is reported as broken like that.
func (r *rig) broken(t testing.TB, side messages.Side, stage messages.Stage) messages.TransferFinished {
	t.Helper()
	got := hear[messages.TransferFinished](t, r)
	if got.Err == nil || got.Side != side || got.Stage != stage || got.Reason == "" {
		t.Fatalf("got %+v, want an error at the %v, stage %v, with a reason", got, side, stage)
	}
	return got
}

// wantReset reads to the end, which has to be a reset.
func wantReset(t testing.TB, conn *net.TCPConn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{conn}); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v, want ECONNRESET", err)
	}
}

func hangUp(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// noise is size bytes that no other seed gives.
func noise(seed byte, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed, byte(size), byte(size >> 8)}).Read(b)
	return b
}

// descriptors counts the open ones of this process, 0 where that is not told.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// asIs is a translator with nothing to do.
type asIs struct{ b []byte }

func (a *asIs) Feed(p []byte) { a.b = append(a.b, p...) }

func (a *asIs) Append(dst []byte) []byte {
	dst = append(dst, a.b...)
	a.b = a.b[:0]
	return dst
}

func (a *asIs) End(dst []byte) []byte { return a.Append(dst) }

// eachPath runs a test over the kernel path, over the copying one, and over the
// chain of what changes bytes.
func eachPath(t *testing.T, test func(t *testing.T, path func(*Config))) {
	t.Run("kernel", func(t *testing.T) { test(t, func(*Config) {}) })
	t.Run("copy", func(t *testing.T) {
		test(t, func(c *Config) { c.Pipes.copyOnly.Store(true) })
	})
	t.Run("chain", func(t *testing.T) {
		test(t, func(c *Config) { c.Translate = &asIs{} })
	})
}
