package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
)

// childVariable makes the test binary play a gateway of its own; it names the
// configuration.
const childVariable = "SLUICE_GATEWAY_CHILD"

// playChild runs a gateway until SIGTERM, as cmd/sluice does.
func playChild(config string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	g, err := Start(ctx, Options{ConfigPath: config, Version: "test", Stderr: os.Stderr, Level: zerolog.InfoLevel,
		Getenv: os.Getenv, LookupEnv: os.LookupEnv,
		Ready: func([]string) { fmt.Fprintln(os.Stderr, "CHILD READY") }})
	if err == nil {
		err = g.Run(ctx, reload)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// lowAddress and lowPort are unusual, so nothing else is bound there.
const (
	lowAddress = "127.91.7.4"
	lowPort    = 989
)

// child is a gateway in a process of its own, started as root to become nobody.
type child struct {
	*rig
	uid   int
	gid   int
	group string
	cmd   *exec.Cmd
}

func newChild(t *testing.T) *child {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give it up")
	}
	account, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	c := &child{rig: newRig(t)}
	c.uid, _ = strconv.Atoi(account.Uid)
	c.gid, _ = strconv.Atoi(account.Gid)
	group, err := user.LookupGroupId(account.Gid)
	if err != nil {
		t.Skip(err)
	}
	c.group = group.Name
	// Where the user may rotate its logs; t.TempDir is root's alone.
	if err := errors.Join(os.Chmod(filepath.Dir(c.dir), 0o755), os.Chmod(c.dir, 0o755), os.Mkdir(c.path("log"), 0o755),
		os.Chown(c.path("log"), c.uid, c.gid)); err != nil {
		t.Fatal(err)
	}
	return c
}

// configure lets a reload read the file as that user.
func (c *child) configure(format string, args ...any) {
	c.t.Helper()
	c.rig.configure("Port 0\nUser nobody\nGroup %s\n%s", c.group, fmt.Sprintf(format, args...))
	if err := os.Chmod(c.path("sluice.conf"), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) start() {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	c.cmd = exec.Command(self)
	c.cmd.Env = append(os.Environ(), childVariable+"="+c.path("sluice.conf"))
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	})
	c.says("CHILD READY")
}

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// Started as root, the gateway binds its low port, becomes the user of the
// configuration, and can still do what it has to do afterwards.
func TestPrivileges_are_given_up_after_the_ports_are_bound(t *testing.T) {
	r := newChild(t)
	uid, gid := r.uid, r.gid
	r.configure("PidFile %[1]s/pid\nSystemLog %[1]s/log/system.log\n%[2]s", r.dir,
		vhost(lowAddress, lowPort, backend(t, "b"), "TransferLog "+r.path("log/xferlog")))
	r.start()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("Uid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", uid), fmt.Sprintf("Gid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", gid)} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the process is not %q:\n%s", want, status)
		}
	}
	if got := greeting(t, "127.0.0.1", lowAddress, lowPort); !strings.HasPrefix(got, "220") {
		t.Errorf("a client of the low port heard %q", got)
	}
	ownedBy(t, r.path("tables"), uid)
	if err := os.Rename(r.path("log/system.log"), r.path("log/system.log.1")); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGHUP)
	r.until("a line in the new log", func() bool {
		text, _ := os.ReadFile(r.path("log/system.log"))
		return strings.Contains(string(text), "configuration reloaded")
	})
	r.signal(syscall.SIGTERM)
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, r.out)
	}
	// It may no longer remove the file from root's directory: empty is as good.
	if pid, err := os.ReadFile(r.path("pid")); err == nil && len(pid) > 0 {
		t.Errorf("the PID file still says %q", pid)
	}
}

// A key that only root may read serves from the start on. A reload, which is not
// root's any more, says what to do, and changes nothing until that is done.
func TestPrivileges_keys_that_only_root_reads(t *testing.T) {
	r := newChild(t)
	ca := newAuthority(t, "test root")
	first, second := ca.issue("gateway.test"), ca.issue("gateway.test")
	cert := ca.write(r.path("cert.pem"), first)
	port := freePort(t)
	r.configure("%s", tlsHost("127.0.0.1", port, backend(t, "b"), "ProxyTLSEngine off", front(cert)))
	r.start()
	ca.write(cert, second)
	r.signal(syscall.SIGHUP)
	r.says("reload failed, the old configuration stays in force")
	for _, want := range []string{"cert.pem", "permission denied", "LoadCredential"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, r.out)
		}
	}
	_, conn := explicit(t, port, clientTLS(ca, "gateway.test"))
	shows(t, conn, first)
	if err := os.Chown(cert, r.uid, 0); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGHUP)
	r.says("configuration reloaded")
	_, conn = explicit(t, port, clientTLS(ca, "gateway.test"))
	shows(t, conn, second)
}

// ownedBy checks that the files of the store belong to the user that serves.
func ownedBy(t *testing.T, dir string, uid int) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		files++
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != uid {
			t.Errorf("%s belongs to somebody else", path)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files of the store, %v", files, err)
	}
}
