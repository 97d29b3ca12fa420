//go:build unix

package target

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/backend"
	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/bench/seal"
)

// built is the folder in which the gateway lies that all tests start, made by the first.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sluice-built-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// located is Locate with one build of the gateway for all.
func located(t *testing.T, name string) Spec {
	t.Helper()
	if err := os.Chmod(built, 0o755); err != nil { // for gateways without root's rights
		t.Fatal(err)
	}
	if program := filepath.Join(built, "sluice"); name == Sluice {
		if _, err := os.Stat(program); err == nil {
			return Locate(t.Context(), name, program, built)
		}
	}
	return Locate(t.Context(), name, "", built)
}

// counted repeats a measurement with twice the time until it has counted something: on a busy
// machine one login may take most of a second.
func counted(t *testing.T, job load.Job, measure func(load.Job) (load.Tally, error)) {
	t.Helper()
	for job.Span = 250 * time.Millisecond; ; job.Span *= 2 {
		tally, err := measure(job)
		if err == nil && tally.Count > 0 {
			return
		}
		if err != nil || job.Span > 5*time.Second {
			t.Errorf("%d in %v (%v)", tally.Count, job.Span, err)
			return
		}
	}
}

func serve(t *testing.T, own certs.Files, backends int) backend.Addresses {
	t.Helper()
	server, err := backend.Listen(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Multiply(backends); err != nil {
		t.Fatal(err)
	}
	if own.Cert != "" {
		if err := server.Secure(own); err != nil {
			t.Fatal(err)
		}
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
	return server.Addresses
}

// TestTargets starts every target that this machine has and speaks through it to the backend.
func TestTargets(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			spec := located(t, name)
			if spec.Missing != "" {
				missing(t, spec)
			}
			to := serve(t, certs.Files{}, 1)
			g, err := Open(t.Context(), spec, Setting{Backend: to, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			job := load.Job{Control: g.Control, Raw: g.Raw, Clients: 2, Span: 100 * time.Millisecond}
			if tally, err := load.RoundTrips(t.Context(), job); err != nil || tally.Count == 0 {
				t.Errorf("round trips: %d (%v)", tally.Count, err)
			}
			move := load.Transfers
			if !g.RelaysFTP {
				move = load.RawStreams
			}
			for _, files := range []load.Files{{Name: "1m", Size: 1 << 20}, {Store: true, Name: "upload"}} {
				if tally, err := move(t.Context(), job, files); err != nil || tally.Bytes == 0 {
					t.Errorf("transfers %+v: %d bytes (%v)", files, tally.Bytes, err)
				}
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
			if g.PID != 0 && syscall.Kill(g.PID, 0) == nil {
				t.Errorf("process %d is still there", g.PID)
			}
		})
	}
}

// TestTargetsOverTLS does the same with TLS on both sides, and on the clients' side where there is a
// gateway. The load and the backend refuse any other cipher than the one that is to be measured.
func TestTargetsOverTLS(t *testing.T) {
	papers := papers(t)
	for _, name := range []string{Direct, Sluice, ModProxy} {
		for _, legs := range []Legs{{Client: true, Backend: true}, {Client: true}} {
			if name == Direct && !legs.Backend {
				continue
			}
			t.Run(fmt.Sprintf("%s/%+v", name, legs), func(t *testing.T) {
				spec := located(t, name)
				if spec.Missing != "" {
					missing(t, spec)
				}
				to := serve(t, papers.Backend, 1)
				g, err := Open(t.Context(), spec, Setting{Backend: to, Legs: legs, Papers: papers, Dir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				job := load.Job{Control: g.Control, TLS: g.TLS, Clients: 2}
				for _, files := range []load.Files{{Name: "1m", Size: 1 << 20}, {Store: true, Name: "upload"}} {
					counted(t, job, func(job load.Job) (load.Tally, error) {
						tally, err := load.SecureTransfers(t.Context(), job, files)
						tally.Count = tally.Bytes // no file may be whole yet
						return tally, err
					})
				}
				counted(t, job, func(job load.Job) (load.Tally, error) { return load.SecureLogins(t.Context(), job) })
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// papers makes certificates in a folder that gateways without root's rights can pass through.
func papers(t *testing.T) seal.Papers {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice-papers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := seal.NewPapers(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTargetsThatChoose logs in through every gateway that this machine has, before several backends, with
// each policy.
func TestTargetsThatChoose(t *testing.T) {
	for _, name := range []string{Sluice, ModProxy} {
		spec := located(t, name)
		for _, c := range choice.All() {
			if c.Backends > 5 || name == ModProxy && c.Store == choice.Redis {
				continue
			}
			t.Run(name+"/"+c.Point(), func(t *testing.T) {
				if spec.Missing != "" {
					missing(t, spec)
				}
				in := Setting{Backend: serve(t, certs.Files{}, c.Backends), Choice: c, Dir: t.TempDir()}
				if c.Store == choice.Redis {
					in.Redis = peers.StartRedis(t, peers.RedisOptions{}).Address
				}
				g, err := Open(t.Context(), spec, in)
				if err != nil {
					t.Fatal(err)
				}
				counted(t, load.Job{Control: g.Control, Clients: 2, Users: 10}, func(job load.Job) (load.Tally, error) {
					return load.Logins(t.Context(), job)
				})
				if err := g.Close(); err != nil {
					t.Error(err)
				}
				if in.Redis != "" && keys(t, in.Redis) == 0 {
					t.Error("nothing was kept in Redis")
				}
			})
		}
	}
}

// keys counts what a Redis holds.
func keys(t *testing.T, at string) (n int) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", at, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "DBSIZE\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanf(conn, ":%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAProgramThatEndsTellsWhy(t *testing.T) {
	path := t.TempDir() + "/refuses"
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho the moon is wrong\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Spec{Name: Sluice, Program: path}, Setting{
		Backend: backend.Addresses{Control: netip.MustParseAddrPort("127.0.0.1:1")}, Dir: t.TempDir(),
	})
	if err == nil || !strings.Contains(err.Error(), "the moon is wrong") || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsMissingIsNotStarted(t *testing.T) {
	t.Setenv("SLUICE_PEERS", t.TempDir())
	for _, name := range []string{ModProxy, HAProxy, "nobody"} {
		spec := Locate(t.Context(), name, "", "")
		if spec.Missing == "" {
			t.Fatalf("%s is said to be here: %+v", name, spec)
		}
		if _, err := Open(t.Context(), spec, Setting{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), spec.Missing) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestBothGatewaysReadTheSameDirectives(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:2121")
	in := Setting{
		Dir:     "/d",
		Backend: backend.Addresses{Control: netip.MustParseAddrPort("127.0.0.1:3131"), Secure: netip.MustParseAddrPort("127.0.0.1:4141")},
		Papers:  seal.Papers{CA: "/ca", Gateway: certs.Files{Cert: "/cert", Key: "/key"}},
	}
	cases := map[Legs][]string{
		{}:                            {"Port 2121", "ProxyReverseServers ftp://127.0.0.1:3131", "ProxyTables /d/tables", "MaxInstances none", "ProxyTLSEngine off"},
		{Client: true}:                {"TLSEngine on", "TLSRSACertificateFile /cert", "ProxyReverseServers ftp://127.0.0.1:3131", "ProxyTLSEngine off"},
		{Client: true, Backend: true}: {"TLSEngine on", "ProxyReverseServers ftp://127.0.0.1:4141", "ProxyTLSEngine on", "ProxyTLSCACertificateFile /ca"},
	}
	for legs, want := range cases {
		in.Legs = legs
		ours := ftpConfig(Spec{Name: Sluice}, at, in)
		theirs := ftpConfig(Spec{Name: ModProxy, Modules: "/m"}, at, in)
		if !strings.HasSuffix(theirs, ours) {
			t.Errorf("ours is not the end of theirs:\n%s\n---\n%s", ours, theirs)
		}
		for _, line := range want {
			if !strings.Contains(ours, line+"\n") {
				t.Errorf("no line %q in\n%s", line, ours)
			}
		}
	}
}

func TestHowAChoiceIsWritten(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:2121")
	cases := map[string]struct {
		choice choice.Choice
		want   []string
		not    []string
	}{
		"with the gateway's own store": {choice.Choice{Policy: "PerUser", Backends: 5, Store: choice.Badger},
			[]string{"ProxyReverseServers file:/d/backends.json", "ProxyReverseConnectPolicy PerUser", "ProxyTLSEngine off"}, []string{"Redis", "ProxyReverseServers ftp:"}},
		"with Redis": {choice.Choice{Policy: "LeastConns", Backends: 5, Store: choice.Redis},
			[]string{"ProxyReverseServers file:/d/backends.json", "ProxyReverseConnectPolicy LeastConns", "RedisServer 127.0.0.1:6379", "ProxyDatastore Redis bench."}, nil},
		"nothing to choose": {choice.Choice{}, nil, []string{"ProxyReverseConnectPolicy", "Redis", "file:"}},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			text := ftpConfig(Spec{Name: Sluice}, at, Setting{Dir: "/d", Choice: c.choice, Redis: "127.0.0.1:6379"})
			for _, line := range c.want {
				if !strings.Contains(text, line+"\n") {
					t.Errorf("no line %q in\n%s", line, text)
				}
			}
			for _, word := range c.not {
				if strings.Contains(text, word) {
					t.Errorf("%q in\n%s", word, text)
				}
			}
		})
	}
}

// missing skips a peer that is not on this machine, naming its package; in CI none may be missing.
func missing(t *testing.T, spec Spec) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(spec.Missing)
	}
	t.Skip(spec.Missing)
}
