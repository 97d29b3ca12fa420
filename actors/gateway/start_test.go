package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
)

// Each error says what was being done and to what, and leaves nothing open.
func TestStart_errors(t *testing.T) {
	back := backend(t, "b")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenPort := taken.Addr().(*net.TCPAddr).Port
	for name, c := range map[string]struct {
		prepare func(*rig)
		want    []string
	}{
		"port_in_use": {
			func(r *rig) {
				r.configure("Port 0\nPidFile %s/pid\n%s%s", r.dir, vhost("127.0.0.1", freePort(t), back), vhost("127.0.0.1", takenPort, back))
			},
			[]string{fmt.Sprintf("listening on 127.0.0.1:%d: the address is in use", takenPort)},
		},
		"unresolvable_backend": {
			func(r *rig) {
				r.configure("Port 0\n%s", vhost("127.0.0.1", freePort(t), "ftp://no-such-host.invalid"))
			},
			[]string{"error parsing 'ftp://no-such-host.invalid", "ProxyReverseServers", "sluice.conf:"},
		},
		"unwritable_log": {
			func(r *rig) {
				r.configure("Port 0\nSystemLog %s/nowhere/system.log\n%s", r.dir, vhost("127.0.0.1", freePort(t), back))
			},
			[]string{"SystemLog", "nowhere"},
		},
		"tables_with_a_wrong_mode": {
			func(r *rig) {
				if err := os.MkdirAll(r.path("tables/empty"), 0o755); err != nil {
					t.Fatal(err)
				}
				r.configure("Port 0\nTransferLog %s/xferlog\n%s", r.dir, vhost("127.0.0.1", freePort(t), back))
			},
			[]string{"empty", "has incorrect permissions"},
		},
		"tables_of_another_gateway": {
			func(r *rig) {
				other := newRig(t)
				other.dir = r.dir
				other.configure("Port 0\n%s", vhost("127.0.0.1", freePort(t), back))
				t.Cleanup(other.start().g.Close)
				r.configure("Port 0\n%s", vhost("127.0.0.1", freePort(t), back))
			},
			[]string{"opening the state in", "tables", "the directory is in use"},
		},
		"unknown_user": {
			func(r *rig) {
				r.configure("Port 0\nUser nobody-of-that-name\n%s", vhost("127.0.0.1", freePort(t), back))
			},
			[]string{"nobody-of-that-name"},
		},
		"nothing_to_serve": {
			func(r *rig) { r.configure("Port 0\n") },
			[]string{"no server of the configuration can be served"},
		},
		"transfer_log_open_and_pid_file_impossible": {
			func(r *rig) {
				r.configure("Port 0\nPidFile %s/nowhere/pid\n%s", r.dir,
					vhost("127.0.0.1", freePort(t), back, "TransferLog "+r.path("xferlog"), "ProxyLog "+r.path("proxy.log")))
			},
			[]string{"PidFile", "nowhere"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c.prepare(r)
			for range 2 { // the first time may open what the runtime keeps
				before := descriptors(t)
				g, err := Start(context.Background(), r.options())
				if err == nil {
					g.Close()
					t.Fatal("it started")
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the error %q does not say %q", err, want)
					}
				}
				if after := descriptors(t); after > before && name != "unresolvable_backend" {
					t.Errorf("%d descriptors before, %d after", before, after)
				}
			}
			if _, err := os.Stat(r.path("pid")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the PID file is there: %v", err)
			}
		})
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestStart_reports_mistakes_of_the_configuration(t *testing.T) {
	r := newRig(t)
	r.configure("Port 0\nNoSuchDirective on\nProxyRole sideways\n")
	_, err := Start(context.Background(), r.options())
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "errors") {
		t.Errorf("got %v, want ErrConfig", err)
	}
	for _, want := range []string{"sluice.conf:", "NoSuchDirective", "sideways"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, r.out)
		}
	}
}

// A gateway gives everything back: sockets, store, logs, PID file.
func TestRun_leaves_nothing(t *testing.T) {
	back := backend(t, "b")
	round := func() {
		r := newRig(t)
		port := freePort(t)
		r.configure("Port 0\nPidFile %[1]s/pid\nSystemLog %[1]s/system.log\n%[2]s", r.dir,
			vhost("127.0.0.1", port, back, "TransferLog "+r.path("xferlog"), "ProxyLog "+r.path("proxy.log")))
		r.run()
		if pid, err := os.ReadFile(r.path("pid")); err != nil || strings.TrimSpace(string(pid)) != fmt.Sprint(os.Getpid()) {
			t.Errorf("the PID file says %q, %v", pid, err)
		}
		c := dial(t, "127.0.0.1", "127.0.0.1", port)
		if got := c.line(); !strings.HasPrefix(got, "220") {
			t.Errorf("the client heard %q", got)
		}
		r.stop()
		c.conn.Close()
		if _, err := os.Stat(r.path("pid")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the PID file is still there: %v", err)
		}
		if !refused(port) {
			t.Error("the port is still open")
		}
	}
	round()
	before := descriptors(t)
	round()
	r := newRig(t)
	r.until("the close of all descriptors", func() bool { return descriptors(t) <= before })
}
