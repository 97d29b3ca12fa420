package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	gatewayPackage = "github.com/sluice-gateway/sluice/cmd/sluice"
	gatewayGrace   = 10 * time.Second
)

// ErrNoGateway says that the module has no gateway to run: it does not build, or it has no
// serve command.
var ErrNoGateway = errors.New("no gateway to test")

// build makes the binary once for the whole test process; builtIn is the folder it is in.
var (
	build   = sync.OnceValues(buildGateway)
	builtIn atomic.Pointer[string]
)

func buildGateway() (string, error) {
	dir, err := os.MkdirTemp("", "sluice-binary-")
	if err != nil {
		return "", fmt.Errorf("build the gateway: %w", err)
	}
	builtIn.Store(&dir)
	binary := filepath.Join(dir, "sluice")
	args := []string{"build", "-o", binary}
	if raceBuild {
		args = append(args, "-race")
	}
	if out, err := exec.CommandContext(context.Background(), "go", append(args, gatewayPackage)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: go build %s: %w: %s", ErrNoGateway, gatewayPackage, err, out)
	}
	if out, err := exec.CommandContext(context.Background(), binary, "serve", "--help").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: sluice serve --help: %w: %s", ErrNoGateway, err, out)
	}
	return binary, nil
}

// GatewayBinary is the path of the freshly built gateway. SLUICE_BINARY names one that is built
// already. RemoveGatewayBinary cleans up.
func GatewayBinary() (string, error) {
	if path := os.Getenv("SLUICE_BINARY"); path != "" {
		return path, nil
	}
	return build()
}

// RemoveGatewayBinary deletes what GatewayBinary built, if it did; for the end of TestMain.
func RemoveGatewayBinary() {
	if dir := builtIn.Load(); dir != nil {
		_ = os.RemoveAll(*dir) // a leftover in the temporary folder harms nobody
	}
}

// ReferenceVariable names the environment variable that, set to "proftpd", puts ProFTPD with its mod_proxy in the gateway's place. The
// cases that fail then are the peer's known faults, or wrong expectations; it is for whoever
// writes a test, never for CI.
const ReferenceVariable = "SLUICE_GATEWAY"

func reference() bool { return os.Getenv(ReferenceVariable) == string(ProFTPD) }

// RequireGateway ends the test while there is no gateway (see GiveUp).
func RequireGateway(t testing.TB) string {
	t.Helper()
	if reference() {
		in, err := Locate(string(ProFTPD))
		if err != nil {
			t.Fatal(err)
		}
		return in.Binary
	}
	path, err := GatewayBinary()
	if err != nil {
		GiveUp(t, err)
	}
	return path
}

// Gateway is a running gateway.
type Gateway struct {
	// Dir holds the configuration and whatever it places there.
	Dir string
	// Config is the path of the configuration file.
	Config string

	t      testing.TB
	binary string
	wait   []string
	proc   *process
	runs   int
	past   string // output of the runs before this one
}

// NewGateway prepares a gateway in a directory of its own; Start runs it.
func NewGateway(t testing.TB) *Gateway {
	t.Helper()
	binary := RequireGateway(t)
	dir, err := tempDir("gateway")
	if err != nil {
		t.Fatalf("prepare a gateway: %v", err)
	}
	g := &Gateway{Dir: dir, Config: filepath.Join(dir, "proftpd.conf"), t: t, binary: binary}
	t.Cleanup(g.finish)
	return g
}

// Configure writes the configuration file; a running gateway reads it at its next HUP or start.
func (g *Gateway) Configure(config string) {
	g.t.Helper()
	if reference() {
		config = referencePreamble(g.Dir) + config
	}
	if err := os.WriteFile(g.Config, []byte(config), 0o644); err != nil {
		g.t.Fatalf("configure the gateway: %v", err)
	}
}

// Start runs the gateway and waits until every address in listeners is bound.
func (g *Gateway) Start(listeners ...string) {
	g.t.Helper()
	if err := g.StartErr(listeners...); err != nil {
		g.t.Fatal(err)
	}
}

// StartErr is Start with the error handed back.
func (g *Gateway) StartErr(listeners ...string) error {
	if g.proc != nil {
		g.past += g.proc.printed()
	}
	g.runs++
	g.wait = listeners
	args, env := []string{"serve", "-c", g.Config}, []string(nil)
	if reference() {
		in, err := Locate(string(ProFTPD))
		if err != nil {
			return err
		}
		args, env = []string{"--nodaemon", "--config", g.Config}, in.Env
	}
	proc, err := startProcess(fmt.Sprintf("sluice-%d", g.runs), g.binary, g.Dir, env, args...)
	if err != nil {
		return err
	}
	g.proc = proc
	for _, addr := range listeners {
		if err := waitBound(addr, proc, startLimit); err != nil {
			return err
		}
	}
	return nil
}

// PID is the running gateway's process id.
func (g *Gateway) PID() int { return g.proc.pid() }

// Signal sends a signal to the gateway: HUP to reload, TERM to drain, KILL to crash it.
func (g *Gateway) Signal(sig syscall.Signal) {
	g.t.Helper()
	if err := g.proc.signal(sig); err != nil {
		g.t.Fatal(err)
	}
}

// Wait reports whether the gateway has ended within limit.
func (g *Gateway) Wait(limit time.Duration) bool { return g.proc.wait(limit) }

// ExitCode is the exit status of an ended gateway, -1 when a signal ended it.
func (g *Gateway) ExitCode() int {
	if !g.proc.exited() {
		return -1
	}
	return g.proc.cmd.ProcessState.ExitCode()
}

// Restart stops the gateway and starts it again on the same configuration and state.
func (g *Gateway) Restart() {
	g.t.Helper()
	g.proc.stop(gatewayGrace)
	g.Start(g.wait...)
}

// Output is all that the gateway has printed, over every run.
func (g *Gateway) Output() string { return g.past + g.proc.printed() }

// File reads one of the files in the gateway's directory, "" when it is not there.
func (g *Gateway) File(name string) string { return readAll(filepath.Join(g.Dir, name)) }

// finish stops the gateway and looks for what no test may leave behind.
func (g *Gateway) finish() {
	defer func() { _ = os.RemoveAll(g.Dir) }()
	if g.proc == nil {
		return
	}
	g.proc.stop(gatewayGrace)
	output := g.Output()
	for _, cry := range []string{"DATA RACE", "panic:", "fatal error:", "goroutine 1 ["} {
		if strings.Contains(output, cry) {
			g.t.Errorf("the gateway printed %q", cry)
		}
	}
	if g.t.Failed() {
		config := readAll(g.Config)
		g.t.Logf("the gateway ran with:\n%s\nand printed:\n%s", tail(config, 3000), tail(output, 8000))
		for _, name := range []string{"system.log", "proxy.log", "tls.log", "xferlog"} {
			if body := g.File(name); body != "" {
				g.t.Logf("the gateway's %s:\n%s", name, tail(body, 6000))
			}
		}
	}
}

// referencePreamble is what ProFTPD needs beside the configuration of a gateway.
func referencePreamble(dir string) string {
	in, err := Locate(string(ProFTPD))
	if err != nil {
		return "# " + err.Error() + "\n"
	}
	return fmt.Sprintf("ModulePath %s\nLoadModule mod_tls.c\nLoadModule mod_sftp.c\nLoadModule mod_proxy.c\n"+
		"User nobody\nGroup nogroup\nWtmpLog off\nUseReverseDNS off\nDelayEngine off\nAuthOrder mod_auth_unix.c\n"+
		"ScoreboardFile %s/scoreboard\nPidFile %s/pid\n", in.Modules, dir, dir)
}
