package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// choosy is a backend that takes the password "x" and no other.
func choosy(t *testing.T) *peers.Scripted {
	t.Helper()
	return peers.StartScripted(t, peers.Script{On: map[string]func(*peers.Visit){
		"PASS": func(v *peers.Visit) {
			if v.Arg == "x" {
				v.Reply("230 in\r\n")
				return
			}
			v.Reply("530 Login incorrect.\r\n")
		},
	}})
}

// guess has its logins refused by the backend until the gateway ends the session.
func guess(t *testing.T, from, addr, user string, times int) {
	t.Helper()
	c := peers.DialFrom(t, from, addr)
	c.Expect(220)
	for range times {
		c.Must(331, "USER %s", user)
		c.Must(530, "PASS wrong")
	}
	c.ExpectClosed(5 * time.Second)
}

// greeted is the first line that a client from an address hears, "" for none.
func greeted(t *testing.T, from, addr string) string {
	t.Helper()
	c := peers.DialFrom(t, from, addr)
	defer c.Close()
	r, err := c.ReplyErr(5 * time.Second)
	if err != nil {
		return ""
	}
	return r.String()
}

func welcome(line string) bool { return strings.HasPrefix(line, "220") }

// Claim 20, and what users of mod_proxy asked for: logins that the backend refuses
// count. The third bans the address, for its time, over a restart, and nobody else.
func TestClaim20_BanOnEvent(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	g, addr := startGateway(t, []string{choosy(t).URL()},
		"BanEngine on", "BanTable /var/lib/ban.tab", `BanMessage "Banned: %a"`,
		"BanOnEvent MaxLoginAttempts 1/00:10:00 00:00:10")
	const bad, good = "127.0.0.2", "127.0.0.3"
	running := peers.DialFrom(t, bad, addr).Login("bob", "x")

	began := time.Now()
	guess(t, bad, addr, "bob", 3)
	eventually(t, time.Second, "the ban", func() bool { return greeted(t, bad, addr) == "530 Banned: 127.0.0.2" })
	if line := greeted(t, good, addr); !welcome(line) {
		t.Errorf("another address heard %q", line)
	}
	running.Must(257, "PWD") // who is inside stays

	g.Restart()
	if line := greeted(t, bad, addr); line != "530 Banned: 127.0.0.2" {
		t.Errorf("after a restart it heard %q", line)
	}
	if line := greeted(t, good, addr); !welcome(line) {
		t.Errorf("after a restart another address heard %q", line)
	}
	eventually(t, 20*time.Second, "the end of the ban", func() bool { return welcome(greeted(t, bad, addr)) })
	if took := time.Since(began); took < 10*time.Second {
		t.Errorf("the ban ended after %v", took)
	}
	peers.DialFrom(t, bad, addr).Login("bob", "x")
	log := g.File("system.log")
	for _, want := range []string{"1 MaxLoginAttempts within 10m0s", "host 127.0.0.2 is banned"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

// Without BanMessage the banned hear nothing, and BanLog says who they are.
func TestBan_of_a_user_and_of_a_silent_host(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	s := choosy(t)
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure(configuration(g, port, []string{s.URL()},
		"BanEngine on", "BanLog "+g.Dir+"/ban.log", "MaxLoginAttempts 2",
		"BanOnEvent MaxLoginAttemptsFromUser 1/00:00:10 00:10:00",
		"BanOnEvent UnhandledCommand 3/00:00:10 00:10:00",
		"BanOnEvent BadProtocol 1/00:00:10 00:10:00"))
	addr := loopback(port)
	g.Start(addr)

	guess(t, "127.0.0.2", addr, "eve", 2)
	c := peers.DialFrom(t, "127.0.0.2", addr)
	c.Expect(220)
	c.Must(530, "USER eve") // from here,
	c.ExpectClosed(5 * time.Second)
	peers.DialFrom(t, "127.0.0.2", addr).Login("ann", "x") // not another one,
	peers.DialFrom(t, "127.0.0.3", addr).Login("eve", "x") // nor elsewhere

	probe := peers.DialFrom(t, "127.0.0.4", addr).Login("ann", "x")
	for range 3 {
		probe.Must(500, "XYZZY")
	}
	eventually(t, time.Second, "the ban", func() bool { return greeted(t, "127.0.0.4", addr) == "" })

	web := peers.DialFrom(t, "127.0.0.5", addr)
	web.Expect(220)
	web.Send("GET / HTTP/1.1")
	web.ExpectClosed(5 * time.Second)
	eventually(t, time.Second, "the ban", func() bool { return greeted(t, "127.0.0.5", addr) == "" })
	if log := g.File("ban.log"); strings.Count(log, "banned=") < 3 && !strings.Contains(log, "eve@127.0.0.2") {
		t.Errorf("BanLog says\n%s", log)
	}
}

func TestLimits_by_user_class_and_host(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	classes := "<Class near>\n  From 127.0.0.7\n  From 127.0.0.8\n</Class>"
	for _, c := range []struct {
		name, directive string
		first, second   [2]string // address and user of those who come in
		refused         [2]string
		welcome         [2]string // who is let in all the same
		want            string
	}{
		{"MaxClientsPerUser", "MaxClientsPerUser 2", [2]string{"127.0.0.2", "bob"}, [2]string{"127.0.0.3", "bob"},
			[2]string{"127.0.0.4", "bob"}, [2]string{"127.0.0.4", "ann"},
			"530 Sorry, the maximum number of clients (2) for this user are already connected."},
		{"MaxClientsPerClass", classes + "\nMaxClientsPerClass near 2", [2]string{"127.0.0.7", "bob"}, [2]string{"127.0.0.8", "ann"},
			[2]string{"127.0.0.7", "cat"}, [2]string{"127.0.0.4", "cat"},
			"530 Sorry, the maximum number of clients (2) from your class are already connected."},
		{"MaxHostsPerUser", "MaxHostsPerUser 2", [2]string{"127.0.0.2", "bob"}, [2]string{"127.0.0.3", "bob"},
			[2]string{"127.0.0.4", "bob"}, [2]string{"127.0.0.2", "bob"},
			"530 Sorry, the maximum number of hosts (2) for this user already connected."},
		{"a_text_of_its_own", `MaxHostsPerUser 2 "two is enough: %m"`, [2]string{"127.0.0.2", "bob"}, [2]string{"127.0.0.3", "bob"},
			[2]string{"127.0.0.4", "bob"}, [2]string{"127.0.0.3", "bob"}, "530 two is enough: 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, addr := startGateway(t, []string{choosy(t).URL()}, c.directive)
			try := func(who [2]string) string {
				t.Helper()
				d := peers.DialFrom(t, who[0], addr)
				d.Expect(220)
				r := d.Cmd("USER %s", who[1])
				if r.Code < 400 {
					r = d.Cmd("PASS x")
				}
				d.Close()
				return r.String()
			}
			first := peers.DialFrom(t, c.first[0], addr).Login(c.first[1], "x")
			second := peers.DialFrom(t, c.second[0], addr).Login(c.second[1], "x")
			for range 3 { // who is refused takes nothing
				if got := try(c.refused); got != c.want {
					t.Fatalf("%v heard %q, want %q", c.refused, got, c.want)
				}
			}
			if got := try(c.welcome); !strings.HasPrefix(got, "230") {
				t.Errorf("%v heard %q", c.welcome, got)
			}
			second.Must(257, "PWD")
			first.Must(221, "QUIT")
			first.ExpectClosed(5 * time.Second)
			eventually(t, 5*time.Second, "room after one left", func() bool { return strings.HasPrefix(try(c.refused), "230") })
			if want := fmt.Sprintf("%s reached", strings.Fields(c.directive[strings.LastIndex(c.directive, "Max"):])[0]); !strings.Contains(g.File("system.log"), want) {
				t.Errorf("the log does not say %q:\n%s", want, g.File("system.log"))
			}
		})
	}
}

// Gateways with a store in common keep out together whom one of them has banned.
func TestClaim20_bans_count_across_gateways(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	r := peers.StartRedis(t, peers.RedisOptions{})
	backend := choosy(t).URL()
	lines := []string{
		"RedisEngine on", "RedisServer " + r.Address, "ProxyDatastore Redis bans.",
		"BanEngine on", `BanMessage "Banned: %a"`, "BanOnEvent MaxLoginAttempts 2/00:10:00 00:01:00",
		"BanOptions MatchAnyServer", // for want of another machine each has a port of its own
	}
	_, one := startGateway(t, []string{backend}, lines...)
	second, two := startGateway(t, []string{backend}, lines...)

	guess(t, "127.0.0.2", one, "bob", 3)
	if line := greeted(t, "127.0.0.2", one); !welcome(line) {
		t.Fatalf("once is not twice, but it heard %q", line)
	}
	guess(t, "127.0.0.2", one, "bob", 3)
	for _, addr := range []string{one, two} {
		eventually(t, 5*time.Second, "the ban", func() bool { return greeted(t, "127.0.0.2", addr) == "530 Banned: 127.0.0.2" })
		if line := greeted(t, "127.0.0.3", addr); !welcome(line) {
			t.Errorf("another address heard %q", line)
		}
	}
	second.Restart() // what it knows then, it knows from the store
	if line := greeted(t, "127.0.0.2", two); line != "530 Banned: 127.0.0.2" {
		t.Errorf("after a restart it heard %q", line)
	}
}
