package proctree

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const line = "42 (a (b) c) S 7 42 42 0 -1 4194304 100 200 0 0 11 22 33 44 20 0 1 0 5 6 7"
	cases := map[string]struct {
		line string
		want process
		bad  bool
	}{
		"a name with parentheses": {line: line, want: process{pid: 42, parent: 7, cpu: 1100 * time.Millisecond}},
		"a line that is cut off":  {line: line[:30], bad: true},
		"no name":                 {line: "42 S 7", bad: true},
		"nothing":                 {line: "", bad: true},
		"times that are no times": {line: "1 (x) S 0 1 1 0 -1 0 0 0 0 0 a b c d", bad: true},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			got, err := parseStat([]byte(c.line))
			if (err != nil) != c.bad || got.pid != c.want.pid || got.parent != c.want.parent || !c.bad && got.cpu != c.want.cpu {
				t.Errorf("got %+v (%v), want %+v", got, err, c.want)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("1 (x) S 0 1 1 0 -1 0 0 0 0 0 1 2 3 4 5"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseStat(b); err != nil && !errors.Is(err, errStat) {
			t.Errorf("parseStat(%q): %v", b, err)
		}
	})
}

func TestParsePSS(t *testing.T) {
	for text, want := range map[string]int64{
		"Rss:  9 kB\nPss:          12 kB\nPss_Anon: 1 kB\n": 12 << 10,
		"Rss: 9 kB\n": 0,
		"":            0,
	} {
		if got, err := parsePSS([]byte(text)); err != nil || got != want {
			t.Errorf("parsePSS(%q) = %d (%v), want %d", text, got, err, want)
		}
	}
}

// family starts a shell that burns time in a child it waits for, then keeps a second child.
func family(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; exec 3<&0; cat <&3 & echo ready; wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestATreeIsCountedWhole(t *testing.T) {
	root := family(t).Process.Pid
	members, err := Members(root)
	if err != nil || len(members) < 2 || members[0] != root || slices.Contains(members, os.Getpid()) {
		t.Errorf("members %v (%v), want %d and its child", members, err, root)
	}
	if used, err := CPU(root); err != nil || used < tick {
		t.Errorf("processor time %v (%v): the child that ended is not counted", used, err)
	}
	weight, err := PSS(root)
	if err != nil || weight <= 0 {
		t.Errorf("memory %d (%v)", weight, err)
	}
}

func TestAProcessThatIsGone(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := CPU(cmd.Process.Pid); err == nil {
		t.Error("no error")
	}
}
