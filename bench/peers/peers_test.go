package peers_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer(t *testing.T) {
	for _, kind := range peers.Kinds() {
		for _, address := range []string{"127.0.0.1", "::1"} {
			t.Run(string(kind)+"/"+address+"_stores_a_file_and_loses_its_session_when_killed", func(t *testing.T) {
				t.Parallel()
				s := peers.Start(t, kind, peers.Options{Address: address})
				c := peers.Dial(t, s.Addr()).Login(s.User, s.Password)
				body := bytes.Repeat([]byte("sluice"), 1000)
				c.Store(peers.EPSV, body, "STOR up")
				onDisk, err := os.ReadFile(filepath.Join(s.Home, "up"))
				if err != nil || !bytes.Equal(onDisk, body) {
					t.Fatalf("the server stored %d bytes (%v), want %d", len(onDisk), err, len(body))
				}
				if back := c.Fetch(peers.EPRT, "RETR up"); !bytes.Equal(back, body) {
					t.Fatalf("got %d bytes back, want %d", len(back), len(body))
				}
				if err := s.KillSessions(); err != nil {
					t.Fatal(err)
				}
				if _, err := c.ReplyErr(5 * time.Second); err == nil {
					t.Fatal("the session still answers after its process was killed")
				}
				peers.Dial(t, s.Addr()).Login(s.User, s.Password) // the daemon itself goes on
			})
		}
	}
}

func TestServer_stop_leaves_no_process(t *testing.T) {
	for _, kind := range peers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			s, err := peers.Launch(kind, peers.Options{})
			if err != nil {
				peers.GiveUp(t, err)
			}
			c := peers.Dial(t, s.Addr()).Login(s.User, s.Password)
			pids := append(s.Sessions(), s.PID())
			if len(pids) < 2 {
				t.Fatalf("no session process beside the daemon %v", pids)
			}
			s.Stop()
			for _, pid := range pids {
				if _, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/exe"); err == nil {
					if target, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe"); err == nil {
						t.Errorf("process %d (%s) outlived Stop", pid, target)
					}
				}
			}
			if _, err := c.ReplyErr(5 * time.Second); err == nil {
				// A farewell (421) is welcome, silence after it required.
				c.ExpectClosed(5 * time.Second)
			}
		})
	}
}

func TestScripted(t *testing.T) {
	s := peers.StartScripted(t, peers.Script{
		Files: map[string][]byte{"a": []byte("abc")},
		On:    map[string]func(*peers.Visit){"NOOP": func(v *peers.Visit) { v.Reply("421 going down\r\n"); v.Close() }},
	})
	c := peers.Dial(t, s.Addr()).Login("anybody", "x")
	for _, mode := range peers.Modes() {
		if got := c.Fetch(mode, "RETR a"); string(got) != "abc" {
			t.Fatalf("%s: got %q", mode, got)
		}
		c.Store(mode, []byte("new"), "STOR b")
	}
	if got, _ := s.File("b"); string(got) != "new" {
		t.Fatalf("stored %q", got)
	}
	d := c.Begin(peers.PASV, "STOR broken")
	d.Reset()
	c.Expect(426)
	s.Await(t, time.Second, "the broken upload", func(e peers.Event) bool { return e.What == "data-reset" })
	c.Must(421, "NOOP")
	c.ExpectClosed(time.Second)
}

func TestLocate_names_the_package_of_what_is_missing(t *testing.T) {
	t.Setenv(peers.CacheVariable, t.TempDir())
	_, err := peers.Locate("proftpd")
	if err == nil || !strings.Contains(err.Error(), "proftpd-mod-proxy") {
		t.Fatalf("got %v", err)
	}
}
