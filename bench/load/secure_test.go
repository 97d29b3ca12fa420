//go:build unix

package load_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/backend"
	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/seal"
)

// serveTLS runs a backend that also speaks TLS for the length of a test.
func serveTLS(t *testing.T) load.Job {
	t.Helper()
	papers, err := seal.NewPapers(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server, err := backend.Listen(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Secure(papers.Backend); err != nil {
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
	config, err := seal.ClientConfig(papers.Backend.Cert)
	if err != nil {
		t.Fatal(err)
	}
	return load.Job{Control: server.Addresses.Secure, TLS: config, Clients: 3, Span: 300 * time.Millisecond}
}

func sealed(f load.Files) func(context.Context, load.Job) (load.Tally, error) {
	return func(ctx context.Context, j load.Job) (load.Tally, error) { return load.SecureTransfers(ctx, j, f) }
}

func TestSecureJobs(t *testing.T) {
	const mib = 1 << 20
	cases := map[string]struct {
		do    func(context.Context, load.Job) (load.Tally, error)
		count func(load.Tally) bool
	}{
		"logins are whole sessions":   {load.SecureLogins, func(y load.Tally) bool { return y.Count > 0 && y.Failed == 0 }},
		"idle sessions stay":          {load.SecureIdle, func(y load.Tally) bool { return y.Count == 3 }},
		"fetched bytes are counted":   {sealed(load.Files{Name: "1m", Size: mib}), func(y load.Tally) bool { return y.Bytes >= mib && y.Bytes >= y.Count*mib }},
		"small files may be fetched":  {sealed(load.Files{Name: "1k", Size: 1024}), func(y load.Tally) bool { return y.Count > 0 && y.Bytes >= y.Count*1024 }},
		"stored bytes, confirmed all": {sealed(load.Files{Store: true, Name: "upload"}), func(y load.Tally) bool { return y.Count == 3 && y.Bytes > mib }},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			job := serveTLS(t)
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

func TestSecureJobsFail(t *testing.T) {
	jobs := map[string]func(context.Context, load.Job) (load.Tally, error){
		"logins": load.SecureLogins, "idle": load.SecureIdle, "fetch": sealed(load.Files{Name: "1m", Size: 1 << 20}),
	}
	for name, do := range jobs {
		t.Run(name+" without a server", func(t *testing.T) {
			job := serveTLS(t)
			job.Control = netip.MustParseAddrPort("127.0.0.1:1")
			if _, err := do(t.Context(), job); err == nil {
				t.Error("no error although nobody listens")
			}
		})
		t.Run(name+" in clear", func(t *testing.T) {
			job := serve(t) // knows nothing of AUTH
			job.TLS = serveTLS(t).TLS
			if _, err := do(t.Context(), job); err == nil || !strings.Contains(err.Error(), "AUTH TLS") {
				t.Errorf("error %v", err)
			}
		})
		t.Run(name+" with no configuration", func(t *testing.T) {
			if _, err := do(t.Context(), serve(t)); err == nil || !strings.Contains(err.Error(), "no TLS") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestASecureJobEndsWithItsContext(t *testing.T) {
	job := serveTLS(t)
	job.Span = time.Minute
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	began := time.Now()
	if _, err := load.SecureTransfers(ctx, job, load.Files{Store: true, Name: "upload"}); err == nil {
		t.Error("no error although it was stopped")
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it went on for %v", took)
	}
}
