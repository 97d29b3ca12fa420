//go:build unix

package load_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/backend"
	"github.com/sluice-gateway/sluice/bench/load"
)

// serve runs a backend for the length of a test.
func serve(t *testing.T) load.Job {
	t.Helper()
	server, err := backend.Listen(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ctx, 1); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	return load.Job{Control: server.Control, Raw: server.Raw, Clients: 3, Loops: 2, Span: 200 * time.Millisecond}
}

func TestJobs(t *testing.T) {
	const mib = 1 << 20
	cases := map[string]struct {
		do    func(context.Context, load.Job) (load.Tally, error)
		count func(load.Tally) bool
	}{
		"logins are whole sessions": {load.Logins, func(y load.Tally) bool { return y.Count > 0 && y.Failed == 0 }},
		"every round trip has a latency": {load.RoundTrips, func(y load.Tally) bool {
			return y.Count > 0 && y.Latency.TotalCount() == y.Count && y.Latency.ValueAtQuantile(50) > 0
		}},
		"idle sessions stay": {load.Idle, func(y load.Tally) bool { return y.Count == 3 }},
		"fetched bytes are counted": {transfers(load.Files{Name: "1m", Size: mib}), func(y load.Tally) bool {
			return y.Count > 0 && y.Bytes >= y.Count*mib
		}},
		"stored files are counted whole": {transfers(load.Files{Store: true, Name: "1k", Size: 1024}), func(y load.Tally) bool {
			return y.Count > 0 && y.Bytes == y.Count*1024
		}},
		"an endless store ends": {transfers(load.Files{Store: true, Name: "upload"}), func(y load.Tally) bool {
			return y.Count == 3 && y.Bytes > mib
		}},
		"raw streams are fetched": {raw(load.Files{Name: "1m", Size: mib}), func(y load.Tally) bool {
			return y.Count > 0 && y.Bytes >= y.Count*mib
		}},
		"raw streams are stored": {raw(load.Files{Store: true}), func(y load.Tally) bool {
			return y.Count == 3 && y.Bytes > mib
		}},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			job := serve(t)
			edges := 0
			job.Begin, job.End = func() { edges++ }, func() { edges++ }
			tally, err := c.do(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if !c.count(tally) {
				t.Errorf("tally: %+v", tally)
			}
			if tally.Elapsed < job.Span || edges != 2 {
				t.Errorf("counted for %v of %v with %d of 2 edges", tally.Elapsed, job.Span, edges)
			}
		})
	}
}

func transfers(f load.Files) func(context.Context, load.Job) (load.Tally, error) {
	return func(ctx context.Context, j load.Job) (load.Tally, error) { return load.Transfers(ctx, j, f) }
}

func raw(f load.Files) func(context.Context, load.Job) (load.Tally, error) {
	return func(ctx context.Context, j load.Job) (load.Tally, error) { return load.RawStreams(ctx, j, f) }
}

func TestALongRunEndsAtItsLimit(t *testing.T) {
	job := serve(t)
	job.Clients, job.Span = 1, time.Minute
	tally, err := load.Transfers(t.Context(), job, load.Files{Name: "1k", Size: 1024, Limit: 100, Block: 20})
	if err != nil {
		t.Fatal(err)
	}
	if tally.Count != 100 || len(tally.Blocks) != 5 {
		t.Errorf("%d transfers in %d blocks, want 100 in 5", tally.Count, len(tally.Blocks))
	}
}

func TestAJobWithoutAServerSaysSo(t *testing.T) {
	job := load.Job{Control: netip.MustParseAddrPort("127.0.0.1:1"), Clients: 2, Span: 10 * time.Second}
	for name, do := range map[string]func(context.Context, load.Job) (load.Tally, error){"logins": load.Logins, "round trips": load.RoundTrips} {
		if _, err := do(t.Context(), job); err == nil {
			t.Errorf("%s: no error although nobody listens", name)
		}
	}
}

// register notes the names that are given to a server that answers as one does, after a while.
func register(t *testing.T, pause time.Duration) (at netip.AddrPort, names func() []string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var heard []string
	var wg conc.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { // ends with the client
				defer conn.Close()
				time.Sleep(pause) // this is the server's slowness, nobody waits for it to pass
				_, _ = io.WriteString(conn, "220 hello\r\n")
				for in := bufio.NewScanner(conn); in.Scan(); {
					verb, arg, _ := strings.Cut(in.Text(), " ")
					if verb == "USER" {
						mu.Lock()
						heard = append(heard, arg)
						mu.Unlock()
					}
					_, _ = io.WriteString(conn, map[string]string{"USER": "331", "PASS": "230", "QUIT": "221"}[verb]+" fine\r\n")
				}
			})
		}
	})
	return netip.MustParseAddrPort(l.Addr().String()), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(heard)
	}
}

func TestNamesComeInTurn(t *testing.T) {
	at, names := register(t, 0)
	job := load.Job{Control: at, Clients: 1, Users: 3, Span: 100 * time.Millisecond}
	if _, err := load.Logins(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	got := names()
	if len(got) < 6 {
		t.Fatalf("only %d logins", len(got))
	}
	for i, name := range got {
		if want := fmt.Sprintf("bench%07d", i%3); name != want {
			t.Fatalf("login %d is that of %q, want %q", i, name, want)
		}
	}
}

func TestLoopsUseDifferentNamesAtATime(t *testing.T) {
	at, names := register(t, 0)
	job := load.Job{Control: at, Clients: 4, Loops: 2, Users: 100, Span: 200 * time.Millisecond}
	if _, err := load.Logins(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range names() {
		seen[name] = true
	}
	if n := len(names()); len(seen) < min(n/2, 90) {
		t.Errorf("%d logins with %d names", n, len(seen))
	}
}

func TestAPaceIsKept(t *testing.T) {
	job := serve(t)
	job.Clients, job.Pace, job.Span = 4, 40, time.Second
	tally, err := load.Logins(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	// The last may be under way at the end; a busy machine makes some late, but never more than are due.
	if tally.Count < 20 || tally.Count > 41 {
		t.Errorf("%d logins in a second, want 40", tally.Count)
	}
	if tally.Latency.TotalCount() < tally.Count || tally.Latency.ValueAtQuantile(50) <= 0 {
		t.Errorf("latencies: %d of %d", tally.Latency.TotalCount(), tally.Count)
	}
}

func TestWhoIsTooSlowForAPaceIsTold(t *testing.T) {
	const pause = 50 * time.Millisecond
	at, _ := register(t, pause)
	job := load.Job{Control: at, Clients: 2, Pace: 200, Span: time.Second}
	tally, err := load.Logins(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if tally.Late == 0 || tally.Count == 0 || tally.Count > 40 {
		t.Errorf("two clients of %v each: %d logins a second, %d of them late", pause, tally.Count, tally.Late)
	}
	if got := time.Duration(tally.Latency.Min()); got < pause*99/100 {
		t.Errorf("a login that takes %v took %v", pause, got)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
