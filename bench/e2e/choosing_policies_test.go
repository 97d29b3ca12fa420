package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// thousand is how many logins each law is shown with.
const thousand = 1000

// chiLimit is passed by chance once in a million times, with four degrees of freedom.
const chiLimit = 33.4

// weighted adds weights to URLs.
func weighted(urls []string, weights ...int) (out []string) {
	for i, u := range urls {
		out = append(out, fmt.Sprintf("%s?weight=%d", u, weights[i]))
	}
	return out
}

var (
	alike   = []int{1, 1, 1, 1, 1}
	unalike = []int{1, 2, 3, 1, 3}
)

// near fails unless counts are what the weights promise, give or take slack.
func near(t *testing.T, counts, weights []int, slack int) {
	t.Helper()
	n, sum := 0, 0
	for i := range counts {
		n, sum = n+counts[i], sum+weights[i]
	}
	for i, c := range counts {
		if want := n * weights[i] / sum; c < want-slack || c > want+slack {
			t.Errorf("%v logins by the weights %v, want %d ± %d at number %d", counts, weights, want, slack, i)
		}
	}
}

// TestPolicies_1000_logins_of_64_clients_at_once: each policy spreads 1,000 logins over five backends,
// two real servers among them, as its law says.
func TestPolicies_1000_logins_of_64_clients_at_once(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	urls, l := five(t)
	for name, law := range map[string]func(*testing.T, []string, landing){
		"RoundRobin": roundRobinLaw, "Random": randomLaw, "Shuffle": shuffleLaw, "LeastConns": leastConnsLaw,
		"PerHost": perHostLaw, "PerUser": perUserLaw, "PerGroup": perGroupLaw,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			law(t, urls, l)
		})
	}
}

func roundRobinLaw(t *testing.T, urls []string, l landing) {
	_, addr := startGateway(t, weighted(urls, unalike...), "ProxyReverseConnectPolicy RoundRobin")
	counts := shares(t, l, visitAll(t, l, crowd, thousand, as(addr, "bob")))
	near(t, counts, unalike, 1)
	t.Logf("RoundRobin, %d logins, %d at once, weights %v: %v", thousand, crowd, unalike, counts)
	_, addr = startGateway(t, urls, "ProxyReverseConnectPolicy RoundRobin")
	for i, at := range visitAll(t, l, 1, 50, as(addr, "bob")) {
		if at != i%5 {
			t.Fatalf("login %d in sequence went to number %d", i, at)
		}
	}
	t.Log("RoundRobin, 50 logins in sequence: each at its turn, ±0")
}

func randomLaw(t *testing.T, urls []string, l landing) {
	_, addr := startGateway(t, weighted(urls, unalike...), "ProxyReverseConnectPolicy Random")
	counts := shares(t, l, visitAll(t, l, crowd, thousand, as(addr, "bob")))
	x := chiSquare(counts, unalike)
	t.Logf("Random, %d logins, weights %v: %v, chi² %.1f of at most %.1f", thousand, unalike, counts, x, chiLimit)
	if x > chiLimit {
		t.Error("that is not by chance")
	}
}

func shuffleLaw(t *testing.T, urls []string, l landing) {
	_, addr := startGateway(t, urls, "ProxyReverseConnectPolicy Shuffle")
	counts := shares(t, l, visitAll(t, l, crowd, thousand, as(addr, "bob")))
	near(t, counts, alike, 1)
	// The crowd took whole rounds; what follows in sequence is in rounds of its own.
	rounds := map[string]int{}
	const shown = 20
	for round := range slices.Chunk(visitAll(t, l, 1, shown*5, as(addr, "bob")), 5) {
		rounds[fmt.Sprint(round)]++
		if sorted := slices.Sorted(slices.Values(round)); !slices.Equal(sorted, []int{0, 1, 2, 3, 4}) {
			t.Errorf("a round of %v", round)
		}
	}
	if len(rounds) < 5 {
		t.Errorf("%d rounds are of %d orders only", shown, len(rounds))
	}
	t.Logf("Shuffle, %d logins, %d at once: %v; %d rounds in sequence: each backend once a round, in %d orders", thousand, crowd, counts, shown, len(rounds))
}

// leastConnsLaw: whoever holds fewest gets the next one. The clients come in waves that stay until
// all are in, so that what is open is known.
func leastConnsLaw(t *testing.T, urls []string, l landing) {
	g, addr := startGateway(t, urls, "ProxyReverseConnectPolicy LeastConns")
	worst, closed := 0, 0
	leave := func(in []*caller) {
		scatter(t, in)
		closed += len(in)
		inTime(t, "the end of the sessions", func() bool {
			return strings.Count(g.File("system.log"), "FTP session closed") == closed
		})
	}
	for done := 0; done < thousand; done += crowd {
		in := gather(t, min(crowd, thousand-done), as(addr, "bob"))
		counts := held(t, l, in)
		worst = max(worst, slices.Max(counts)-slices.Min(counts))
		near(t, counts, alike, 1)
		leave(in)
	}
	t.Logf("LeastConns, %d logins in waves of %d: the open connections of two backends differ by at most %d", thousand, crowd, worst)
	// One backend loses all of its clients: it gets as many next.
	in := gather(t, 50, as(addr, "bob"))
	var gone []*caller
	for _, c := range in {
		if l.of(c.where) == 2 {
			gone = append(gone, c)
		}
	}
	leave(gone)
	next := held(t, l, gather(t, len(gone), as(addr, "bob")))
	if next[2] != len(gone) {
		t.Errorf("%d clients left one backend; of as many new ones it got %v", len(gone), next)
	}
	t.Logf("LeastConns: the %d clients after %d had left one backend: %v", len(gone), len(gone), next)
	_, addr = startGateway(t, weighted(urls, unalike...), "ProxyReverseConnectPolicy LeastConns")
	counts := held(t, l, gather(t, 60, as(addr, "bob")))
	near(t, counts, unalike, 1)
	t.Logf("LeastConns, 60 clients, weights %v: %v", unalike, counts)
}

// TestLeastResponseTime_spares_a_slow_backend: five alike but for one, which takes its time to greet.
func TestLeastResponseTime_spares_a_slow_backend(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	const pace, drag = 20 * time.Millisecond, 200 * time.Millisecond
	var urls []string
	var l landing
	for i := range 5 {
		name, delay := fmt.Sprintf("paced-%d.", i), pace
		if i == 2 {
			delay = drag
		}
		s := peers.StartScripted(t, peers.Script{BannerDelay: delay, Banner: "220 " + name + "\r\n",
			On: handlers{"PASS": func(v *peers.Visit) { v.Reply("230 %s\r\n", name) }}})
		urls, l = append(urls, s.URL()), append(l, name)
	}
	_, addr := startGateway(t, urls, "ProxyReverseConnectPolicy LeastResponseTime")
	visitAll(t, l, 5, 10, as(addr, "bob")) // all are measured
	counts := shares(t, l, visitAll(t, l, crowd, thousand, as(addr, "bob")))
	t.Logf("LeastResponseTime, %d logins, %d at once, banner after %v but number 2 after %v: %v", thousand, crowd, pace, drag, counts)
	if counts[2]*2 > thousand/5 {
		t.Errorf("the slow backend got %d of %d logins", counts[2], thousand)
	}
	for i, n := range counts {
		if i != 2 && n*2 < thousand/5 {
			t.Errorf("number %d, one of the fast ones, got %d of %d logins", i, n, thousand)
		}
	}
}

// sticks fails unless every name always landed where the reference's hash says.
func sticks(t *testing.T, what string, landed []int, nameOf func(i int) string) {
	t.Helper()
	names := map[string]bool{}
	for i, at := range landed {
		name := nameOf(i)
		names[name] = true
		if want := int(peerHash(name) % 5); at != want {
			t.Fatalf("%q landed at number %d, want %d, where the reference's hash says", name, at, want)
		}
	}
	t.Logf("%s, %d logins of %d names, %d at once: each always at the backend of the reference's hash", what, len(landed), len(names), crowd)
}

func perHostLaw(t *testing.T, urls []string, l landing) {
	_, addr := startGateway(t, urls, "ProxyReverseConnectPolicy PerHost")
	from := func(i int) string { return fmt.Sprintf("127.0.%d.%d", 1+i%4, 1+i%100) }
	sticks(t, "PerHost", visitAll(t, l, crowd, thousand, func(i int) ask {
		return ask{addr: addr, from: from(i), user: "bob", password: "x"}
	}), from)
}

func perUserLaw(t *testing.T, urls []string, l landing) {
	g, addr := startGateway(t, urls, "ProxyReverseConnectPolicy PerUser")
	user := func(i int) string { return fmt.Sprintf("user%d", i%250) }
	next := func(i int) ask { return ask{addr: addr, user: user(i), password: "x"} }
	sticks(t, "PerUser", visitAll(t, l, crowd, thousand, next), user)
	g.Restart()
	// Another list of the same backends, in which the hash would send most elsewhere.
	g.Configure(configuration(g, portOf(t, addr), append(slices.Clone(urls[1:]), urls[0]), "ProxyReverseConnectPolicy PerUser"))
	g.Restart()
	sticks(t, "PerUser after a restart with the list in another order", visitAll(t, l, crowd, 250, next), user)
}

// accounts writes an AuthUserFile and an AuthGroupFile. The password of all is the same; group i has
// the members that memberOf says.
func accounts(t testing.TB, dir, password string, groups []string, members map[string]string) (lines []string) {
	t.Helper()
	hashed := md5Crypt(t, password)
	var users, list strings.Builder
	for i, g := range groups {
		fmt.Fprintf(&list, "%s:x:%d:\n", g, 7000+i)
	}
	for user, g := range members {
		fmt.Fprintf(&users, "%s:%s:%d:%d::/:/bin/sh\n", user, hashed, 6000, 7000+slices.Index(groups, g))
	}
	place(t, filepath.Join(dir, "users"), users.String(), 0o600)
	place(t, filepath.Join(dir, "groups"), list.String(), 0o600)
	return []string{"AuthUserFile " + filepath.Join(dir, "users"), "AuthGroupFile " + filepath.Join(dir, "groups"),
		"AuthOrder mod_auth_file.c", "RequireValidShell off"}
}

// md5Crypt hashes a password cheaply: 64 clients at once are to show where they land, and not how long a
// gateway under the race detector takes for their hashes.
func md5Crypt(t testing.TB, password string) string {
	t.Helper()
	in, err := peers.Locate("openssl")
	if err != nil {
		peers.GiveUp(t, err)
	}
	cmd := exec.CommandContext(t.Context(), in.Binary, "passwd", "-1", "-stdin")
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl passwd: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func perGroupLaw(t *testing.T, urls []string, l landing) {
	var groups []string
	members := map[string]string{}
	for i := range 25 {
		groups = append(groups, fmt.Sprintf("team%d", i))
	}
	group := func(i int) string { return groups[i%25] }
	for i := range 250 {
		members[fmt.Sprintf("user%d", i)] = group(i)
	}
	lines := append(accounts(t, t.TempDir(), "sesame", groups, members), "ProxyReverseConnectPolicy PerGroup", "ProxyOptions UseReverseProxyAuth")
	_, addr := startGateway(t, urls, lines...)
	sticks(t, "PerGroup", visitAll(t, l, crowd, thousand, func(i int) ask {
		return ask{addr: addr, user: fmt.Sprintf("user%d", i%250), password: "sesame"}
	}), group)
}
