//go:build unix

package service

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPIDFile(t *testing.T) {
	t.Run("holds_our_number_readable_for_all_and_goes_with_us", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "sluice.pid")
		file, err := WritePIDFile(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || string(text) != fmt.Sprintf("%d\n", os.Getpid()) {
			t.Errorf("holds %q, %v", text, err)
		}
		if info, _ := os.Stat(path); info.Mode().Perm() != 0o644 {
			t.Errorf("mode %v, want 0644", info.Mode())
		}
		if err := file.Remove(); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	t.Run("a_successors_file_stays", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "sluice.pid")
		file, err := WritePIDFile(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		next, err := WritePIDFile(path, os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Remove(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error("the first one took the file of the second:", err)
		}
		if err := next.Remove(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("removing_it_twice_or_after_somebody_else_did_is_harmless", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "sluice.pid")
		file, err := WritePIDFile(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(path), file.Remove(), (*PIDFile)(nil).Remove()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPIDFileFound(t *testing.T) {
	twin := exec.CommandContext(t.Context(), "/bin/sleep", "60")
	if err := twin.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = twin.Process.Kill()
		_ = twin.Wait() // its error is the kill
	}()
	dead := exec.CommandContext(t.Context(), "/bin/true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ content, refusal string }{
		"a_dead_process_is_replaced": {fmt.Sprintf("%d\n", dead.Process.Pid), ""},
		"an_emptied_file_is_taken":   {"", ""},
		"a_damaged_file_is_replaced": {"not a number\n", ""},
		"our_own_number_is_no_rival": {fmt.Sprint(os.Getpid()), ""},
	} {
		t.Run(name, func(t *testing.T) { tryPIDFile(t, c.content, 0, c.refusal) })
	}
	t.Run("an_unrelated_living_program_is_no_rival", func(t *testing.T) {
		if sameProgram(twin.Process.Pid) {
			t.Skip("this system does not tell the names of processes")
		}
		tryPIDFile(t, fmt.Sprint(twin.Process.Pid), 0, "")
	})
}

func tryPIDFile(t *testing.T, content string, predecessor int, refusal string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice.pid")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := WritePIDFile(path, predecessor)
	switch {
	case refusal == "" && err != nil:
		t.Fatal(err)
	case refusal == "":
		if err := file.Remove(); err != nil {
			t.Fatal(err)
		}
	case !errors.Is(err, ErrAlreadyRunning) || !strings.Contains(err.Error(), refusal):
		t.Errorf("got %v, want a refusal with %q", err, refusal)
	}
}

func TestPIDFileOfALivingGateway(t *testing.T) {
	// A copy of this binary waits on its standard input: the same program, alive.
	twin := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWaitForEnd$")
	twin.Env = append(os.Environ(), "SLUICE_TEST_WAIT=1")
	input, err := twin.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := twin.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := twin.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = input.Close()
		_ = twin.Wait()
	}()
	if _, err := output.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	number := fmt.Sprint(twin.Process.Pid)
	tryPIDFile(t, number, 0, number)
	t.Run("may_be_relieved", func(t *testing.T) { tryPIDFile(t, number, twin.Process.Pid, "") })
}

// TestWaitForEnd is the twin's side of TestPIDFileOfALivingGateway.
func TestWaitForEnd(t *testing.T) {
	if os.Getenv("SLUICE_TEST_WAIT") == "" {
		t.Skip("only as the child of another test")
	}
	fmt.Println("up")
	_, _ = os.Stdin.Read(make([]byte, 1)) // ends with the parent
}

func TestPIDFilePlaces(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"relative":            {"sluice.pid", "must be a full path"},
		"a_directory":         {dir, "is a directory"},
		"a_link":              {filepath.Join(dir, "link"), "is a symbolic link"},
		"a_missing_directory": {filepath.Join(dir, "no", "sluice.pid"), "creating it"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := WritePIDFile(c.path, 0); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
