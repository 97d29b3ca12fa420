package policy_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestEachPolicyGoesByItsName(t *testing.T) {
	client := netip.MustParseAddr("::ffff:192.0.2.7")
	for _, c := range []struct {
		policy string
		by     messages.PickBackend
		stored string // empty: nothing
		host   string
	}{
		{"PerUser", messages.PickBackend{User: "joe", Group: "staff", Client: client}, "u:joe", "b"},      // 111053 mod 3
		{"PerGroup", messages.PickBackend{User: "joe", Group: "staff", Client: client}, "g:staff", ""},    // any
		{"PerHost", messages.PickBackend{User: "joe", Group: "staff", Client: client}, "h:192.0.2.7", ""}, // without ::ffff:
		{"PerUser", messages.PickBackend{Client: client}, "", "a"},
		{"PerHost", messages.PickBackend{User: "joe"}, "", "a"},
		{"PerUser", messages.PickBackend{User: strings.Repeat("x", 600)}, "", ""},
	} {
		t.Run(c.policy+" "+c.stored, func(t *testing.T) {
			store := memory.New()
			g := start(t, policy.Config{Store: store})
			g.send(servers(c.policy, "abc"))
			first := g.pickFor(c.by)
			if again := g.pickFor(c.by); again.Backend.URL != first.Backend.URL || c.host != "" && first.Backend.URL.Host != c.host {
				t.Errorf("%s, then %s, want %q", first.Backend.URL, again.Backend.URL, c.host)
			}
			g.stop()
			records, err := store.Load(context.Background(), stores.KindSticky)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.stored == "":
				if len(records) != 0 {
					t.Errorf("the store has %v", records)
				}
			case len(records) != 1 || records[0].Key != stores.Key{Kind: stores.KindSticky, Pool: "p", Name: c.stored}:
				t.Errorf("the store has %v, want %s", records, c.stored)
			}
		})
	}
}

// TestAssignmentsStay runs lives of a gateway with changing lists over one
// store: who was assigned stays, unless the backend is gone.
func TestAssignmentsStay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store := memory.New()
		list := rapid.SampledFrom([]string{"abc", "ab", "abcdef"}).Draw(rt, "hosts")
		g := start(t, policy.Config{Store: store})
		defer func() { g.stop() }()
		g.send(servers("PerUser", list))
		where := map[string]string{}
		rt.Repeat(map[string]func(*rapid.T){
			"login": func(rt *rapid.T) {
				name := fmt.Sprint("user", rapid.IntRange(0, 30).Draw(rt, "user"))
				host := g.user(name)
				if was := where[name]; was != "" && was != host && strings.Contains(list, was) {
					rt.Fatalf("%s moved from %s to %s in %s", name, was, host, list)
				}
				where[name] = host
			},
			"list": func(rt *rapid.T) {
				list = strings.Join(rapid.Permutation([]string{"a", "b", "c", "d", "e"}).Draw(rt, "order")[:rapid.IntRange(1, 5).Draw(rt, "length")], "")
				m := servers("PerUser", list)
				if rapid.Bool().Draw(rt, "reload") {
					g.send(m)
				} else {
					g.send(messages.UpdatePool{ID: "p", Backends: m.Pools[0].Backends})
				}
			},
			"restart": func(*rapid.T) {
				g.stop()
				g = start(t, policy.Config{Store: store})
				g.send(servers("PerUser", list))
			},
		})
	})
}

func TestAssignmentsMoveOnlyForAReasonAndSaySo(t *testing.T) {
	var log journal
	store := memory.New()
	g := start(t, policy.Config{Store: store, Log: log.log()})
	defer func() { g.stop() }()
	g.send(servers("PerUser", "abc"))
	home := g.user("joe")
	state := func(host string, s messages.HealthState, attempts int) {
		g.send(messages.HealthChanged{Pool: "p", Key: keyOf(host), State: s, Attempts: attempts})
	}
	moves := func() int { return len(log.with("an assignment moved", `"client":"u:joe"`)) }

	// A session that tried it, and doubt: a detour.
	if r := g.pickFor(messages.PickBackend{User: "joe", Tried: []string{keyOf(home)}}); r.Backend.URL.Host == home {
		t.Error("went where it had been")
	}
	state(home, messages.Up, 0)
	if h := g.user("joe"); h == home {
		t.Error("joined the crowd at a backend in doubt")
	}
	state(home, messages.Up, -1)
	if h := g.user("joe"); h != home || moves() != 0 {
		t.Errorf("after detours at %s with %d moves, want %s", h, moves(), home)
	}
	if n := len(log.with("its assignment stays", `"client":"u:joe"`)); n != 2 {
		t.Errorf("%d detours are said, want 2", n)
	}

	state(home, messages.Down, -1)
	second := g.user("joe")
	state(home, messages.Up, -1)
	if h := g.user("joe"); h != second || second == home || moves() != 1 {
		t.Errorf("went from %s to %s to %s with %d moves said", home, second, h, moves())
	}
	if n := len(log.with("an assignment moved", "the backend is down", keyOf(home), keyOf(second))); n != 1 {
		t.Errorf("the reason is not said: %q", log.lines)
	}

	g.stop()
	g = start(t, policy.Config{Store: store, Log: log.log()})
	g.send(servers("PerUser", "abc"))
	if h := g.user("joe"); h != second {
		t.Errorf("after a restart %s, want %s", h, second)
	}
	g.send(servers("PerUser", strings.ReplaceAll("abc", second, "")))
	if h := g.user("joe"); h == second || moves() != 2 {
		t.Errorf("at %s, which is gone; %d moves", h, moves())
	}
}

// candidates is a list that a look-up gave.
func candidates(hosts string) []messages.Backend { return servers("", hosts).Pools[0].Backends }

func TestCandidates(t *testing.T) {
	store := memory.New()
	g := start(t, policy.Config{Store: store})
	g.send(servers("PerUser", "")) // no list of its own
	if r := g.pickFor(messages.PickBackend{User: "joe"}); !errors.Is(r.Err, policy.ErrEmptyPool) {
		t.Errorf("without candidates: %+v", r)
	}
	if r := g.pickFor(messages.PickBackend{User: "joe", Candidates: []messages.Backend{}}); r.Err == nil {
		t.Errorf("with a list of nobody: %+v", r)
	}
	// As many users as backends, each with a list of its own.
	var leases []messages.LeaseID
	for n := range 500 {
		hosts := []messages.Backend{{URL: backend(fmt.Sprint("x", n))}, {URL: backend(fmt.Sprint("y", n))}}
		ask := messages.PickBackend{User: fmt.Sprint("user", n), Candidates: hosts}
		r := g.pickFor(ask)
		ask.Candidates = []messages.Backend{hosts[1], {URL: backend("z")}, hosts[0]}
		again := g.pickFor(ask)
		if r.Err != nil || again.Backend.URL != r.Backend.URL {
			t.Fatalf("%+v, then %+v", r, again)
		}
		leases = append(leases, r.Lease, again.Lease)
		ask.Tried = []string{r.Backend.URL.Key()}
		retry := g.pickFor(ask)
		if retry.Backend.URL == r.Backend.URL {
			t.Fatalf("a retry went to %v again", retry.Backend.URL)
		}
		g.send(messages.ReportFailed{Lease: retry.Lease, Err: errStore})
		g.send(messages.ReportConnected{Lease: r.Lease, Took: 1})
	}
	if d := g.describe()[0]; len(d.Backends) != 500 || g.live() != 1000 || d.Backends[7].Live != 2 {
		t.Errorf("%d backends in use with %d connections", len(d.Backends), g.live())
	}
	for _, l := range leases {
		g.send(messages.ReleaseLease{Lease: l})
	}
	if d := g.describe()[0]; len(d.Backends) != 0 {
		t.Errorf("%d backends are kept that nobody uses", len(d.Backends))
	}
	g.stop()
	for kind, want := range map[stores.Kind]int{stores.KindSticky: 500, stores.KindCounters: 0} {
		if records, err := store.Load(context.Background(), kind); err != nil || len(records) != want {
			t.Errorf("%d records of %v, %v, want %d", len(records), kind, err, want)
		}
	}
}

func TestAssignmentsAreBounded(t *testing.T) {
	store := memory.New()
	g := start(t, policy.Config{Store: store, Sticky: 100})
	g.send(servers("PerUser", "abc"))
	for n := range 300 {
		g.user(fmt.Sprint("user", n))
		g.user("joe")
	}
	g.stop()
	records, err := store.Load(context.Background(), stores.KindSticky)
	if err != nil || len(records) != 100 {
		t.Fatalf("%d assignments are stored, %v, want 100", len(records), err)
	}
	for _, name := range []string{"u:joe", "u:user299", "u:user201"} {
		if !slices.ContainsFunc(records, func(r stores.Record) bool { return r.Key.Name == name }) {
			t.Errorf("%s was used lately, and is not stored", name)
		}
	}
}

func TestAssignmentsAreWrittenOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: memory.New()}
		g := start(t, policy.Config{Store: store})
		defer g.stop()
		g.send(servers("PerUser", "abc"))
		for range 100 {
			g.user("joe")
			time.Sleep(time.Minute)
		}
		store.set(func(f *faulty) {
			if f.writes != 1 {
				t.Errorf("%d writes for 100 logins of one day, want 1", f.writes)
			}
		})
		time.Sleep(24 * time.Hour)
		g.user("joe")
		time.Sleep(time.Minute)
		store.set(func(f *faulty) {
			if f.writes != 2 {
				t.Errorf("%d writes after a login on another day, want 2", f.writes)
			}
		})
	})
}

// A login does not wait for assignments that take long to read: it is served
// by the hash, and what the store says counts once it has come.
func TestLoadingAssignmentsDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		g := start(t, policy.Config{Store: store})
		g.send(servers("PerUser", "ab"))
		where := map[string]string{}
		for n := range 1000 {
			name := fmt.Sprint("user", n)
			where[name] = g.user(name)
		}
		g.stop()

		slow := &slowEach{Store: store, gate: make(chan struct{})}
		g = start(t, policy.Config{Store: slow, LoadWithin: 2 * time.Second})
		begin := time.Now()
		g.send(servers("PerUser", "abcdefg")) // the hashes lead elsewhere now
		elsewhere := 0
		for name, was := range where {
			if g.user(name) != was {
				elsewhere++
			}
		}
		if d := time.Since(begin); d != 2*time.Second || elsewhere < 100 {
			t.Errorf("logins took %v, want the bound of the start; %d went elsewhere", d, elsewhere)
		}
		close(slow.gate)
		time.Sleep(time.Second)
		for name, was := range where {
			if h := g.user(name); h != was {
				t.Fatalf("%s is at %s, the store says %s", name, h, was)
			}
		}
		g.stop()
	})
}

// slowEach gives its first record only once the gate is open.
type slowEach struct {
	stores.Store
	gate chan struct{}
}

func (s *slowEach) Each(ctx context.Context, kind stores.Kind, visit func(stores.Record) error) error {
	select {
	case <-s.gate:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return s.Store.Each(ctx, kind, visit)
}

func TestALostStoreIsToldAllAssignments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: memory.New()}
		g := start(t, policy.Config{Store: store})
		defer g.stop()
		g.send(servers("PerUser", "abc"))
		for n := range 3000 {
			g.user(fmt.Sprint("user", n))
		}
		time.Sleep(time.Minute)
		fresh := memory.New()
		store.set(func(f *faulty) { f.err = stores.ErrRenewed })
		g.user("one more")
		time.Sleep(300 * time.Millisecond)
		store.set(func(f *faulty) { f.err, f.Store = nil, fresh })
		time.Sleep(time.Minute)
		records, err := fresh.Load(context.Background(), stores.KindSticky)
		if err != nil || len(records) != 3001 {
			t.Errorf("the new store has %d assignments, %v, want 3001", len(records), err)
		}
	})
}
