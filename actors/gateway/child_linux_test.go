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

// Started as root, the gateway binds its low port, becomes the user of the
// configuration, and can still do what it has to do afterwards.
func TestPrivileges_are_given_up_after_the_ports_are_bound(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give it up")
	}
	account, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	group, err := user.LookupGroupId(account.Gid)
	if err != nil {
		t.Skip(err)
	}
	r := newRig(t)
	// Where the user may rotate its logs; t.TempDir is root's alone.
	if err := errors.Join(os.Chmod(filepath.Dir(r.dir), 0o755), os.Chmod(r.dir, 0o755), os.Mkdir(r.path("log"), 0o755),
		os.Chown(r.path("log"), uid, gid)); err != nil {
		t.Fatal(err)
	}
	r.configure("Port 0\nUser nobody\nGroup %[3]s\nPidFile %[1]s/pid\nSystemLog %[1]s/log/system.log\n%[2]s", r.dir,
		vhost(lowAddress, lowPort, backend(t, "b"), "TransferLog "+r.path("log/xferlog")), group.Name)
	// A reload reads the file as that user.
	if err := os.Chmod(r.path("sluice.conf"), 0o644); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+r.path("sluice.conf"))
	cmd.Stdout, cmd.Stderr = r.out, r.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	r.says("CHILD READY")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
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
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.until("a line in the new log", func() bool {
		text, _ := os.ReadFile(r.path("log/system.log"))
		return strings.Contains(string(text), "configuration reloaded")
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended = true
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, r.out)
	}
	// It may no longer remove the file from root's directory: empty is as good.
	if pid, err := os.ReadFile(r.path("pid")); err == nil && len(pid) > 0 {
		t.Errorf("the PID file still says %q", pid)
	}
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
