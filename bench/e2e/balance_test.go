package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// pool starts n scripted backends that tell themselves by their banner.
func pool(t *testing.T, n int) (backends []*peers.Scripted, urls []string) {
	t.Helper()
	for i := range n {
		s := peers.StartScripted(t, peers.Script{Banner: fmt.Sprintf("220 backend %d\r\n", i)})
		backends, urls = append(backends, s), append(urls, s.URL())
	}
	return backends, urls
}

func visits(s *peers.Scripted) int {
	n := 0
	for _, e := range s.Events() {
		if e.What == "open" {
			n++
		}
	}
	return n
}

func TestRoundRobin_spreads_30_logins_evenly(t *testing.T) {
	peers.RequireGateway(t)
	backends, urls := pool(t, 3)
	_, addr := startGateway(t, urls, "ProxyReverseConnectPolicy RoundRobin")
	for i := range 30 {
		c := peers.Dial(t, addr)
		if want := fmt.Sprintf("220 backend %d", i%3); c.Reply().String() != want {
			t.Fatalf("login %d: want the banner %q; %s", i, want, c.Transcript())
		}
		c.Must(331, "USER bob")
		c.Must(230, "PASS x")
		c.Must(221, "QUIT")
	}
	for i, s := range backends {
		if n := visits(s); n != 10 {
			t.Errorf("backend %d was visited %d times, want 10", i, n)
		}
	}
}

func TestPolicies_reach_every_backend_or_stick(t *testing.T) {
	for policy, sticky := range map[string]bool{"Random": false, "Shuffle": false, "LeastConns": false, "LeastResponseTime": false} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			backends, urls := pool(t, 3)
			_, addr := startGateway(t, urls, "ProxyReverseConnectPolicy "+policy)
			for range 30 { // all stay connected, so that counts differ
				peers.Dial(t, addr).Login("bob", "x")
			}
			reached := 0
			for i, s := range backends {
				n := visits(s)
				if n > 0 {
					reached++
				}
				if (policy == "Shuffle" || policy == "LeastConns") && n != 10 {
					t.Errorf("backend %d was visited %d times, want 10", i, n)
				}
			}
			if want := map[bool]int{true: 1, false: 3}[sticky]; reached != want {
				t.Errorf("%d backends were visited, want %d", reached, want)
			}
		})
	}
}

func TestClaim24_a_dead_backend_costs_no_client_an_error(t *testing.T) {
	peers.RequireGateway(t)
	_, urls := pool(t, 2)
	dead := "ftp://" + loopback(freePort(t))
	_, addr := startGateway(t, []string{urls[0], dead, urls[1]}, "ProxyRetryCount 3")
	for range 12 {
		peers.Dial(t, addr).Login("bob", "x").Must(221, "QUIT")
	}
}

func TestNoBackend_closes_without_a_byte(t *testing.T) {
	peers.RequireGateway(t)
	_, addr := startGateway(t, []string{"ftp://" + loopback(freePort(t))}, "ProxyRetryCount 2")
	peers.Dial(t, addr).ExpectClosed(10 * time.Second)
}

func TestSlowBanner(t *testing.T) {
	t.Run("within_the_limit_is_waited_for", func(t *testing.T) {
		t.Parallel()
		c, _ := oddBackend(t, peers.Script{BannerDelay: time.Second}, "ProxyTimeoutConnect 4")
		c.Must(257, "PWD")
	})
	t.Run("beyond_the_limit_another_backend_is_taken", func(t *testing.T) {
		t.Parallel()
		peers.RequireGateway(t)
		mute := peers.StartScripted(t, peers.Script{NoBanner: true})
		_, urls := pool(t, 1)
		_, addr := startGateway(t, []string{mute.URL(), urls[0]}, "ProxyTimeoutConnect 1")
		for range 2 {
			peers.Dial(t, addr).Login("bob", "x").Must(221, "QUIT")
		}
	})
}

func TestClaim22_LostWhileIdle(t *testing.T) {
	everyGateway(t, func(t *testing.T, tg target) {
		c := tg.login(t)
		if err := tg.server.KillSessions(); err != nil {
			t.Fatal(err)
		}
		if r, err := c.ReplyErr(5 * time.Second); err != nil || r.Code != 421 {
			t.Fatalf("the idle client got %q (%v), want 421 of its own accord", r, err)
		}
		c.ExpectClosed(5 * time.Second)
	})
}

func TestBackendSays421(t *testing.T) {
	c, _ := oddBackend(t, peers.Script{On: handlers{"NOOP": func(v *peers.Visit) { v.Reply("421 going down for repairs\r\n"); v.Close() }}})
	c.Must(421, "NOOP")
	c.ExpectClosed(5 * time.Second)
}

func TestURICredentials(t *testing.T) {
	for _, kind := range peers.Kinds() {
		t.Run(string(kind)+"/gateway/replace_the_clients_own", func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			server := peers.Start(t, kind, peers.Options{})
			url := fmt.Sprintf("ftp://%s:%s@%s", server.User, server.Password, server.Addr())
			g, addr := startGateway(t, []string{url})
			c := peers.Dial(t, addr)
			c.Expect(220)
			if r := c.Must(331, "USER mallory"); strings.Contains(r.String(), server.User) {
				t.Errorf("the reply to USER gives the backend's user away: %q", r)
			}
			c.Must(230, "PASS anything")
			c.Must(257, "PWD")
			for name, text := range map[string]string{"proxy.log": g.File("proxy.log"), "system.log": g.File("system.log"), "its output": g.Output()} {
				if strings.Contains(text, server.Password) {
					t.Errorf("the backend's password stands in %s", name)
				}
			}
		})
	}
}

func TestHostCommand_goes_to_a_backend_that_lists_it(t *testing.T) {
	for name, tc := range map[string]struct {
		features []string
		want     bool
	}{"listed": {[]string{"HOST", "EPSV"}, true}, "not_listed": {[]string{"EPSV"}, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s := oddBackend(t, peers.Script{Features: tc.features})
			sent := false
			for _, e := range s.Events() {
				if strings.HasPrefix(e.Text, "USER") && !sent && tc.want {
					t.Error("USER came before HOST")
				}
				sent = sent || e.Text == "HOST 127.0.0.1"
			}
			if sent != tc.want {
				t.Errorf("HOST sent: %v, want %v\n%s", sent, tc.want, s.History())
			}
		})
	}
}

func TestClaim04_Banner(t *testing.T) {
	cases := map[string]struct{ banner, want string }{
		"of_several_lines_is_relayed_whole":          {"220-Welcome\r\n220-  to this\r\n plain line\r\n220 server\r\n", "220-Welcome\n220-  to this\n plain line\n220 server"},
		"that_ends_in_a_bare_code_is_complete":       {"220-Welcome\r\n220\r\n", "220-Welcome\n220"},
		"that_has_other_codes_in_its_body_is_whole":  {"220-Welcome\r\n331 not the end\r\n220 end\r\n", "220-Welcome\n331 not the end\n220 end"},
		"that_ends_its_lines_with_LF_alone_is_taken": {"220-Welcome\n220 end\n", "220-Welcome\n220 end"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			s := peers.StartScripted(t, peers.Script{Banner: tc.banner})
			_, addr := startGateway(t, []string{s.URL()})
			c := peers.Dial(t, addr)
			// A bare code may gain the space that RFC 959 §4.2 puts after it.
			if r := c.Reply(); strings.TrimRight(r.String(), " ") != tc.want {
				t.Fatalf("got %q, want %q", r, tc.want)
			}
			c.Must(331, "USER bob")
		})
	}
	t.Run("that_is_no_220_is_a_failed_attempt", func(t *testing.T) {
		t.Parallel()
		peers.RequireGateway(t)
		s := peers.StartScripted(t, peers.Script{Banner: "421 too many\r\n"})
		_, addr := startGateway(t, []string{s.URL()}, "ProxyRetryCount 1")
		peers.Dial(t, addr).ExpectClosed(10 * time.Second)
	})
}

func TestClaim04_MalformedReplies(t *testing.T) {
	for name, text := range map[string]string{"no_code": "what?\r\n", "code_out_of_range": "099 low\r\n", "no_space": "200_fine\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := oddBackend(t, peers.Script{On: handlers{"NOOP": func(v *peers.Visit) { v.Reply("%s", text) }}})
			c.Send("NOOP")
			// What follows cannot be told apart any more: either this command fails alone, as at the
			// peer, or the session ends with a word. The garbage itself is never passed on.
			if r := c.Expect(500, 421); r.Code == 500 && r.String() != "500 NOOP: Invalid argument" {
				t.Fatalf("got %q", r)
			} else if r.Code == 421 {
				c.ExpectClosed(5 * time.Second)
			}
		})
	}
	t.Run("a_line_without_end_is_cut_off", func(t *testing.T) {
		t.Parallel()
		c, _ := oddBackend(t, peers.Script{On: handlers{"NOOP": func(v *peers.Visit) { v.Reply("200 %s", strings.Repeat("x", 1<<20)) }}})
		c.Send("NOOP")
		if r, err := c.ReplyErr(10 * time.Second); isTimeout(err) || (err == nil && r.Code < 400) {
			t.Fatalf("got %.80q (%v)", r, err)
		}
	})
}
