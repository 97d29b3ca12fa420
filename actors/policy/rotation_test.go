package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"
	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/badger"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestRoundRobin(t *testing.T) {
	t.Run("begins_with_the_first_and_goes_round", func(t *testing.T) {
		g := start(t, policy.Config{})
		defer g.stop()
		g.send(servers("RoundRobin", "abc"))
		if got := g.picks("p", 7); got != "abcabca" {
			t.Errorf("picked %s", got)
		}
	})
	t.Run("a_tried_backend_is_passed_over_while_others_remain", func(t *testing.T) {
		g := start(t, policy.Config{})
		defer g.stop()
		g.send(servers("RoundRobin", "abc"))
		if got := g.pick("p", keyOf("a"), keyOf("b")).Backend.URL.Host; got != "c" {
			t.Errorf("with a and b tried: %s", got)
		}
		if got := g.pick("p", keyOf("a"), keyOf("b"), keyOf("c")).Backend.URL.Host; got != "a" {
			t.Errorf("with all tried: %s, want the next in turn", got)
		}
	})
	t.Run("a_dead_backend_burdens_the_others_alike", func(t *testing.T) {
		g := start(t, policy.Config{})
		defer g.stop()
		g.send(servers("RoundRobin", "abcd"))
		served := map[string]int{}
		for range 300 {
			r := g.pick("p")
			if r.Backend.URL.Host == "b" {
				g.send(messages.ReportFailed{Lease: r.Lease, Err: errStore})
				r = g.pick("p", keyOf("b"))
			}
			served[r.Backend.URL.Host]++
		}
		if served["a"] != 100 || served["c"] != 100 || served["d"] != 100 {
			t.Errorf("300 sessions fell on %v", served)
		}
	})
	t.Run("is_exact_among_concurrent_pickers", func(t *testing.T) {
		g := start(t, policy.Config{})
		defer g.stop()
		g.send(servers("RoundRobin", "abcde"))
		var wg conc.WaitGroup
		for range 50 {
			wg.Go(func() { g.picks("p", 20) })
		}
		wg.Wait()
		for _, b := range g.describe()[0].Backends {
			if b.Live != 200 {
				t.Errorf("%s got %d of 1000 picks, want 200", b.URL, b.Live)
			}
		}
	})
}

// TestRotationSurvives runs two lives of a gateway over one store.
func TestRotationSurvives(t *testing.T) {
	for _, c := range []struct {
		claim, before string
		picks         int
		after, want   string
	}{
		{"a_restart", "abc", 4, "abc", "bca"},
		{"a_longer_list", "abc", 2, "xabcd", "cdxa"},
		{"another_order", "abc", 1, "cba", "cba"},
		{"the_loss_of_the_last_picked", "abcd", 2, "acd", "dac"}, // turn 2, as it falls
		{"the_loss_of_the_end_of_the_list", "abcd", 4, "ab", "ab"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			store := memory.New()
			g := start(t, policy.Config{Store: store})
			g.send(servers("RoundRobin", c.before))
			g.picks("p", c.picks)
			g.stop() // writes what is unwritten
			g = start(t, policy.Config{Store: store})
			defer g.stop()
			g.send(servers("RoundRobin", c.after))
			if got := g.picks("p", len(c.want)); got != c.want {
				t.Errorf("after %d picks of %s, %s gave %s, want %s", c.picks, c.before, c.after, got, c.want)
			}
		})
		t.Run("a_reload_with_"+c.claim, func(t *testing.T) {
			g := start(t, policy.Config{})
			defer g.stop()
			g.send(servers("RoundRobin", c.before))
			g.picks("p", c.picks)
			g.send(servers("RoundRobin", c.after))
			if got := g.picks("p", len(c.want)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestShuffle(t *testing.T) {
	store := memory.New()
	hosts := "abcdefghij"
	g := start(t, policy.Config{Store: store})
	g.send(servers("Shuffle", hosts))
	for range 5 {
		if got := sorted(g.picks("p", len(hosts))); got != hosts {
			t.Errorf("one deck gave %s", got)
		}
	}
	half := g.picks("p", 4)
	g.stop()
	g = start(t, policy.Config{Store: store})
	defer g.stop()
	g.send(servers("Shuffle", hosts))
	if got := sorted(half + g.picks("p", 6)); got != hosts {
		t.Errorf("a deck with a restart in its middle gave %s", got)
	}
}

func sorted(s string) string {
	r := strings.Split(s, "")
	slices.Sort(r)
	return strings.Join(r, "")
}

func TestOtherPolicies(t *testing.T) {
	t.Run("random_reaches_all", func(t *testing.T) {
		g := start(t, policy.Config{})
		defer g.stop()
		g.send(servers("Random", "abc"))
		got := g.picks("p", 300)
		for _, h := range "abc" {
			if n := strings.Count(got, string(h)); n < 50 {
				t.Errorf("%c was picked %d of 300 times", h, n)
			}
		}
		if h := g.pick("p", keyOf("a"), keyOf("c")).Backend.URL.Host; h != "b" {
			t.Errorf("picked %s although it was tried", h)
		}
	})
	t.Run("least_conns_follows_open_connections", func(t *testing.T) {
		g := start(t, policy.Config{})
		defer g.stop()
		g.send(servers("LeastConns", "abc"))
		first := g.pick("p")
		if got := first.Backend.URL.Host + g.picks("p", 3); got != "abca" {
			t.Errorf("picked %s", got)
		}
		g.send(messages.ReleaseLease{Lease: first.Lease})
		if got := g.picks("p", 4); got != "abca" { // all have one again
			t.Errorf("after a release: %s", got)
		}
	})
	t.Run("least_response_time_weighs_load_with_speed", func(t *testing.T) {
		g := start(t, policy.Config{})
		defer g.stop()
		g.send(servers("LeastResponseTime", "ab"))
		a, b := g.pick("p"), g.pick("p")
		if a.Backend.URL.Host+b.Backend.URL.Host != "ab" {
			t.Fatal("those never measured do not come first")
		}
		g.send(messages.ReportConnected{Lease: a.Lease, Took: 30})
		g.send(messages.ReportConnected{Lease: b.Lease, Took: 10})
		// (1+1)×30 against 2×10, 3×10 … 6×10, which is equal: the first wins.
		if got := g.picks("p", 6); got != "bbbbab" {
			t.Errorf("picked %s", got)
		}
	})
	for _, name := range []string{"Fastest", ""} {
		t.Run("unsupported_"+name, func(t *testing.T) {
			g := start(t, policy.Config{})
			defer g.stop()
			g.send(servers(name, "a"))
			if r := g.pick("p"); r.Err == nil || !strings.Contains(r.Err.Error(), "ProxyReverseConnectPolicy") || r.Lease != 0 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestBadgerKeepsThePosition(t *testing.T) {
	dir := t.TempDir()
	want := "abcdeabcde"
	for i := range 5 {
		s, err := badger.Open(dir, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		g := start(t, policy.Config{Store: s})
		g.send(servers("RoundRobin", "abcde"))
		if got := g.picks("p", 2); got != want[2*i:2*i+2] {
			t.Errorf("life %d picked %s, want %s", i, got, want[2*i:2*i+2])
		}
		g.stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATornStoreBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	for life, want := range []string{"abc", "abc"} {
		s, err := badger.Open(dir, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		g := start(t, policy.Config{Store: s})
		g.send(servers("RoundRobin", "abcde"))
		if got := g.picks("p", 3); got != want {
			t.Errorf("life %d picked %s, want %s", life, got, want)
		}
		g.stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "badger", "MANIFEST"), []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLaws compares the actor with a model under random interleavings: the
// RoundRobin law with tried backends, and the count of each lease.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store := stores.Store(memory.New())
		g := start(t, policy.Config{Store: store})
		defer func() { g.stop() }()
		n := rapid.IntRange(1, 6).Draw(rt, "backends")
		conf := servers("RoundRobin", "abcdef"[:n])
		g.send(conf)
		last, live, connects, failures := -1, make([]int, n), make([]uint64, n), make([]uint64, n)
		type held struct {
			id        messages.LeaseID
			place     int
			connected bool
		}
		var open []held
		var spent []messages.LeaseID
		take := func() held {
			i := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
			h := open[i]
			open = slices.Delete(open, i, i+1)
			spent = append(spent, h.id)
			live[h.place]--
			return h
		}
		rt.Repeat(map[string]func(*rapid.T){
			"pick": func(rt *rapid.T) {
				var tried []string
				skip := make([]bool, n)
				for i := range n {
					if skip[i] = rapid.IntRange(0, 3).Draw(rt, "tried") == 0; skip[i] {
						tried = append(tried, keyOf(string("abcdef"[i])))
					}
				}
				want := (last + 1) % n
				for slices.Contains(skip, false) && skip[want] {
					want = (want + 1) % n
				}
				r := g.pick("p", tried...)
				if r.Err != nil || r.Backend.URL.Host != string("abcdef"[want]) {
					rt.Fatalf("after place %d, tried %v: picked %s, %v, want place %d of %d", last, tried, r.Backend.URL.Host, r.Err, want, n)
				}
				last = want
				live[want]++
				open = append(open, held{id: r.Lease, place: want})
			},
			"connect": func(rt *rapid.T) {
				if len(open) == 0 {
					rt.Skip()
				}
				h := &open[rapid.IntRange(0, len(open)-1).Draw(rt, "which")]
				g.send(messages.ReportConnected{Lease: h.id, Took: 1000})
				if !h.connected {
					connects[h.place]++
				}
				h.connected = true
			},
			"release": func(rt *rapid.T) {
				if len(open) == 0 {
					rt.Skip()
				}
				g.send(messages.ReleaseLease{Lease: take().id})
			},
			"fail": func(rt *rapid.T) {
				if len(open) == 0 {
					rt.Skip()
				}
				h := take()
				failures[h.place]++
				g.send(messages.ReportFailed{Lease: h.id, Err: errStore})
			},
			"return_twice": func(rt *rapid.T) {
				if len(spent) == 0 {
					rt.Skip()
				}
				id := rapid.SampledFrom(spent).Draw(rt, "spent")
				g.send(messages.ReleaseLease{Lease: id})
				g.send(messages.ReportFailed{Lease: id})
				g.send(messages.ReportConnected{Lease: id, Took: 1})
			},
			"reload": func(*rapid.T) { g.send(conf) },
			"restart": func(*rapid.T) {
				g.stop()
				g = start(t, policy.Config{Store: store})
				g.send(conf)
				open, spent, live = nil, nil, make([]int, n)
			},
			"": func(rt *rapid.T) {
				var want, got string
				for i, b := range g.describe()[0].Backends {
					want += fmt.Sprint(live[i], connects[i], failures[i], " ")
					got += fmt.Sprint(b.Live, b.Connects, b.Failures, " ")
				}
				if got != want {
					rt.Fatalf("live, connects, failures: %s, want %s", got, want)
				}
			},
		})
	})
}
