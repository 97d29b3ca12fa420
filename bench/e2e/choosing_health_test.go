package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// arrival is one login of a stream.
type arrival struct {
	began time.Time
	took  time.Duration // until it was in
	at    int           // where it landed, -1 for nowhere
	err   error
}

// stream is a crowd that logs in and out until its end, with pauses that leave the machine some air: what
// is timed must not be its load.
type stream struct {
	stop context.CancelFunc
	work conc.WaitGroup

	mu   sync.Mutex
	seen []arrival
}

func startStream(t testing.TB, l landing, width int, next func(int) ask) *stream {
	ctx, stop := context.WithCancel(t.Context())
	s := &stream{stop: stop}
	for range width {
		s.work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				o := arrival{began: time.Now(), at: -1}
				c, err := enterAs(next(i))
				o.took = time.Since(o.began)
				if err == nil {
					o.at = l.of(c.where)
					err = c.quit()
				}
				o.err = err
				s.mu.Lock()
				s.seen = append(s.seen, o)
				s.mu.Unlock()
				time.Sleep(time.Duration(width) * 3 * time.Millisecond)
			}
		})
	}
	t.Cleanup(func() { s.end() })
	return s
}

// end waits for the crowd and returns what it met.
func (s *stream) end() []arrival {
	s.stop()
	s.work.Wait()
	return s.seen
}

// soFar is a copy of what the crowd has met.
func (s *stream) soFar() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// since picks the logins that began after a moment, and before another unless that is zero.
func since(seen []arrival, from, to time.Time) (out []arrival) {
	for _, o := range seen {
		if o.began.After(from) && (to.IsZero() || o.began.Before(to)) {
			out = append(out, o)
		}
	}
	return out
}

// tally counts where logins landed, and the failed ones.
func tally(seen []arrival, n int) (counts []int, failed []error) {
	counts = make([]int, n)
	for _, o := range seen {
		if o.err != nil {
			failed = append(failed, o.err)
		} else {
			counts[o.at]++
		}
	}
	return counts, failed
}

// changes are when the gateway's log says that a backend's health became another.
func changes(g *peers.Gateway, backend, to string) (at []time.Time) {
	words := []string{"a backend's health changed", strings.TrimPrefix(backend, "ftp://"), "to=" + to}
	for line := range strings.Lines(g.File("system.log")) {
		const layout = "2006-01-02 15:04:05,000"
		if !strings.Contains(line, words[0]) || !holds(line, words) {
			continue
		}
		if when, err := time.ParseInLocation(layout, line[:len(layout)], time.Local); err == nil {
			at = append(at, when)
		}
	}
	return at
}

// changedSince is the first of changes that is not older than a moment; zero: there is none yet.
func changedSince(g *peers.Gateway, backend, to string, from time.Time) (first time.Time) {
	for _, at := range changes(g, backend, to) {
		if !at.Before(from.Truncate(time.Millisecond)) {
			return at
		}
	}
	return time.Time{}
}

// TestClaim24_a_real_backend_killed_under_64_clients: nobody who comes after its death sees an error.
func TestClaim24_a_real_backend_killed_under_64_clients(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"RoundRobin", "LeastConns", "PerUser"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			var l landing
			var urls []string
			var servers []*peers.Server
			for _, kind := range peers.Kinds() {
				s := peers.Start(t, kind, peers.Options{})
				servers, l = append(servers, s), append(l, marks[kind])
				urls = append(urls, fmt.Sprintf("ftp://%s:%s@%s", s.User, s.Password, s.Addr()))
			}
			_, addr := startGateway(t, urls, "ProxyReverseConnectPolicy "+policy, "ProxyReverseHealthPolicy PassiveChecks failures 2 expires 5s")
			crowdOf := startStream(t, l, crowd, func(i int) ask { return ask{addr: addr, user: fmt.Sprintf("user%d", i%40), password: "x"} })
			await := func(n int) {
				t.Helper()
				from := time.Now()
				inTime(t, "more logins", func() bool { return len(since(crowdOf.soFar(), from, time.Time{})) >= n })
			}
			await(100)
			died := time.Now()
			kill(t, servers[0])
			dead := time.Now()
			await(200)
			seen := crowdOf.end()
			before, failed := tally(since(seen, time.Time{}, died), 3)
			if len(failed) > 0 || before[0] == 0 {
				// Those who were with it when it died began before.
				t.Logf("%d of those who had begun before the death were with the backend and lost it, such as: %v", len(failed), failed[:min(1, len(failed))])
			}
			after, failed := tally(since(seen, dead, time.Time{}), 3)
			t.Logf("%s: before %v; %d logins began after the death: %v, errors: %d", policy, before, len(since(seen, dead, time.Time{})), after, len(failed))
			if len(failed) > 0 {
				t.Errorf("a login after the death saw: %v", failed[0])
			}
			if after[0] > 0 || after[1] == 0 || after[2] == 0 {
				t.Errorf("the logins after the death went to %v", after)
			}
		})
	}
}

// kill ends a daemon and all of its sessions with SIGKILL.
func kill(t testing.TB, s *peers.Server) {
	t.Helper()
	sessions := s.Sessions()
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, pid := range sessions {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
	}
}

// TestClaim24_PassiveChecks_try_a_dead_backend_twice_per_expiry counts the connections that come to a
// backend after its death, while clients log in.
func TestClaim24_PassiveChecks_try_a_dead_backend_twice_per_expiry(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy string
		width  int
	}{
		"RoundRobin/64_at_once": {"RoundRobin", crowd},
		"LeastConns/64_at_once": {"LeastConns", crowd},
		"RoundRobin/one_by_one": {"RoundRobin", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			list, urls, l := marked(t, 3, "passive")
			gate := startTollgate(t, list[1].Addr())
			urls[1] = gate.url()
			g, addr := startGateway(t, urls, "ProxyReverseConnectPolicy "+tc.policy, "ProxyReverseHealthPolicy PassiveChecks failures 2 expires 2s")
			flow := startStream(t, l, tc.width, as(addr, "bob"))
			inTime(t, "a good beginning", func() bool { return len(flow.soFar()) > 200 })
			gate.Shut()
			died := time.Now()
			inTime(t, "three expiries", func() bool { return len(changes(g, urls[1], "down")) >= 4 })
			gone := time.Now()
			gate.Open()
			inTime(t, "its return", func() bool { return !changedSince(g, urls[1], "up", gone).IsZero() })
			back := time.Now()
			inTime(t, "logins after its return", func() bool { return len(since(flow.soFar(), back, time.Time{})) > 200 })
			seen := flow.end()

			underWay, perExpiry := inWindows(gate.Turned(), died, tc.width, 2*time.Second)
			counts, failed := tally(since(seen, died, gone), 3)
			t.Logf("%s, %d at once: %d connections were under way when it was found dead, then at most %d in any 2s, %d over %v; %d logins meanwhile: %v, errors: %d",
				tc.policy, tc.width, underWay, perExpiry, len(gate.Turned())-underWay, gone.Sub(died).Round(time.Millisecond), len(since(seen, died, gone)), counts, len(failed))
			if perExpiry > 2 {
				t.Errorf("it was tried %d times in one expiry", perExpiry)
			}
			if underWay > tc.width {
				t.Errorf("%d attempts were under way of %d clients", underWay, tc.width)
			}
			if len(failed) > 0 {
				t.Errorf("a login after the death saw: %v", failed[0])
			}
			again, failed := tally(since(seen, back, time.Time{}), 3)
			if again[1] == 0 || len(failed) > 0 {
				t.Errorf("after its return: %v and %d errors", again, len(failed))
			}
		})
	}
}

// inWindows finds the most attempts in any stretch of time of the given length. Of a crowd, those attempts
// are apart that were on their way before anybody could know: they come at once after the death.
func inWindows(turned []time.Time, died time.Time, width int, length time.Duration) (underWay, most int) {
	if width > 1 {
		underWay = len(turned)
		if i := slices.IndexFunc(turned, func(at time.Time) bool { return at.Sub(died) > 500*time.Millisecond }); i >= 0 {
			underWay = i
		}
	}
	turned = turned[underWay:]
	for i, from := range turned {
		n := slices.IndexFunc(turned[i:], func(at time.Time) bool { return at.Sub(from) >= length })
		if n < 0 {
			n = len(turned) - i
		}
		most = max(most, n)
	}
	return underWay, most
}
