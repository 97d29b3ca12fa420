package peers_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestGuard runs itself as a child that starts a server and is then killed: nothing may be left.
func TestGuard_a_killed_test_process_leaves_no_server(t *testing.T) {
	if os.Getenv("SLUICE_GUARD_CHILD") != "" {
		s, err := peers.Launch(peers.ProFTPD, peers.Options{})
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("pid " + strconv.Itoa(s.PID()) + "\n")
		time.Sleep(time.Minute) // the parent kills this process long before
		s.Stop()
		return
	}
	if _, err := peers.Locate("proftpd"); err != nil {
		peers.GiveUp(t, err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestGuard_a_killed_test_process_leaves_no_server$")
	cmd.Env = append(os.Environ(), "SLUICE_GUARD_CHILD=yes", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := ""
	for lines := bufio.NewScanner(out); pid == "" && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			pid = rest
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, and says so
	for deadline := time.Now().Add(5 * time.Second); ; {
		if _, err := os.Readlink("/proc/" + pid + "/cwd"); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("server %s still runs", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
