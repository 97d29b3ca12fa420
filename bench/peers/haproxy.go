package peers

import (
	"os"
	"path/filepath"
	"testing"
)

// haproxyPreamble goes before the sections that a test writes.
const haproxyPreamble = `global
    nbthread 1
    maxconn 512
defaults
    mode tcp
    timeout connect 10s
    timeout client 1m
    timeout server 1m
    timeout check 5s
`

// HAProxy is a running HAProxy.
type HAProxy struct{ proc *process }

// StartHAProxy runs HAProxy with some sections of configuration ("listen", "frontend", "backend") until
// the test ends, and waits until the given addresses are bound. The test is skipped where there is none.
func StartHAProxy(t testing.TB, sections string, listeners ...string) *HAProxy {
	t.Helper()
	in, err := Locate("haproxy")
	if err != nil {
		GiveUp(t, err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(config, []byte(haproxyPreamble+sections), 0o644); err != nil {
		t.Fatal(err)
	}
	proc, err := startProcess("haproxy", in.Binary, dir, in.Env, "-db", "-f", config)
	if err != nil {
		t.Fatal(err)
	}
	h := &HAProxy{proc: proc}
	t.Cleanup(func() {
		proc.stop(stopGrace)
		if t.Failed() {
			t.Logf("HAProxy ran with:\n%s\nand printed:\n%s", sections, tail(h.Output(), 4000))
		}
	})
	for _, addr := range listeners {
		if err := waitBound(addr, proc, startLimit); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// Output is what HAProxy has printed so far: among others, which servers it holds for up or down.
func (h *HAProxy) Output() string { return h.proc.printed() }
