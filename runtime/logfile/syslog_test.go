package logfile

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// listenLog is a log daemon for datagrams.
func listenLog(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func heard(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 64<<10)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func syslogAt(t *testing.T, path string) *Syslog {
	t.Helper()
	s, err := OpenSyslog("syslog:notice")
	if err != nil {
		t.Fatal(err)
	}
	s.sockets = []string{path}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSyslog(t *testing.T) {
	whole := t // what is opened stays open for the parts that follow
	path := filepath.Join(t.TempDir(), "log")
	s := syslogAt(t, path)
	if n, err := s.Write([]byte("one\n")); n != 0 || err == nil || !strings.Contains(err.Error(), "syslog:notice") {
		t.Fatalf("without a daemon: %d, %v", n, err)
	}
	daemon := listenLog(t, path)
	if n, err := s.Write([]byte("one\n\ntwo\n")); n != 9 || err != nil {
		t.Fatal(n, err)
	}
	form := regexp.MustCompile(`^<29>\w{3} [ \d]\d \d\d:\d\d:\d\d sluice\[\d+\]: (one|two)$`)
	for _, want := range []string{"one", "two"} {
		if got := heard(t, daemon); !form.MatchString(got) || !strings.HasSuffix(got, want) {
			t.Errorf("heard %q, want %s", got, want)
		}
	}
	t.Run("a_restarted_daemon_is_found_again", func(t *testing.T) {
		if err := daemon.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		daemon = listenLog(whole, path)
		if n, err := s.Write([]byte("three\n")); n != 6 || err != nil {
			t.Fatal(n, err)
		}
		if got := heard(t, daemon); !strings.HasSuffix(got, ": three") {
			t.Errorf("heard %q", got)
		}
	})
	t.Run("a_long_line_is_cut", func(t *testing.T) {
		line := strings.Repeat("x", 100<<10) + "\n"
		if n, err := s.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		if got := heard(t, daemon); len(got) < maxSyslogLine || len(got) > maxSyslogLine+100 {
			t.Errorf("%d bytes", len(got))
		}
	})
}

func TestSyslog_a_daemon_of_streams(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := syslogAt(t, path)
	if _, err := s.Write([]byte("one\ntwo\n")); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := s.Reopen(); err != nil { // ends the stream
		t.Fatal(err)
	}
	b := make([]byte, 1000)
	n, _ := conn.Read(b)
	if lines := strings.Split(string(b[:n]), "\n"); len(lines) != 3 || !strings.HasSuffix(lines[1], ": two") {
		t.Errorf("got %q", lines)
	}
}

func TestSyslog_names(t *testing.T) {
	for _, name := range []string{"syslog:", "syslog:loud", "info", "/var/log/x"} {
		if _, err := OpenSyslog(name); err == nil {
			t.Errorf("%q is taken for a level", name)
		}
	}
	if _, err := OpenSyslog("syslog:DEBUG"); err != nil {
		t.Error(err)
	}
}
