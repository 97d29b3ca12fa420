package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// announced reports whether the gateway's own check says of a directive that it
// has no effect in this version. A test of such a directive proves the honest
// announcement instead, and the behaviour itself from the day that it is there.
func announced(t *testing.T, g *peers.Gateway, directive string) bool {
	t.Helper()
	binary, err := peers.GatewayBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "check", "-c", g.Config).CombinedOutput()
	if err != nil {
		t.Fatalf("sluice check: %v\n%s", err, out)
	}
	_, none, found := strings.Cut(string(out), "no effect in this version:")
	return found && strings.Contains(none, "  "+directive+" (")
}

// A server whose configuration promises more than this version can do is not
// served with less.
func TestPromisesThatCannotBeKept_are_refused(t *testing.T) {
	for _, line := range []string{
		"SFTPEngine on",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			g := peers.NewGateway(t)
			port := freePort(t)
			key := filepath.Join(g.Dir, "host.key")
			if err := os.WriteFile(key, []byte("a key of SSH"), 0o600); err != nil {
				t.Fatal(err)
			}
			g.Configure(configuration(g, port, []string{"sftp://" + loopback(freePort(t))}, line, "SFTPHostKey "+key))
			if err := g.StartErr(loopback(port)); err == nil {
				t.Fatal("the server is served")
			}
			if !g.Wait(5 * time.Second) {
				t.Fatal("the gateway lives on with nothing to serve")
			}
			if out := g.Output() + g.File("system.log"); g.ExitCode() != 3 || !strings.Contains(out, "not serving this server") {
				t.Errorf("exit code %d, and it said:\n%s", g.ExitCode(), out)
			}
		})
	}
}
