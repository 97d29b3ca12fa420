package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise/supervisetest"
	"github.com/sluice-gateway/sluice/stores"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a resolver over a map that a test changes at will.
type world struct {
	mu    sync.Mutex
	names map[string]stores.Found
	errs  map[string]error
	asked map[string]int
	now   int           // questions under way
	most  int           // of them at one time
	takes time.Duration // for each
}

func newWorld() *world {
	return &world{names: map[string]stores.Found{}, errs: map[string]error{}, asked: map[string]int{}}
}

// put gives a name addresses; a target is "tier host:port weight=n addresses…".
func (w *world) put(name string, ttl time.Duration, addrs ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.errs, name)
	r := stores.Resolved{}
	for _, a := range addrs {
		r.Endpoints = append(r.Endpoints, netip.AddrPortFrom(netip.MustParseAddr(a), 0))
	}
	w.names[name] = stores.Found{Backends: []stores.Resolved{r}, TTL: ttl}
}

func (w *world) putSRV(name string, ttl time.Duration, targets ...stores.Resolved) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[name] = stores.Found{Backends: targets, TTL: ttl}
}

func (w *world) fail(name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs[name] = err
}

func (w *world) times(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[name]
}

func (w *world) Resolve(ctx context.Context, u backendurl.URL) (stores.Found, error) {
	w.mu.Lock()
	w.asked[u.Host]++
	w.now++
	w.most = max(w.most, w.now)
	found, known := w.names[u.Host]
	err := w.errs[u.Host]
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.now--
		w.mu.Unlock()
	}()
	if w.takes > 0 {
		select {
		case <-time.After(w.takes):
		case <-ctx.Done():
			return stores.Found{}, context.Cause(ctx)
		}
	}
	switch {
	case errors.Is(err, errPanic):
		panic("resolver")
	case err != nil:
		return stores.Found{}, err
	case !known:
		return stores.Found{TTL: 5 * time.Second}, errors.New("no such name: " + u.Host)
	}
	found.Backends = slices.Clone(found.Backends)
	if u.Discovery == backendurl.DiscoverNone {
		b := &found.Backends[0]
		b.URL, b.Endpoints = u, slices.Clone(b.Endpoints)
		for i, e := range b.Endpoints {
			b.Endpoints[i] = netip.AddrPortFrom(e.Addr(), u.Port)
		}
	}
	return found, nil
}

var errPanic = errors.New("panic")

// house is a discovery actor under a supervisor, with the ears of those whom
// it tells.
type house struct {
	*discovery.Actor
	t      testing.TB
	log    *logtest.Lines
	world  *world
	policy mailbox.Mailbox[messages.ToPolicy]
	health mailbox.Mailbox[messages.ToHealth]
	stop   func()

	mu                 sync.Mutex
	toPolicy, toHealth []string
}

func build(t testing.TB, cfg discovery.Config) *house {
	h := &house{t: t, log: &logtest.Lines{}, world: newWorld(), stop: func() {}}
	h.policy, h.health = mailbox.New[messages.ToPolicy](100), mailbox.New[messages.ToHealth](100)
	if cfg.Resolver == nil {
		cfg.Resolver = h.world
	}
	cfg.Policy, cfg.Health = h.policy, h.health
	cfg.Log = zerolog.New(h.log)
	h.Actor = discovery.New(cfg)
	return h
}

func (h *house) open() *house {
	stop := supervisetest.Run(h.t, h.Actor, h.Mailbox().Retire, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var wg conc.WaitGroup
	wg.Go(func() { h.listen(ctx) })
	h.stop = sync.OnceFunc(func() { stop(); cancel(); wg.Wait() })
	return h
}

func urls(t testing.TB, list ...string) []backendurl.URL {
	t.Helper()
	var all []backendurl.URL
	for _, s := range list {
		u, err := backendurl.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}

// pool is a plan with one static list.
func (h *house) pool(id string, list ...string) discovery.PoolPlan {
	p := discovery.PoolPlan{ID: messages.PoolID(id)}
	if len(list) > 0 {
		p.Static = []discovery.List{{URLs: urls(h.t, list...)}}
	}
	return p
}

func (h *house) prepare(plan discovery.PoolPlan) discovery.Prepared {
	h.t.Helper()
	p, err := h.Prepare(context.Background(), plan)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) adopt(plans ...discovery.PoolPlan) {
	h.t.Helper()
	var all []discovery.Prepared
	for _, p := range plans {
		all = append(all, h.prepare(p))
	}
	h.Adopt(all)
	synctest.Wait()
}

// listen hears what policy and health are told.
func (h *house) listen(ctx context.Context) {
	for {
		select {
		case m := <-h.policy.C():
			if u, ok := m.(messages.UpdatePool); ok {
				h.hear(&h.toPolicy, string(u.ID)+": "+shown(u.Backends))
			}
		case m := <-h.health.C():
			if u, ok := m.(messages.WatchPool); ok {
				h.hear(&h.toHealth, string(u.ID)+": "+shown(u.Backends))
			}
		case <-ctx.Done():
			return
		}
	}
}

func (h *house) hear(words *[]string, word string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*words = append(*words, word)
}

// said are the words that policy got meanwhile; health must have got the same.
func (h *house) said() []string {
	h.t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	policy, health := h.toPolicy, h.toHealth
	h.toPolicy, h.toHealth = nil, nil
	if !slices.Equal(policy, health) {
		h.t.Errorf("policy was told %q, and health %q", policy, health)
	}
	return policy
}

func (h *house) want(words ...string) {
	h.t.Helper()
	if got := h.said(); !slices.Equal(got, words) {
		h.t.Errorf("policy was told %q, want %q", got, words)
	}
}

func shown(list []messages.Backend) string {
	var all []string
	for _, b := range list {
		s := b.URL.Secret()
		if b.Tier != 0 {
			s = fmt.Sprintf("tier %d: %s", b.Tier, s)
		}
		for _, e := range b.Endpoints {
			s += " " + e.String()
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func (h *house) lookUp(pool, user string) messages.BackendsFound {
	h.t.Helper()
	reply := h.ask(pool, user)
	select {
	case found := <-reply:
		return found
	case <-time.After(time.Minute):
		h.t.Fatal("no answer within a minute")
		return messages.BackendsFound{}
	}
}

func (h *house) ask(pool, user string) <-chan messages.BackendsFound {
	h.t.Helper()
	reply := make(chan messages.BackendsFound, 1)
	if err := h.Mailbox().Tell(messages.LookUpBackends{Pool: messages.PoolID(pool), User: user, Reply: reply}, time.Minute); err != nil {
		h.t.Fatal(err)
	}
	return reply
}

// source is a list by user.
type source struct {
	name  string
	lists map[string][]backendurl.URL
	errs  map[string]error
	ask   func(ctx context.Context, who stores.Asker) // before it answers; may be nil
}

func (s *source) String() string { return s.name }

func (s *source) Backends(ctx context.Context, who stores.Asker) ([]backendurl.URL, error) {
	if s.ask != nil {
		s.ask(ctx, who)
	}
	if err := s.errs[who.User]; err != nil {
		return nil, err
	}
	if list := s.lists[who.User]; len(list) > 0 {
		return list, nil
	}
	return nil, stores.ErrNoList
}

func (h *house) loggers() zerolog.Logger { return zerolog.New(h.log) }

// full makes a mailbox one without room, unless it holds nothing anyway.
func full(box mailbox.Mailbox[messages.ToPolicy]) mailbox.Mailbox[messages.ToPolicy] {
	for box.TrySend(messages.ReleaseLease{}) == nil {
		continue
	}
	return box
}

// drain takes what is in a mailbox, and what comes within a time.
func drain(box mailbox.Mailbox[messages.ToPolicy], within time.Duration) []messages.ToPolicy {
	var all []messages.ToPolicy
	for end := time.After(within); ; {
		select {
		case m := <-box.C():
			all = append(all, m)
		case <-end:
			return all
		}
	}
}

// supervised runs the actor once more.
func supervised(ctx context.Context, h *house, ended chan<- error) *conc.WaitGroup {
	var wg conc.WaitGroup
	wg.Go(func() { ended <- h.Run(ctx) })
	wg.Go(func() { h.listen(ctx) })
	return &wg
}
