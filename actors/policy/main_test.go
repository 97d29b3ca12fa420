package policy_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/runtime/supervise/supervisetest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// glog, an import of Badger's dependencies, starts it in its init.
		goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// gateway is a policy actor under a supervisor, as in the real tree.
type gateway struct {
	t    testing.TB
	box  mailbox.Mailbox[messages.ToPolicy]
	stop func() // ends the actor and waits

	mu     sync.Mutex
	events []supervise.Event
}

func start(t testing.TB, cfg policy.Config) *gateway {
	if cfg.Store == nil {
		cfg.Store = memory.New()
	}
	a := policy.New(cfg)
	g := &gateway{t: t, box: a.Mailbox()}
	g.stop = supervisetest.Run(t, a, a.Mailbox().Retire, func(e supervise.Event) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.events = append(g.events, e)
	})
	return g
}

// restarts counts the restarts of the actor so far.
func (g *gateway) restarts() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		if e.Kind == supervise.Restarting {
			n++
		}
	}
	return n
}

func (g *gateway) send(m messages.ToPolicy) {
	g.t.Helper()
	if err := g.box.Tell(m, 10*time.Second); err != nil {
		g.t.Fatalf("%T: %v", m, err)
	}
}

func (g *gateway) pick(id messages.PoolID, tried ...string) messages.BackendPicked {
	g.t.Helper()
	r, err := mailbox.Ask(context.Background(), g.box, 10*time.Second, func(reply chan<- messages.BackendPicked) messages.ToPolicy {
		return messages.PickBackend{Pool: id, Tried: tried, Reply: reply}
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// pickFor asks with all that a client brings.
func (g *gateway) pickFor(m messages.PickBackend) messages.BackendPicked {
	g.t.Helper()
	r, err := mailbox.Ask(context.Background(), g.box, 10*time.Second, func(reply chan<- messages.BackendPicked) messages.ToPolicy {
		m.Pool, m.Reply = "p", reply
		return m
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// user picks for a user and gives the lease back at once.
func (g *gateway) user(name string) (host string) {
	g.t.Helper()
	r := g.pickFor(messages.PickBackend{User: name})
	if r.Err != nil {
		g.t.Fatal(r.Err)
	}
	g.send(messages.ReleaseLease{Lease: r.Lease})
	return r.Backend.URL.Host
}

// journal is a log that tests read.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(b))
	return len(b), nil
}

func (j *journal) log() zerolog.Logger { return zerolog.New(j).Level(zerolog.InfoLevel) }

// with returns the lines that have all the words.
func (j *journal) with(words ...string) (out []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(l, w) }) {
			out = append(out, l)
		}
	}
	return out
}

// picks takes n backends and names their hosts.
func (g *gateway) picks(id messages.PoolID, n int) (hosts string) {
	g.t.Helper()
	for range n {
		r := g.pick(id)
		if r.Err != nil {
			g.t.Fatal(r.Err)
		}
		hosts += r.Backend.URL.Host
	}
	return hosts
}

func (g *gateway) describe() []messages.PoolDescribed {
	g.t.Helper()
	r, err := mailbox.Ask(context.Background(), g.box, 10*time.Second, func(reply chan<- []messages.PoolDescribed) messages.ToPolicy {
		return messages.DescribePools{Reply: reply}
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// live sums the open connections of all backends.
func (g *gateway) live() (n int) {
	for _, p := range g.describe() {
		for _, b := range p.Backends {
			n += b.Live
		}
	}
	return n
}

// servers makes a pool "p" of one-letter hosts.
func servers(policy, hosts string) messages.ConfigurePools {
	p := messages.Pool{ID: "p", Policy: policy}
	for _, h := range hosts {
		p.Backends = append(p.Backends, messages.Backend{URL: backend(string(h))})
	}
	return messages.ConfigurePools{Pools: []messages.Pool{p}}
}

func backend(host string) backendurl.URL {
	return backendurl.URL{Scheme: backendurl.FTP, Host: host, Port: 21, Weight: 1}
}

func keyOf(host string) string { u := backend(host); return u.Key() }

var errStore = errors.New("the disk is gone")

// faulty is a store whose writes fail or wait when told to.
type faulty struct {
	stores.Store
	mu     sync.Mutex
	err    error         // what Apply answers
	gate   chan struct{} // when set, Apply and Load wait for its close
	panics bool
	writes int
	synced int
}

func (f *faulty) set(change func(*faulty)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *faulty) pass(ctx context.Context) error {
	f.mu.Lock()
	gate, err, panics := f.gate, f.err, f.panics
	f.mu.Unlock()
	if panics {
		panic("broken store")
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}

func (f *faulty) Load(ctx context.Context, k stores.Kind) ([]stores.Record, error) {
	if err := f.pass(ctx); err != nil {
		return nil, fmt.Errorf("faulty: %w", err)
	}
	return f.Store.Load(ctx, k)
}

func (f *faulty) Apply(ctx context.Context, c []stores.Change) error {
	if err := f.pass(ctx); err != nil {
		return fmt.Errorf("faulty: %w", err)
	}
	f.set(func(f *faulty) { f.writes++ })
	return f.Store.Apply(ctx, c)
}

func (f *faulty) Sync(ctx context.Context) error {
	f.set(func(f *faulty) { f.synced++ })
	return f.Store.Sync(ctx)
}

func quiet() zerolog.Logger { return zerolog.Nop() }

func addr(n int64) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}) }
