package discovery_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

func TestPrepare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{})
		h.world.put("a.test", time.Minute, "10.0.0.1", "10.0.0.2")
		target := stores.Resolved{URL: urls(t, "ftp://x.test:2121?weight=3")[0], Endpoints: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.9:2121")}, Tier: 20}
		h.world.putSRV("_ftp._tcp.test", time.Minute, target)
		plan := discovery.PoolPlan{ID: "p", Static: []discovery.List{
			{URLs: urls(t, "ftp://u:p@A.test:2121?weight=2&max=7", "ftp://192.0.2.1?backup")},
			{URLs: urls(t, "ftp+srv://v:q@_ftp._tcp.test?max=4&weight=2&backup"), File: "/x"},
		}}
		const want = "ftp://u:p@A.test:2121?weight=2&max=7 10.0.0.1:2121 10.0.0.2:2121, tier 65536: ftp://192.0.2.1?backup 192.0.2.1:21, " +
			"tier 65556: ftp://v:q@x.test:2121?weight=6&max=4&backup 10.0.0.9:2121"
		if got := shown(h.prepare(plan).Backends); got != want {
			t.Errorf("prepared %s\nwant     %s", got, want)
		}
		if n := h.world.times("192.0.2.1"); n != 0 {
			t.Errorf("an address was asked for %d times", n)
		}
		plan.Static[1].URLs = urls(t, "ftp://a.test", "ftp://nowhere.test")
		_, err := h.Prepare(t.Context(), plan)
		var wrong *discovery.URLError
		if !errors.As(err, &wrong) || wrong.List != 1 || wrong.Index != 1 || err.Error() != "error parsing 'ftp://nowhere.test': no such name: nowhere.test" {
			t.Errorf("%v, %+v", err, wrong)
		}
		// What failed a moment ago is asked for again: the administrator has put it right.
		h.world.put("nowhere.test", time.Minute, "10.0.0.3")
		h.prepare(plan)
		// And what is known carries a reload over an outage.
		time.Sleep(2 * time.Minute)
		h.world.fail("a.test", errors.New("servfail"))
		if got := shown(h.prepare(h.pool("p", "ftp://a.test:2121")).Backends); got != "ftp://a.test:2121 10.0.0.1:2121 10.0.0.2:2121" {
			t.Errorf("without DNS: %s", got)
		}
	})
}

func TestNamesAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		h.world.put("a.test", 10*time.Second, "10.0.0.1", "10.0.0.2")
		h.world.put("b.test", 0, "10.0.0.9")
		h.adopt(h.pool("p", "ftp://a.test", "ftp://192.0.2.1", "ftp://b.test"))
		h.want() // the gateway has told policy itself

		h.world.put("a.test", 10*time.Second, "10.0.0.2", "10.0.0.1") // in another order
		time.Sleep(9 * time.Second)
		if n := h.world.times("a.test"); n != 1 {
			t.Errorf("asked for %d times within its TTL", n)
		}
		time.Sleep(3 * time.Second)
		if n := h.world.times("a.test"); n != 2 {
			t.Errorf("asked for %d times in a little more than its TTL", n)
		}
		h.want()
		h.world.put("a.test", 10*time.Second, "10.0.0.3")
		time.Sleep(11 * time.Second)
		h.want("p: ftp://a.test 10.0.0.3:21, ftp://192.0.2.1 192.0.2.1:21, ftp://b.test 10.0.0.9:21")
		time.Sleep(time.Hour)
		h.want()
		if n := h.world.times("b.test"); n != 1 {
			t.Errorf("a name without limit was asked for %d times", n)
		}
		if n := h.world.times("a.test"); n < 3600/11 || n > 3600/10+4 {
			t.Errorf("asked for %d times in an hour with a TTL of 10s", n)
		}
	})
}

func TestANameThatIsLostKeepsItsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		h.world.put("a.test", 10*time.Second, "10.0.0.1")
		h.adopt(h.pool("p", "ftp://u:canary@a.test"))
		before := h.world.times("a.test")
		h.world.fail("a.test", errors.New("servfail"))
		time.Sleep(time.Hour)
		h.want()
		if n := h.log.Count("does not resolve"); n != 1 {
			t.Errorf("said %d times:\n%s", n, h.log)
		}
		if n := h.world.times("a.test") - before; n < 50 || n > 75 {
			t.Errorf("tried %d times in an hour", n)
		}
		h.world.put("a.test", 10*time.Second, "10.0.0.1")
		time.Sleep(2 * time.Minute)
		h.want()
		if n := h.log.Count("resolves again"); n != 1 {
			t.Errorf("said %d times that it is well again:\n%s", n, h.log)
		}
		h.world.put("a.test", 10*time.Second, "10.0.0.2")
		time.Sleep(time.Minute)
		h.want("p: ftp://u:canary@a.test 10.0.0.2:21")
		// A resolver that crashes is one that has no answer.
		h.world.fail("a.test", errPanic)
		time.Sleep(time.Minute)
		h.want()
		h.world.put("a.test", 10*time.Second, "10.0.0.3")
		time.Sleep(2 * time.Minute)
		h.want("p: ftp://u:canary@a.test 10.0.0.3:21")
		if strings.Contains(h.log.String(), "canary") {
			t.Errorf("a password is in the log:\n%s", h.log)
		}
	})
}

func TestTargetsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		target := func(url string, tier int, at ...string) stores.Resolved {
			r := stores.Resolved{URL: urls(t, url)[0], Tier: tier}
			for _, a := range at {
				r.Endpoints = append(r.Endpoints, netip.MustParseAddrPort(a))
			}
			return r
		}
		one, two := target("ftp://one.test:2121", 10, "10.0.0.1:2121"), target("ftp://two.test:2122", 10, "10.0.0.2:2122")
		h.world.putSRV("srv.test", 2*time.Second, one, two)
		h.adopt(h.pool("p", "ftp+srv://srv.test"))
		h.world.putSRV("srv.test", 2*time.Second, one, target("ftp://two.test:2122", 10))
		time.Sleep(10 * time.Second)
		h.want() // the address that was known of it stays
		if n := h.log.Count("'two.test' has no address"); n != 1 {
			t.Errorf("said %d times:\n%s", n, h.log)
		}
		h.world.putSRV("srv.test", 2*time.Second, target("ftp://two.test:2122", 5, "10.0.0.2:2122"), target("ftp://new.test:21", 20))
		time.Sleep(3 * time.Second)
		h.want("p: tier 5: ftp://two.test:2122 10.0.0.2:2122, tier 20: ftp://new.test:21")
	})
}

func TestFewNamesAreAskedForAtOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{Refreshes: 3}).open()
		defer h.stop()
		var list []string
		for i := range 40 {
			name := string(rune('a'+i%26)) + strings.Repeat("x", i/26) + ".test"
			h.world.put(name, time.Minute, "10.0.0.1")
			list = append(list, "ftp://"+name)
		}
		h.adopt(h.pool("p", list...))
		h.world.mu.Lock()
		h.world.takes, h.world.most = 100*time.Millisecond, 0
		h.world.mu.Unlock()
		time.Sleep(80 * time.Second)
		h.world.mu.Lock()
		defer h.world.mu.Unlock()
		if h.world.most > 3 {
			t.Errorf("%d at one time", h.world.most)
		}
		for name, n := range h.world.asked {
			if n != 2 {
				t.Errorf("%s was asked for %d times", name, n)
			}
		}
	})
}

// A word that is on its way when the pools are replaced must not be the last.
func TestAReloadIsNotUndoneByAnOlderWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		h.world.put("a.test", 10*time.Second, "10.0.0.1")
		h.adopt(h.pool("p", "ftp://a.test"), h.pool("q", "ftp://a.test"))
		h.world.put("a.test", 10*time.Second, "10.0.0.2")
		time.Sleep(12 * time.Second)
		h.said()
		h.adopt(h.pool("p", "ftp://192.0.2.1"))
		h.want("p: ftp://192.0.2.1 192.0.2.1:21")
		h.adopt(h.pool("p", "ftp://192.0.2.1"))
		h.want()
	})
}

// Policy that does not listen is told again, and keeps nobody from an answer.
func TestPolicyIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{})
		deaf := build(t, discovery.Config{})
		cfg := discovery.Config{Resolver: h.world, Policy: full(deaf.policy), Log: h.loggers()}
		h.Actor = discovery.New(cfg)
		h.open()
		defer h.stop()
		h.world.put("a.test", 10*time.Second, "10.0.0.1")
		h.adopt(h.pool("p", "ftp://a.test"))
		h.world.put("a.test", 10*time.Second, "10.0.0.2")
		time.Sleep(14 * time.Second) // the word is waiting
		if found := h.lookUp("p", "joe"); found.Err != nil {
			t.Error(found.Err)
		}
		time.Sleep(20 * time.Second)
		if h.log.Count("they are told again") == 0 {
			t.Errorf("nobody heard that policy does not listen:\n%s", h.log)
		}
		got := drain(deaf.policy, 10*time.Second)
		if len(got) == 0 {
			t.Fatal("policy was not told again")
		}
		if u, ok := got[len(got)-1].(messages.UpdatePool); !ok || shown(u.Backends) != "ftp://a.test 10.0.0.2:21" {
			t.Errorf("policy was told %+v", got)
		}
	})
}

func TestRunAgainKnowsWhatWasAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		h.world.put("a.test", 10*time.Second, "10.0.0.1")
		h.adopt(h.pool("p", "ftp://a.test"))
		h.stop()
		h.world.put("a.test", 10*time.Second, "10.0.0.2")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		tree := supervised(ctx, h, ended)
		time.Sleep(12 * time.Second)
		got := h.said()
		if len(got) == 0 || got[len(got)-1] != "p: ftp://a.test 10.0.0.2:21" {
			t.Errorf("policy was told %q", got)
		}
		cancel()
		tree.Wait()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
