package gateway

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/stores"
)

func TestNotify_tells_the_manager_in_order(t *testing.T) {
	r := newRig(t)
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(r.dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	r.env["NOTIFY_SOCKET"] = manager.LocalAddr().String()
	port := freePort(t)
	r.configure("Port 0\n%s", vhost("127.0.0.1", port, backend(t, "b")))
	r.run()
	r.hup()
	r.configure("NoSuchDirective\n")
	r.hup() // a reload that failed is over, too
	r.stop()
	var told []string
	buf := make([]byte, 1024)
	for len(told) == 0 || told[len(told)-1] != "STOPPING=1" {
		_ = manager.SetReadDeadline(time.Now().Add(patience))
		n, err := manager.Read(buf)
		if err != nil {
			t.Fatalf("after %v: %v", told, err)
		}
		first, _, _ := strings.Cut(string(buf[:n]), "\n")
		told = append(told, first)
	}
	if got, want := strings.Join(told, " "), "READY=1 RELOADING=1 READY=1 RELOADING=1 READY=1 STOPPING=1"; got != want {
		t.Errorf("the manager was told %q, want %q", got, want)
	}
}

// fragile is a store whose Load panics when told to, as does its Apply.
type fragile struct {
	stores.Store
	apply, load atomic.Bool
}

func (f *fragile) Apply(ctx context.Context, c []stores.Change) error {
	if f.apply.CompareAndSwap(true, false) {
		panic("boom in Apply")
	}
	return f.Store.Apply(ctx, c)
}

func (f *fragile) Load(ctx context.Context, k stores.Kind) ([]stores.Record, error) {
	if f.load.CompareAndSwap(true, false) {
		panic("boom in Load")
	}
	return f.Store.Load(ctx, k)
}

// Policy falls under a running gateway: sessions go on, the next life knows
// the pools and the open leases.
func TestPolicy_restarts_with_its_pools_and_leases(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.configure("Port 0\n%s", vhost("127.0.0.1", port, backend(t, "b")))
	r.start()
	store := &fragile{Store: r.g.store}
	r.g.store = store
	r.g.choice.use(store)
	r.g.staff()
	r.run()
	running := dial(t, "127.0.0.1", "127.0.0.1", port)
	running.line()
	store.apply.Store(true)
	store.load.Store(true)
	for i := range 5 { // picks lead to writes, and those to the fall
		if got := greeting(t, "127.0.0.1", "127.0.0.1", port); !strings.HasPrefix(got, "220") {
			t.Fatalf("client %d heard %q", i, got)
		}
	}
	r.until("the fall", func() bool { return !store.apply.Load() })
	for i := range 5 {
		if got := greeting(t, "127.0.0.1", "127.0.0.1", port); !strings.HasPrefix(got, "220") {
			t.Fatalf("client %d after the fall heard %q", i, got)
		}
	}
	running.say("USER ann", "331")
	r.until("the return of all leases but one", func() bool { return live(t, r.g) == 1 })
	running.conn.Close()
	r.until("the return of all leases", func() bool { return live(t, r.g) == 0 })
	if !strings.Contains(r.out.String(), "boom in Apply") {
		t.Errorf("the fall is not in the log:\n%s", r.out)
	}
}

func live(t *testing.T, g *Gateway) (n int) {
	t.Helper()
	pools, err := mailbox.Ask(context.Background(), g.choice.policy.Mailbox(), patience, func(reply chan<- []messages.PoolDescribed) messages.ToPolicy {
		return messages.DescribePools{Reply: reply}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pools {
		for _, b := range p.Backends {
			n += b.Live
		}
	}
	return n
}

// The doors fall: their sockets stay open, and with them the clients' way in.
func TestDoors_keep_their_sockets_over_a_fall(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.configure("Port 0\n%s", vhost("127.0.0.1", port, backend(t, "b")))
	r.run()
	// A question that cannot be answered: the channel is closed.
	closed := make(chan struct{})
	close(closed)
	err := r.g.doors.inbox.Tell(messages.HangDoors{Sockets: openSocketsOf(r.g.layout), Done: closed}, patience)
	if err != nil {
		t.Fatal(err)
	}
	r.says("actor restarting")
	for range 3 {
		if got := greeting(t, "127.0.0.1", "127.0.0.1", port); !strings.HasPrefix(got, "220") {
			t.Errorf("after the fall a client heard %q", got)
		}
	}
	r.stop()
	if !refused(port) {
		t.Error("the port is still open")
	}
}

func openSocketsOf(l *layout) (all []messages.OpenSocket) {
	for _, name := range l.names() {
		all = append(all, messages.OpenSocket{Name: name})
	}
	return all
}
