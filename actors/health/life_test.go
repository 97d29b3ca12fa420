package health_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/health"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

var none messages.ActiveChecks

func endpoints(i int) []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 21)}
}

func TestPassiveChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, health.Config{})
		defer h.stop()
		h.watch("ab", none)
		h.meet("a", "...")
		h.want("a", "up/-1")
		h.meet("a", "x")
		h.want("a", "up/1")
		h.meet("a", "x")
		h.want("a", "down/-1")
		h.want("b", "up/-1")
		time.Sleep(29 * time.Second)
		h.want("a", "down/-1")
		time.Sleep(time.Second + 10*time.Millisecond)
		h.want("a", "probing/1")
		h.meet("a", "x")
		h.want("a", "down/-1")
		time.Sleep(31 * time.Second)
		h.meet("a", ".")
		h.want("a", "up/-1")
		if n := h.changes("a"); n != 5 {
			t.Errorf("%d lines for 5 changes:\n%s", n, h.log)
		}
		for _, part := range []string{`"from":"up","to":"down","reason":"2 failures in a row, the last: connection refused"`,
			`"from":"down","to":"probing","reason":"30s are over`, `"from":"probing","to":"up","reason":"an attempt succeeded"`} {
			if !strings.Contains(h.log.String(), part) {
				t.Errorf("the log does not say %s:\n%s", part, h.log)
			}
		}
	})
}

// Policy counts attempts down by itself, from the observation that it is told
// with their number: each must reach it, even when the number stays.
func TestAttemptsAreAsOfAnObservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, health.Config{Refresh: time.Hour})
		defer h.stop()
		h.watch("a", none)
		h.meet("a", "..x")
		if m := h.last("a"); m.Attempts != 1 || m.Observed != 3 {
			t.Errorf("%+v", m)
		}
		time.Sleep(31 * time.Second) // the strike is forgotten, the doubt is not
		h.meet("a", "x")
		if m := h.last("a"); m.Attempts != 1 || m.Observed != 4 {
			t.Errorf("%+v", m)
		}
	})
}

// Policy may tell several observations as one.
func TestObservationsThatStandForSeveral(t *testing.T) {
	for name, c := range map[string]struct {
		seq      uint64
		failures int
		want     string
	}{
		"all_failed":       {3, 3, "down/-1"},
		"only_the_last":    {9, 1, "up/1"},
		"not_counted":      {9, 0, "up/1"},
		"a_row_at_the_end": {9, 2, "down/-1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, health.Config{})
				defer h.stop()
				h.watch("a", none)
				h.send(messages.BackendObserved{Pool: "p", Key: keyOf("a"), Seq: c.seq, Failures: c.failures, Err: errDead})
				h.want("a", c.want)
			})
		})
	}
}

// gate is policy's side of the law about crowds.
type gate struct {
	attempts, flying int
	down             bool
}

// With 64 clients at once a dead backend is tried twice per expiry once it is
// in doubt, and no more.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, health.Config{})
		defer h.stop()
		h.watch("a", none)
		h.meet("a", "x") // from here on
		began := time.Now()
		tried := 0
		for time.Since(began) < 5*time.Minute {
			m := h.last("a")
			g := gate{attempts: m.Attempts, down: m.State == messages.Down}
			for range 64 {
				if !g.down && (g.attempts < 0 || g.flying < g.attempts) {
					g.flying++
				}
			}
			tried += g.flying
			if m.Observed < h.seq["a"] && m.Attempts >= 0 {
				t.Fatalf("policy was told of %d observations of %d", m.Observed, h.seq["a"])
			}
			h.meet("a", strings.Repeat("x", g.flying))
			time.Sleep(500 * time.Millisecond)
		}
		if want := 1 + 10; tried > want || tried < 9 {
			t.Errorf("tried %d times in 5 minutes with an expiry of 30 s, want at most %d", tried, want)
		}
	})
}

func TestModes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, health.Config{Store: in(store)})
		h.watch("abc", none)
		if r := h.mode("a", messages.Drain); r.Changed != 1 || r.Err != nil {
			t.Errorf("drain: %+v", r)
		}
		if r := h.mode("a", messages.Drain); r.Changed != 0 || r.Err != nil {
			t.Errorf("drain again: %+v", r)
		}
		if r := h.mode("z", messages.Drain); r.Changed != 0 || !errors.Is(r.Err, health.ErrNoBackend) {
			t.Errorf("drain of nobody: %+v", r)
		}
		h.mode("b", messages.Maintain)
		h.meet("b", "xxxx")
		h.want("a", "draining/-1")
		h.want("b", "maintenance/-1")
		if !strings.Contains(h.log.String(), `"from":"up","to":"draining","reason":"drain: work on it"`) {
			t.Errorf("the log does not say why:\n%s", h.log)
		}
		h.stop()

		h = start(t, health.Config{Store: in(store)}) // another process
		defer h.stop()
		h.watch("abc", none)
		h.want("a", "draining/-1")
		h.want("b", "maintenance/-1")
		h.want("c", "up/-1")
		h.mode("a", messages.Serve)
		h.mode("b", messages.Serve)
		h.want("a", "up/-1")
		h.want("b", "up/2") // in doubt
		for _, host := range []string{"a", "b"} {
			if h.last(host).Recovered.IsZero() {
				t.Errorf("%s does not start slowly", host)
			}
		}
		time.Sleep(2 * time.Hour)
		if left := storetest.Dump(t, store); len(left) != 0 {
			t.Errorf("of backends that are well the store has %q", left)
		}
	})
}

func TestADeadBackendStaysDeadOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, health.Config{Store: in(store)})
		h.watch("ab", none)
		h.meet("a", "xx")
		time.Sleep(10 * time.Second)
		h.stop()
		h = start(t, health.Config{Store: in(store)})
		defer h.stop()
		h.watch("ab", none)
		h.want("a", "down/-1")
		if d, _ := h.state("a"); time.Since(d.Since) < 9*time.Second || !strings.Contains(d.Reason, "connection refused") {
			t.Errorf("%+v", d)
		}
		time.Sleep(19 * time.Second)
		h.want("a", "down/-1")
		time.Sleep(time.Second + 10*time.Millisecond)
		h.want("a", "probing/1")
		h.want("b", "up/-1")
	})
}

func TestGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, health.Config{Guests: 3})
		defer h.stop()
		h.watch("a", none)
		h.meet("g", "....")
		if _, known := h.state("g"); known {
			t.Error("a backend that is well is watched")
		}
		h.meet("g", "xx")
		h.want("g", "down/-1")
		h.send(messages.BackendObserved{Pool: "q", Key: keyOf("g"), Err: errDead, Seq: 1})
		if n := len(h.describe()); n != 2 {
			t.Errorf("%d backends, want 2: nobody watches the pool q", n)
		}
		h.meet("h", "x")
		h.meet("i", "x.") // well again
		h.meet("j", "x")  // in the place of i
		h.meet("k", "xx") // too many
		for host, want := range map[string]bool{"g": true, "h": true, "i": false, "j": true, "k": false} {
			if _, known := h.state(host); known != want {
				t.Errorf("%s is known: %v", host, known)
			}
		}
		time.Sleep(31 * time.Second)
		h.meet("j", "xx") // stays down
		h.meet("g", ".")
		time.Sleep(59 * time.Minute)
		if _, known := h.state("g"); !known {
			t.Error("forgotten before its hour")
		}
		time.Sleep(2 * time.Minute)
		if _, known := h.state("g"); known {
			t.Error("not forgotten after its hour")
		}
		if m := h.last("h"); m.Attempts != -1 {
			t.Errorf("a forgotten backend still has a limit: %+v", m)
		}
		if j, known := h.state("j"); !known || j.State == messages.Up {
			t.Errorf("a backend that is not well was forgotten: %v, %+v", known, j)
		}
		time.Sleep(24 * time.Hour)
		if d := h.describe(); len(d) != 1 {
			t.Errorf("after a day without use there are %+v", d)
		}
		h.want("j", "up/-1")
	})
}

func TestListsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, health.Config{})
		defer h.stop()
		h.watch("abc", none)
		h.meet("a", "xx")
		h.mode("b", messages.Drain)
		h.send(messages.WatchPool{ID: "p", Backends: backends("c")})
		h.want("a", "down/-1")
		h.want("b", "draining/-1")
		h.send(messages.WatchPool{ID: "p", Backends: backends("abcc")})
		if d := h.describe(); len(d) != 3 || d[0].Key != keyOf("a") || d[2].Key != keyOf("c") {
			t.Errorf("%+v", d)
		}
		h.send(messages.WatchPools{}) // the pool goes …
		if d := h.describe(); len(d) != 0 {
			t.Errorf("%+v", d)
		}
		h.watch("abc", none) // … and comes back
		h.want("a", "down/-1")
		h.want("b", "draining/-1")
		h.send(messages.WatchPool{ID: "q", Backends: backends("a")})
		if d := h.describe(); len(d) != 3 {
			t.Errorf("a list for no pool: %+v", d)
		}
	})
}

func TestPolicyThatDoesNotListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := make(chan struct{})
		h := startDeaf(t, health.Config{}, deaf)
		defer h.stop()
		h.watch("abcd", none)
		for _, host := range []string{"a", "b", "c", "d"} {
			h.meet(host, "xx")
		}
		if d, _ := h.state("d"); d.State != messages.Down { // it goes on meanwhile
			t.Errorf("%+v", d)
		}
		h.meet("c", ".")
		close(deaf)
		time.Sleep(time.Second)
		h.want("a", "down/-1")
		h.want("b", "down/-1")
		h.want("c", "up/-1")
		h.want("d", "down/-1")
	})
}

// What is unusual is told again, for a policy that did not know the backend yet.
func TestPolicyIsReminded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, health.Config{})
		defer h.stop()
		h.watch("ab", none)
		h.meet("a", "x")
		h.want("a", "up/1")
		h.mu.Lock()
		clear(h.heard)
		h.mu.Unlock()
		time.Sleep(11 * time.Second)
		h.want("a", "up/1")
		h.mu.Lock()
		defer h.mu.Unlock()
		if _, ok := h.heard["p "+keyOf("b")]; ok {
			t.Error("of a backend as usual policy need not hear")
		}
	})
}
