//go:build unix

package service

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func manager(t *testing.T) (*net.UnixConn, *Notifier) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sn") // short: a socket path has at most 104 bytes on some systems
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	address := &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"}
	conn, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, NewNotifier(func(name string) string {
		if name != "NOTIFY_SOCKET" {
			t.Errorf("asked for %s", name)
		}
		return address.Name
	})
}

func TestNotifier(t *testing.T) {
	conn, n := manager(t)
	cases := []struct {
		name string
		say  func() error
		want string
	}{
		{"ready_with_a_status", func() error { return n.Ready("3 listeners") }, `^READY=1\nSTATUS=3 listeners\n$`},
		{"ready_without", func() error { return n.Ready("") }, `^READY=1\n$`},
		{"stopping", func() error { return n.Stopping("draining") }, `^STOPPING=1\nSTATUS=draining\n$`},
		{"status", func() error { return n.Status("5 sessions") }, `^STATUS=5 sessions\n$`},
		{"a_status_cannot_smuggle_an_assignment", func() error { return n.Status("a\nMAINPID=1\r\x00") }, `^STATUS=a MAINPID=1  \n$`},
		{"the_successor_of_an_upgrade", func() error { return n.MainPID(4711) }, `^MAINPID=4711\n$`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := heard(t, conn, c.say); !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("heard %q, want %s", got, c.want)
			}
		})
	}
	t.Run("reloading_carries_the_monotonic_time_in_the_same_message", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("only systemd asks for it")
		}
		before := microseconds(t, monotonicTime())
		got := heard(t, conn, n.Reloading)
		first, second, _ := strings.Cut(got, "\n")
		at := microseconds(t, strings.TrimSpace(second))
		if first != "RELOADING=1" || at < before || at > microseconds(t, monotonicTime()) {
			t.Errorf("heard %q, want a time not before %d", got, before)
		}
	})
}

func heard(t *testing.T, conn *net.UnixConn, say func() error) string {
	t.Helper()
	if err := say(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1024)
	size, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:size])
}

func microseconds(t *testing.T, line string) (at int64) {
	t.Helper()
	value, ok := strings.CutPrefix(line, "MONOTONIC_USEC=")
	if !ok {
		t.Fatalf("%q has no time", line)
	}
	for _, digit := range value {
		if digit < '0' || digit > '9' {
			t.Fatalf("%q is no number", value)
		}
		at = at*10 + int64(digit-'0')
	}
	return at
}

func TestNotifierWithoutManager(t *testing.T) {
	var none *Notifier
	for name, n := range map[string]*Notifier{"nil": none, "no_socket": NewNotifier(func(string) string { return "" })} {
		t.Run(name, func(t *testing.T) {
			if n.Enabled() || n.Ready("x") != nil || n.Reloading() != nil || n.Stopping("") != nil {
				t.Error("a process without a manager must stay silent and succeed")
			}
		})
	}
	t.Run("a_dead_socket_is_an_error_that_names_it", func(t *testing.T) {
		n := NewNotifier(func(string) string { return "/nowhere/notify" })
		if err := n.Ready(""); err == nil || !strings.Contains(err.Error(), "/nowhere/notify") {
			t.Errorf("got %v", err)
		}
	})
}
