package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// fleet is two gateways on one Redis, configured alike but for the address that they listen on.
type fleet struct {
	redis *peers.Redis
	g     [2]*peers.Gateway
	addr  [2]string
}

func startFleet(t *testing.T, urls []string, extra ...string) *fleet {
	t.Helper()
	f := prepareFleet(t, urls, extra...)
	for i := range f.g {
		f.g[i].Start(f.addr[i])
	}
	return f
}

func prepareFleet(t *testing.T, urls []string, extra ...string) *fleet {
	t.Helper()
	peers.RequireGateway(t)
	f := &fleet{redis: peers.StartRedis(t, peers.RedisOptions{Password: canary})}
	port := freePort(t)
	lines := append([]string{"ProxyDatastore Redis fleet.", "RedisEngine on", "RedisServer " + f.redis.Address + " " + canary}, extra...)
	for i := range f.g {
		ip := fmt.Sprintf("127.0.0.%d", i+1)
		f.g[i], f.addr[i] = peers.NewGateway(t), fmt.Sprintf("%s:%d", ip, port)
		f.g[i].Configure(strings.Replace(configuration(f.g[i], port, urls, lines...), "DefaultAddress 127.0.0.1", "DefaultAddress "+ip, 1))
		t.Cleanup(func() { mustNotTell(t, f.g[i], canary) })
	}
	return f
}

// either spreads logins over both gateways.
func (f *fleet) either(user func(i int) string) func(int) ask {
	return func(i int) ask { return ask{addr: f.addr[i%2], user: user(i), password: "x"} }
}

func bob(int) string { return "bob" }

// TestFleet_RoundRobin_alternates_across_both gateways.
func TestFleet_RoundRobin_alternates_across_both(t *testing.T) {
	t.Parallel()
	_, urls, l := marked(t, 4, "turn")
	f := startFleet(t, urls, "ProxyReverseConnectPolicy RoundRobin")
	landed := visitAll(t, l, 1, 40, f.either(bob))
	t.Logf("RoundRobin, two gateways asked in turn: %v", landed)
	eachOnce(t, landed) // each holds its next turn ready, so that the first two may change places
	counts := shares(t, l, visitAll(t, l, crowd, thousand, f.either(bob)))
	t.Logf("RoundRobin, %d logins, %d at once, at two gateways: %v", thousand, crowd, counts)
	near(t, counts, []int{1, 1, 1, 1}, 2) // each gateway has some turns in hand that it did not need
}

// TestFleet_Shuffle: a round is a round for both.
func TestFleet_Shuffle(t *testing.T) {
	t.Parallel()
	_, urls, l := marked(t, 4, "deal")
	f := startFleet(t, urls, "ProxyReverseConnectPolicy Shuffle")
	landed := visitAll(t, l, 1, 40, f.either(bob))
	t.Logf("Shuffle, two gateways asked in turn: %v", landed)
	eachOnce(t, landed)
}

// eachOnce fails unless each four logins in a row went to four backends.
func eachOnce(t *testing.T, landed []int) {
	t.Helper()
	for round := range slices.Chunk(landed, 4) {
		if sorted := slices.Sorted(slices.Values(round)); !slices.Equal(sorted, []int{0, 1, 2, 3}) {
			t.Errorf("a round of %v", round)
		}
	}
}

// TestFleet_LeastConns_sees_both: what one gateway's clients leave free, the other fills.
func TestFleet_LeastConns_sees_both(t *testing.T) {
	t.Parallel()
	_, urls, l := marked(t, 3, "share")
	f := startFleet(t, urls, "ProxyReverseConnectPolicy LeastConns")
	in := gather(t, 12, as(f.addr[0], "bob"))
	near(t, held(t, l, in), []int{1, 1, 1}, 0)
	for _, c := range in {
		if l.of(c.where) == 1 {
			c.leave()
		}
	}
	began := time.Now()
	var counts []int
	inTime(t, "the other gateway fills what is free", func() bool {
		mine := attempts(f.addr[1], 4)
		defer hangUp(mine)
		counts = held(t, l, mine)
		return counts[1] == 4
	})
	t.Logf("LeastConns: the first gateway's clients left one backend; the other's went %v after %v", counts, time.Since(began).Round(time.Millisecond))
}

// TestFleet_stickiness_holds_across_both: an assignment that one gateway moved away from what the hash
// says is so for the other, too, and after a restart.
func TestFleet_stickiness_holds_across_both(t *testing.T) {
	t.Parallel()
	list, urls, l := marked(t, 3, "stick")
	gate := startTollgate(t, list[0].Addr())
	urls[0] = gate.url()
	f := startFleet(t, urls, "ProxyReverseConnectPolicy PerUser", "ProxyReverseHealthPolicy PassiveChecks failures 1 expires 2s")
	var users []string
	for i := 0; len(users) < 21; i++ {
		if name := fmt.Sprintf("user%d", i); peerHash(name)%3 == 0 {
			users = append(users, name)
		}
	}
	gate.Shut()
	// Somebody else finds out that it is dead: who does makes a detour, and is still meant for it.
	visitAll(t, l, 1, 1, as(f.addr[0], users[20]))
	inTime(t, "the death is known", func() bool { return len(changes(f.g[0], urls[0], "down")) > 0 })
	where := map[string]int{}
	users = users[:20]
	for _, u := range users {
		at, err := lands(l, ask{addr: f.addr[0], user: u, password: "x"})
		if err != nil || at == 0 {
			t.Fatalf("%s landed at number %d: %v", u, at, err)
		}
		where[u] = at
	}
	gate.Open()
	same := func(i int, what string) {
		t.Helper()
		for _, u := range users {
			if at, err := lands(l, ask{addr: f.addr[i], user: u, password: "x"}); err != nil || at != where[u] {
				t.Errorf("%s: %s landed at number %d (%v), want %d", what, u, at, err, where[u])
			}
		}
	}
	for i, addr := range f.addr {
		fresh := 0
		inTime(t, "the hash counts again for new names", func() bool {
			at, err := lands(l, ask{addr: addr, user: newName(i, &fresh), password: "x"})
			return err == nil && at == 0
		})
	}
	same(1, "at the other gateway")
	f.g[1].Signal(syscall.SIGKILL)
	f.g[1].Wait(5 * time.Second)
	f.g[1].Start(f.addr[1])
	same(1, "at the other gateway after kill -9 and a new start")
	same(0, "at the first gateway")
	if n := len(noted(f.g[0], "an assignment moved")); n > 0 {
		t.Logf("the log tells of %d moves", n)
	}
	t.Logf("PerUser: %d names whose backend was dead at their first login are where the first gateway put them, at both, and after a crash", len(users))
}

// newName is the next name that the hash sends to the first of three backends.
func newName(series int, n *int) string {
	for {
		*n++
		if name := fmt.Sprintf("new%d-%d", series, *n); peerHash(name)%3 == 0 {
			return name
		}
	}
}

// TestFleet_one_killed: its clients' places are free at the other within the lease.
func TestFleet_one_killed(t *testing.T) {
	t.Parallel()
	_, urls, _ := marked(t, 2, "lease")
	f := startFleet(t, capped(urls, 8), "ProxyReverseConnectPolicy LeastConns")
	full(t, f.addr[0], 16)
	inTime(t, "the other gateway knows that all is full", func() bool { gone, _ := turnedAway(f.addr[1]); return gone })
	f.g[0].Signal(syscall.SIGKILL)
	died := time.Now()
	f.g[0].Wait(5 * time.Second)
	inTime(t, "room at the other gateway", func() bool { gone, _ := turnedAway(f.addr[1]); return !gone })
	took := time.Since(died)
	in := full(t, f.addr[1], 16)
	t.Logf("a gateway with 16 clients was killed: the other had room after %v (lease 5s), and for all %d", took.Round(time.Millisecond), len(in))
	if took > 7*time.Second { // the lease, a beat, and a slow machine
		t.Errorf("the dead gateway's counts stood for %v", took)
	}
}
