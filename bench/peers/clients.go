package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// clientLimit bounds one run of a client program.
const clientLimit = 60 * time.Second

// Result is what a client program left behind.
type Result struct {
	Stdout, Stderr string
	// Code is the exit status; -1 when a signal ended the program.
	Code int
}

// Client is a running client program.
type Client struct {
	t      testing.TB
	name   string
	proc   *exec.Cmd
	cancel context.CancelFunc
	out    bytes.Buffer
	errs   bytes.Buffer
	ended  bool
}

// Curl starts curl with the arguments, in silence but for errors and the dialogue on stderr.
func Curl(t testing.TB, args ...string) *Client {
	t.Helper()
	return startClient(t, "curl", append([]string{"--silent", "--show-error", "--verbose", "--disable", "--max-time", "50"}, args...)...)
}

// TrustCurl is the arguments by which curl speaks TLS and trusts the authority in the PEM file ca: for
// ftp:// URLs it insists on explicit TLS, for ftps:// ones TLS is implicit.
func TrustCurl(ca string) []string { return []string{"--ssl-reqd", "--cacert", ca} }

// TrustLFTP is the lines of a script by which lftp speaks TLS, on data connections too, and trusts the
// authority in the PEM file ca: for ftp:// URLs it insists on explicit TLS, for ftps:// ones TLS is
// implicit.
func TrustLFTP(ca string) string {
	return "set ftp:ssl-allow yes\nset ftp:ssl-force yes\nset ftp:ssl-protect-data yes\n" +
		"set ftp:ssl-protect-list yes\nset ssl:verify-certificate yes\nset ssl:ca-file " + ca + "\n"
}

// LFTP starts lftp on a script. The first lines of the script make it fail fast instead of
// retrying, and speak plain FTP.
func LFTP(t testing.TB, script string) *Client {
	t.Helper()
	const settings = "set cmd:fail-exit yes\nset net:max-retries 1\nset net:timeout 20\nset net:reconnect-interval-base 1\n" +
		"set ftp:ssl-allow no\nset ftp:sync-mode yes\nset net:persist-retries 0\nset bmk:save-passwords no\n"
	return startClient(t, "lftp", "--norc", "-c", settings+script)
}

// Python starts python3 on a script; args become sys.argv[1:].
func Python(t testing.TB, script string, args ...string) *Client {
	t.Helper()
	return startClient(t, "python3", append([]string{"-I", "-c", script}, args...)...)
}

func startClient(t testing.TB, name string, args ...string) *Client {
	t.Helper()
	in, err := Locate(name)
	if err != nil {
		GiveUp(t, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), clientLimit)
	c := &Client{t: t, name: name, cancel: cancel, proc: exec.CommandContext(ctx, in.Binary, args...)}
	// A home of its own: no .netrc, no .lftp, no proxy variables of the machine.
	c.proc.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}
	c.proc.Stdout, c.proc.Stderr = &c.out, &c.errs
	c.proc.SysProcAttr = childAttributes()
	c.proc.Cancel = func() error { return syscall.Kill(-c.proc.Process.Pid, syscall.SIGKILL) }
	c.proc.WaitDelay = 2 * time.Second
	if err := c.proc.Start(); err != nil {
		cancel()
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(func() { c.Kill(); c.Wait() })
	return c
}

// PID is the program's process id.
func (c *Client) PID() int { return c.proc.Process.Pid }

// Kill ends the program with SIGKILL, as a crash or a pulled plug of the machine would.
func (c *Client) Kill() {
	if !c.ended {
		_ = syscall.Kill(-c.PID(), syscall.SIGKILL) // ESRCH: it has just ended
	}
}

// Wait returns what the program did once it has ended.
func (c *Client) Wait() Result {
	c.t.Helper()
	if !c.ended {
		err := c.proc.Wait()
		c.ended = true
		c.cancel()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			c.t.Errorf("run %s: %v", c.name, err)
		}
	}
	return Result{Stdout: c.out.String(), Stderr: c.errs.String(), Code: c.proc.ProcessState.ExitCode()}
}

// OK waits for the program, fails the test unless it succeeded, and returns its output.
func (c *Client) OK() string {
	c.t.Helper()
	r := c.Wait()
	if r.Code != 0 {
		c.t.Fatalf("%s ended with status %d:\n%s\n%s", c.name, r.Code, tail(r.Stderr, 4000), tail(r.Stdout, 2000))
	}
	return r.Stdout
}

// String shows the result in a failure.
func (r Result) String() string {
	return fmt.Sprintf("status %d\n%s\n%s", r.Code, tail(r.Stderr, 4000), tail(r.Stdout, 2000))
}
