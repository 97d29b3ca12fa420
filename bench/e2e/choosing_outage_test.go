package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// The gateway's words about a shared store that does not answer, and about its return.
const (
	storeAway = "the shared store does not answer; this gateway goes on"
	storeBack = "the shared store is back"
)

// said waits until a gateway has said something n times.
func said(t *testing.T, g *peers.Gateway, words string, n int) {
	t.Helper()
	inTime(t, words, func() bool { return lines(g, words) >= n })
}

// lines counts the lines of the system's log with words.
func lines(g *peers.Gateway, words string) (n int) {
	for line := range strings.Lines(g.File("system.log")) {
		if holds(line, []string{words}) {
			n++
		}
	}
	return n
}

// slowest is how long the slowest login took.
func slowest(seen []arrival) time.Duration {
	return slices.MaxFunc(seen, func(a, b arrival) int { return int(a.took - b.took) }).took
}

// TestFleet_Redis_restarted: no login fails while Redis is away, whether it comes back with its data,
// without, or only after a long silence. Each gateway says it once, and what both know is one again.
func TestFleet_Redis_restarted(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]func(*testing.T, *peers.Redis) (back func()){
		"with_its_data": func(t *testing.T, r *peers.Redis) func() {
			r.Kill()
			return func() { revive(t, r) }
		},
		"without_its_data": func(t *testing.T, r *peers.Redis) func() {
			if err := r.Forget(); err != nil {
				t.Fatal(err)
			}
			return func() { revive(t, r) }
		},
		"that_stood_still": func(t *testing.T, r *peers.Redis) func() {
			if err := r.Freeze(); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := r.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, urls, l := marked(t, 4, "outage")
			f := startFleet(t, capped(urls, 40), "ProxyReverseConnectPolicy RoundRobin")
			flow := startStream(t, l, 16, f.either(bob))
			inTime(t, "a good beginning", func() bool { return len(flow.soFar()) > 100 })
			began := time.Now()
			back := outage(t, f.redis)
			for _, g := range f.g {
				said(t, g, storeAway, 1)
			}
			from := time.Now()
			inTime(t, "logins without Redis", func() bool { return len(since(flow.soFar(), from, time.Time{})) > 200 })
			back()
			returned := time.Now()
			for _, g := range f.g {
				said(t, g, storeBack, 1)
			}
			reconciled := time.Since(returned)
			from = time.Now()
			inTime(t, "logins with Redis", func() bool { return len(since(flow.soFar(), from, time.Time{})) > 100 })
			seen := flow.end()
			counts, failed := tally(since(seen, began, time.Time{}), 4)
			t.Logf("%d logins from the outage on: %v, errors %d, the slowest took %v; said to be back %v after its return",
				len(since(seen, began, time.Time{})), counts, len(failed), slowest(since(seen, began, time.Time{})).Round(time.Millisecond), reconciled.Round(time.Millisecond))
			if len(failed) > 0 {
				t.Errorf("a login saw: %v", failed[0])
			}
			for i, g := range f.g {
				if away, back := lines(g, storeAway), lines(g, storeBack); away != 1 || back != 1 {
					t.Errorf("gateway %d said %d times that the store is away, and %d times that it is back", i, away, back)
				}
			}
			shareAgain(t, f, l, 160)
		})
	}
}

func revive(t *testing.T, r *peers.Redis) {
	t.Helper()
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
}

// shareAgain fails unless both gateways know of each other's clients: one of them takes all places.
func shareAgain(t *testing.T, f *fleet, l landing, places int) {
	t.Helper()
	in := full(t, f.addr[0], places)
	inTime(t, "the other gateway knows that all is full", func() bool { gone, _ := turnedAway(f.addr[1]); return gone })
	scatter(t, in)
	inTime(t, "the other gateway knows that there is room", func() bool { gone, _ := turnedAway(f.addr[1]); return !gone })
}

// TestFleet_sessions_through_an_outage: what was open when Redis lost everything is counted again.
func TestFleet_sessions_through_an_outage(t *testing.T) {
	t.Parallel()
	_, urls, l := marked(t, 2, "through")
	f := startFleet(t, capped(urls, 8), "ProxyReverseConnectPolicy LeastConns")
	in := full(t, f.addr[0], 16)
	if err := f.redis.Forget(); err != nil {
		t.Fatal(err)
	}
	for _, g := range f.g {
		said(t, g, storeAway, 1)
	}
	revive(t, f.redis)
	for _, g := range f.g {
		said(t, g, storeBack, 1)
	}
	inTime(t, "the other gateway knows that all is full", func() bool { gone, _ := turnedAway(f.addr[1]); return gone })
	scatter(t, in)
	inTime(t, "the other gateway knows that there is room", func() bool { gone, _ := turnedAway(f.addr[1]); return !gone })
	near(t, held(t, l, full(t, f.addr[1], 16)), []int{1, 1}, 0)
}

// TestFleet_started_while_Redis_is_away: both serve at once, and share when it is there.
func TestFleet_started_while_Redis_is_away(t *testing.T) {
	t.Parallel()
	_, urls, l := marked(t, 2, "early")
	f := prepareFleet(t, capped(urls, 8), "ProxyReverseConnectPolicy RoundRobin")
	f.redis.Halt()
	for i := range f.g {
		began := time.Now()
		f.g[i].Start(f.addr[i])
		started := time.Since(began)
		counts := shares(t, l, visitAll(t, l, 4, 20, as(f.addr[i], "bob")))
		t.Logf("gateway %d listens after %v and serves 20 logins %v, done after %v", i, started.Round(time.Millisecond), counts, time.Since(began).Round(time.Millisecond))
		near(t, counts, []int{1, 1}, 0)
		said(t, f.g[i], storeAway, 1)
	}
	revive(t, f.redis)
	for i, g := range f.g {
		said(t, g, storeBack, 1)
		if n := lines(g, storeAway); n != 1 {
			t.Errorf("gateway %d said %d times that the store is away", i, n)
		}
	}
	shareAgain(t, f, l, 16)
}
