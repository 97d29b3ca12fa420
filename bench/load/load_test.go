//go:build unix

package load_test

import (
	"context"
	"net/netip"
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
