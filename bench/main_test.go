//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/report"
)

// TestMain lets the test binary play the parts that the bench starts itself in.
func TestMain(m *testing.M) {
	if part(os.Args[1:]) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	// The race detector lets every process linger for a second, and a smoke run has dozens.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// TestSmoke measures every point on the backend itself, as small as can be; of the ways to choose a backend, which
// are all the same to it, only some.
func TestSmoke(t *testing.T) {
	ids := []string{"login_1", "login_64", "pwd_1_p50", "pwd_1_p99", "pwd_16", "retr_1", "retr_8", "stor_1", "stor_8", "small_retr", "small_stor", "long_level",
		"tls_retr_1", "tls_retr_8", "tls_stor_1", "tls_stor_8", "tls_login_64",
		"choose_roundrobin_5_badger", "choose_peruser_500_badger_p50", "choose_peruser_500_badger_p99"}
	smoke(t, ids, "-only", "login,pwd,retr,stor,small,long,idle,tls,choose-roundrobin-5-badger,choose-peruser-500")
}

// TestSmokeAmongOthers goes without namespaces, as on systems that have none.
func TestSmokeAmongOthers(t *testing.T) {
	smoke(t, []string{"pwd_1_p50", "stor_1"}, "-isolate=false", "-only", "pwd-1,stor-1")
}

func smoke(t *testing.T, ids []string, more ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	path := filepath.Join(t.TempDir(), "run.json")
	args := append([]string{"-quick", "-targets", "direct", "-span", "1s", "-json", path}, more...)
	var out, errs bytes.Buffer
	if code := run(ctx, args, &out, &errs); code != exitFine {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r report.Results
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if got := r.Median(id, "direct"); !(got > 0) {
			t.Errorf("%s is %v", id, got)
		}
	}
	if !strings.Contains(out.String(), "PWD round trip, 1 client, p50") {
		t.Errorf("no table in\n%s", out.String())
	}
}

func TestExitCodes(t *testing.T) {
	cases := map[string]struct {
		args []string
		want int
		says string
	}{
		"help is no failure":             {[]string{"-help"}, exitFine, "Exit codes:"},
		"an unknown flag":                {[]string{"-fast"}, exitUsage, "-fast"},
		"an unknown point":               {[]string{"-only", "ponies"}, exitUsage, `no point is called "ponies"`},
		"an unknown target":              {[]string{"-targets", "direct,vsftpd"}, exitUsage, `no target is called "vsftpd"`},
		"a stray word":                   {[]string{"login"}, exitUsage, "only flags"},
		"negative rounds":                {[]string{"-rounds", "-1"}, exitUsage, "negative"},
		"a gateway that is not there":    {[]string{"-targets", "sluice", "-sluice", "/nonexistent", "-json", ""}, exitFailed, "not measured: sluice"},
		"a check that can judge nothing": {[]string{"-check", "-quick", "-isolate=false", "-targets", "direct", "-only", "pwd-1", "-span", "20ms", "-json", ""}, exitFailed, "pwd_1_p50"},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			var out, errs bytes.Buffer
			if got := run(t.Context(), c.args, &out, &errs); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
			if !strings.Contains(errs.String(), c.says) {
				t.Errorf("nothing about %q in\n%s", c.says, errs.String())
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	figures := []report.Figure{{Metric: "login_1", Target: "sluice"}}
	met, missed, open := report.Verdict{State: report.Met}, report.Verdict{State: report.Missed}, report.Verdict{State: report.Open}
	cases := map[string]struct {
		r     report.Results
		check bool
		want  int
	}{
		"without -check a miss is told only": {report.Results{Figures: figures, Verdicts: []report.Verdict{missed}}, false, exitFine},
		"a miss":                             {report.Results{Figures: figures, Verdicts: []report.Verdict{met, missed, open}}, true, exitMissed},
		"all that was measured is met":       {report.Results{Figures: figures, Verdicts: []report.Verdict{met, open}}, true, exitFine},
		"nothing could be judged":            {report.Results{Figures: figures, Verdicts: []report.Verdict{open}}, true, exitFailed},
		"a measurement that failed":          {report.Results{Figures: figures, Failures: []report.Failure{{}}}, false, exitFailed},
		"nothing measured":                   {report.Results{}, false, exitFailed},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			if got := verdict(&c.r, options{check: c.check}); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestARunThatIsStoppedEndsSoon(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	var out, errs bytes.Buffer
	began := time.Now()
	code := run(ctx, []string{"-targets", "direct", "-only", "pwd-16", "-span", "1m", "-json", ""}, &out, &errs)
	if took := time.Since(began); code != exitFailed || took > 20*time.Second {
		t.Errorf("exit code %d after %v\n%s", code, took, errs.String())
	}
	if !strings.Contains(errs.String(), "stopped early") {
		t.Errorf("not told in\n%s", errs.String())
	}
}

func TestPointsWithoutTheirServerAreOmitted(t *testing.T) {
	t.Setenv("SLUICE_PEERS", t.TempDir())
	var errs bytes.Buffer
	o, err := parse([]string{"-only", "choose-peruser-5,login-1", "-isolate=false"}, &errs)
	if err != nil {
		t.Fatal(err)
	}
	omitted := o.omit(&errs)
	if len(omitted) != 1 || omitted[0].Point != "choose-peruser-5-redis" || !strings.Contains(omitted[0].Why, "redis-server") {
		t.Errorf("omitted: %+v", omitted)
	}
	if len(o.points) != 2 || o.points[0].Name != "login-1" || o.points[1].Name != "choose-peruser-5-badger" {
		t.Errorf("left: %+v", o.points)
	}
	if !strings.Contains(errs.String(), "not measured: 1 points with Redis") {
		t.Errorf("said: %s", errs.String())
	}
}

func TestParts(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"a person":                     {[]string{"-quick"}, ""},
		"a cell":                       {[]string{asCell}, asCell},
		"a backend":                    {[]string{asBackend}, asBackend},
		"many backends":                {[]string{asBackend, "500"}, asBackend},
		"a backend with a certificate": {[]string{asBackend, "cert", "key"}, asBackend},
		"a person who tries":           {[]string{asCell, "-quick"}, ""},
	}
	for claim, c := range cases {
		if got := part(c.args); got != c.want {
			t.Errorf("%s: %q, want %q", claim, got, c.want)
		}
	}
	if err := serve(t.Context(), []string{"many"}); err == nil {
		t.Error("a number of backends that is none was taken")
	}
}
