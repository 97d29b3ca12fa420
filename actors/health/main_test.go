package health_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/health"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise/supervisetest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDead = errors.New("connection refused")

// house is a health actor under a supervisor, and what policy hears of it.
type house struct {
	*health.Actor
	t    testing.TB
	log  *logtest.Lines
	stop func() // ends the actor and waits

	mu    sync.Mutex
	heard map[string]messages.HealthChanged // by pool and key: the last word
	words int
	deaf  chan struct{} // policy does not listen until it is closed; nil: it does
	seq   map[string]uint64
}

func start(t testing.TB, cfg health.Config) *house { return startDeaf(t, cfg, nil) }

func startDeaf(t testing.TB, cfg health.Config, deaf chan struct{}) *house {
	h := &house{t: t, log: &logtest.Lines{}, heard: map[string]messages.HealthChanged{}, seq: map[string]uint64{}, deaf: deaf}
	if cfg.Store == nil {
		cfg.Store = in(memory.New())
	}
	policy := mailbox.New[messages.ToPolicy](1)
	cfg.Policy = policy
	cfg.Log = zerolog.New(h.log).Level(zerolog.InfoLevel)
	h.Actor = health.New(cfg)
	stop := supervisetest.Run(t, h.Actor, h.Mailbox().Retire, nil)
	listening, deafen := context.WithCancel(context.Background())
	var wg conc.WaitGroup
	wg.Go(func() { h.listen(listening, policy) })
	h.stop = sync.OnceFunc(func() { stop(); deafen(); wg.Wait() })
	return h
}

// listen is policy.
func (h *house) listen(ctx context.Context, box mailbox.Mailbox[messages.ToPolicy]) {
	defer box.Retire()
	if h.deaf != nil {
		select {
		case <-h.deaf:
		case <-ctx.Done():
			return
		}
	}
	for {
		select {
		case m := <-box.C():
			if m, ok := m.(messages.HealthChanged); ok {
				h.mu.Lock()
				h.heard[string(m.Pool)+" "+m.Key] = m
				h.words++
				h.mu.Unlock()
			}
		case <-ctx.Done():
			return
		}
	}
}

// in opens a store that is open already.
func in(store stores.Store) func() stores.Store { return func() stores.Store { return store } }

func (h *house) send(m messages.ToHealth) {
	h.t.Helper()
	if err := h.Mailbox().Tell(m, 10*time.Second); err != nil {
		h.t.Fatalf("%T: %v", m, err)
	}
}

// meet says what became of attempts at a backend of the pool "p", one after
// the other: "." a good banner, "x" a failure.
func (h *house) meet(host, what string) {
	h.t.Helper()
	for _, c := range what {
		m := messages.BackendObserved{Pool: "p", Key: keyOf(host)}
		h.seq[host]++
		m.Seq = h.seq[host]
		if c == 'x' {
			m.Err = errDead
		}
		h.send(m)
	}
}

func (h *house) describe() []messages.BackendHealth {
	h.t.Helper()
	d, err := mailbox.Ask(context.Background(), h.Mailbox(), 10*time.Second, func(reply chan<- []messages.BackendHealth) messages.ToHealth {
		return messages.DescribeHealth{Reply: reply}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// state describes a backend; false if nobody knows it.
func (h *house) state(host string) (messages.BackendHealth, bool) {
	h.t.Helper()
	for _, b := range h.describe() {
		if b.Pool == "p" && b.Key == keyOf(host) {
			return b, true
		}
	}
	return messages.BackendHealth{}, false
}

// want checks what the actor says and what policy heard: "up/-1".
func (h *house) want(host, want string) {
	h.t.Helper()
	d, _ := h.state(host)
	m := h.last(host)
	got := fmt.Sprintf("%v/%d", m.State, m.Attempts)
	if got != want || d.State != m.State {
		h.t.Errorf("%s: policy heard %s, the actor says %v (%s); want %s", host, got, d.State, d.Reason, want)
	}
}

// last is policy's last word about a backend, the usual one if there is none.
func (h *house) last(host string) messages.HealthChanged {
	h.describe()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if m, ok := h.heard["p "+keyOf(host)]; ok {
		return m
	}
	return messages.HealthChanged{Attempts: -1}
}

func (h *house) mode(host string, mode messages.BackendMode) messages.BackendModeSet {
	h.t.Helper()
	r, err := mailbox.Ask(context.Background(), h.Mailbox(), 10*time.Second, func(reply chan<- messages.BackendModeSet) messages.ToHealth {
		return messages.SetBackendMode{Key: keyOf(host), Mode: mode, Why: "work on it", Reply: reply}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

var passive = messages.PassiveChecks{On: true, Failures: 2, Expires: 30 * time.Second}

// watch has the pool "p" of one-letter hosts watched.
func (h *house) watch(hosts string, active messages.ActiveChecks) {
	h.t.Helper()
	h.send(messages.WatchPools{Pools: []messages.HealthPool{{ID: "p", Backends: backends(hosts), Passive: passive, Active: active}}})
}

func backends(hosts string) []messages.Backend {
	var out []messages.Backend
	for i, host := range hosts {
		out = append(out, messages.Backend{URL: backend(string(host)), Endpoints: endpoints(i)})
	}
	return out
}

func backend(host string) backendurl.URL {
	return backendurl.URL{Scheme: backendurl.FTP, Host: host, Port: 21, Weight: 1}
}

func keyOf(host string) string { u := backend(host); return u.Key() }

// changes counts the lines in the log about changes of a backend.
func (h *house) changes(host string) int {
	n := 0
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, `"backend":"`+keyOf(host)+`"`) && strings.Contains(line, "a backend's health changed") {
			n++
		}
	}
	return n
}
