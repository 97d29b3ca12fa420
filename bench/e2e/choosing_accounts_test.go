package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// canary is the password whose trace would be a leak.
const canary = "c4n4ry-of-the-porter"

// houseOf is a gateway that checks passwords itself: staff has joe and ann, guests has gus; each group
// has a list of its own.
func houseOf(t *testing.T, extra ...string) (g *peers.Gateway, addr string, list []*peers.Scripted, l landing) {
	t.Helper()
	peers.RequireGateway(t)
	list, urls, l := marked(t, 3, "group")
	dir := t.TempDir()
	folder(t, filepath.Join(dir, "lists"))
	place(t, filepath.Join(dir, "lists", "staff.json"), jsonList(urls[0]), 0o644)
	place(t, filepath.Join(dir, "lists", "guests.json"), jsonList(urls[1]), 0o644)
	lines := accounts(t, dir, canary, []string{"staff", "guests", "listless"},
		map[string]string{"joe": "staff", "ann": "staff", "gus": "guests", "lea": "listless"})
	lines = append(lines, "ProxyReverseConnectPolicy PerGroup", "ProxyOptions UseReverseProxyAuth",
		"ProxyReverseServers file:"+filepath.Join(dir, "lists")+"/%g.json")
	g, addr = startGateway(t, nil, append(lines, extra...)...)
	t.Cleanup(func() { mustNotTell(t, g, canary) })
	return g, addr, list, l
}

// refusals logs in and returns what USER and PASS were answered.
func refusals(t testing.TB, addr, user, password string) (string, time.Duration) {
	t.Helper()
	c := peers.Dial(t, addr)
	defer c.Close()
	c.Expect(220)
	first := c.Cmd("USER %s", user)
	began := time.Now()
	second := c.Cmd("PASS %s", password)
	took := time.Since(began)
	return strings.ReplaceAll(fmt.Sprintf("%s / %s", first, second), user, "NAME"), took
}

// TestPerGroup_by_JSON: the group of who logged in at the gateway finds the list.
func TestPerGroup_by_JSON(t *testing.T) {
	t.Parallel()
	_, addr, list, l := houseOf(t)
	for user, want := range map[string]int{"joe": 0, "ann": 0, "gus": 1} {
		if at, err := lands(l, ask{addr: addr, user: user, password: canary}); at != want || err != nil {
			t.Errorf("%s landed at number %d (%v), want %d", user, at, err, want)
		}
	}
	for _, s := range list[:2] {
		if !strings.Contains(s.History(), `"USER `) {
			t.Error("a backend was not told who comes")
		}
	}
	before := opened(list)
	texts := map[string]bool{}
	for user, password := range map[string]string{"joe": "wrong", "nobody": canary, "lea": canary, "root": "x", "gus": canary + "x"} {
		text, _ := refusals(t, addr, user, password)
		texts[text] = true
	}
	if n := opened(list) - before; n > 0 || len(texts) != 1 || !texts["331 Password required for NAME / 530 Login incorrect."] {
		t.Errorf("who may not come in was told %v, and backends saw %d connections", texts, n)
	}
	t.Log("PerGroup by JSON: three members at the lists of their groups; a wrong password, an unknown name, a group without a list: the same words, and no backend reached")
}

// TestClaim15_same_answer_same_time: nobody can tell an unknown name from a wrong password, with each policy
// under UseReverseProxyAuth.
func TestClaim15_same_answer_same_time(t *testing.T) {
	t.Parallel()
	_, addr, _, _ := houseOf(t)
	const rounds = 40
	var wrong, unknown []time.Duration
	for i := range rounds {
		a, took := refusals(t, addr, "joe", "not the password")
		wrong = append(wrong, took)
		b, took := refusals(t, addr, fmt.Sprintf("no%d", i), "not the password")
		unknown = append(unknown, took)
		if a != b {
			t.Fatalf("a wrong password is answered %q, an unknown name %q", a, b)
		}
	}
	slices.Sort(wrong)
	slices.Sort(unknown)
	a, b := wrong[rounds/2], unknown[rounds/2]
	t.Logf("claim 15: medians of %d refusals each: wrong password %v, unknown name %v; quartiles %v–%v and %v–%v",
		rounds, a, b, wrong[rounds/4], wrong[3*rounds/4], unknown[rounds/4], unknown[3*rounds/4])
	// The quartiles of the two must overlap: a hash more or less would part them.
	if wrong[3*rounds/4] < unknown[rounds/4] || unknown[3*rounds/4] < wrong[rounds/4] {
		t.Error("the times tell the two apart")
	}
}

// TestMaxLoginAttempts ends a session of guesses.
func TestMaxLoginAttempts(t *testing.T) {
	t.Parallel()
	_, addr, _, l := houseOf(t, "MaxLoginAttempts 2")
	c := peers.Dial(t, addr)
	c.Expect(220)
	c.Must(331, "USER joe")
	c.Must(530, "PASS wrong")
	c.Must(331, "USER nobody")
	c.Must(530, "PASS wrong")
	c.ExpectClosed(5 * time.Second)
	c = peers.Dial(t, addr)
	c.Expect(220)
	c.Must(331, "USER joe")
	c.Must(530, "PASS wrong")
	c.Must(331, "USER joe")
	if r := c.Must(230, "PASS %s", canary); l.of(r.String()) != 0 {
		t.Errorf("the second attempt got %q", r)
	}
}

// TestUserAlias: who comes in by another name is that account, with its password and its group.
func TestUserAlias(t *testing.T) {
	t.Parallel()
	_, addr, list, l := houseOf(t, "UserAlias boss gus")
	if at, err := lands(l, ask{addr: addr, user: "boss", password: canary}); at != 1 || err != nil {
		t.Fatalf("the alias landed at number %d: %v", at, err)
	}
	if !strings.Contains(list[1].History(), `"USER boss"`) { // who it is there is the backend's to say
		t.Errorf("the backend saw\n%s", list[1].History())
	}
}

// TestLimitLOGIN: who may not log in is told what everybody is told.
func TestLimitLOGIN(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule string
		in   map[string]bool
	}{
		"DenyUser":   {"DenyUser joe", map[string]bool{"joe": false, "ann": true, "gus": true}},
		"AllowUser":  {"AllowUser joe\nDenyAll", map[string]bool{"joe": true, "ann": false, "gus": false}},
		"DenyGroup":  {"DenyGroup staff", map[string]bool{"joe": false, "ann": false, "gus": true}},
		"AllowGroup": {"AllowGroup staff\nDenyAll", map[string]bool{"joe": true, "ann": true, "gus": false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, addr, list, l := houseOf(t, "<Limit LOGIN>\n"+tc.rule+"\n</Limit>")
			for user, may := range tc.in {
				before := opened(list)
				at, err := lands(l, ask{addr: addr, user: user, password: canary})
				if may != (err == nil) || may != (at >= 0) {
					t.Errorf("%s: at number %d, %v; may come in: %v", user, at, err, may)
				}
				if !may && (opened(list) != before || !strings.Contains(fmt.Sprint(err), "530 Login incorrect.")) {
					t.Errorf("%s was refused with %v, after %d connections to backends", user, err, opened(list)-before)
				}
			}
			if len(noted(g, "Limit configuration denies login")) == 0 {
				t.Error("the log does not say why")
			}
		})
	}
}

// TestUseReverseProxyAuth_before_real_servers: the gateway's accounts in front, the URL's account behind.
func TestUseReverseProxyAuth_before_real_servers(t *testing.T) {
	t.Parallel()
	for _, kind := range peers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			server := peers.Start(t, kind, peers.Options{Password: "backend-" + canary})
			dir := t.TempDir()
			place(t, filepath.Join(dir, "staff.json"), jsonList(fmt.Sprintf("ftp://%s:%s@%s", server.User, server.Password, server.Addr())), 0o644)
			lines := append(accounts(t, dir, canary, []string{"staff"}, map[string]string{"joe": "staff"}),
				"ProxyReverseConnectPolicy PerGroup", "ProxyOptions UseReverseProxyAuth", "ProxyReverseServers file:"+dir+"/%g.json", "DebugLevel 10")
			g, addr := startGateway(t, nil, lines...)
			tg := target{addr: addr, server: server, gateway: g}
			body := noise(100_000)
			tg.put(t, "f", body)
			c := peers.Dial(t, addr).Login("joe", canary)
			sameBytes(t, "the file", c.Fetch(peers.EPSV, "RETR f"), body)
			c.Must(221, "QUIT")
			if text, _ := refusals(t, addr, "joe", server.Password); !strings.HasSuffix(text, "530 Login incorrect.") {
				t.Errorf("the backend's password opens the gateway: %q", text)
			}
			if text, _ := refusals(t, addr, server.User, server.Password); !strings.HasSuffix(text, "530 Login incorrect.") {
				t.Errorf("the backend's account is one of the gateway: %q", text)
			}
			mustNotTell(t, g, canary)
		})
	}
}
