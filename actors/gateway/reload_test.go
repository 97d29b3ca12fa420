package gateway

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReload_opens_and_closes_listeners(t *testing.T) {
	r := newRig(t)
	stays, goes, comes := freePort(t), freePort(t), freePort(t)
	old, fresh := backend(t, "old"), backend(t, "fresh")
	r.configure("Port 0\n%s%s", vhost("127.0.0.1", stays, old), vhost("127.0.0.1", goes, old))
	r.run()
	running, leaving := dial(t, "127.0.0.1", "127.0.0.1", stays), dial(t, "127.0.0.1", "127.0.0.1", goes)
	running.line()
	leaving.line()
	for range 2 { // two in a row come to the same
		r.configure("Port 0\n%s%s", vhost("127.0.0.1", stays, fresh), vhost("127.0.0.1", comes, fresh))
		r.hup()
		for _, port := range []int{stays, comes} {
			if got := greeting(t, "127.0.0.1", "127.0.0.1", port); !strings.Contains(got, "fresh") {
				t.Errorf("a new client of port %d heard %q", port, got)
			}
		}
		if !refused(goes) {
			t.Error("the removed listener still accepts")
		}
		// Sessions keep what they were opened with.
		for _, c := range []*client{running, leaving} {
			c.say("USER ann", "331")
			c.say("PASS x", "230")
			c.say("PWD", "257")
		}
	}
}

func TestReload_of_a_broken_file_changes_nothing(t *testing.T) {
	for name, broken := range map[string]string{
		"a_mistake":               "NoSuchDirective on\n",
		"an_unresolvable_backend": "",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			port := freePort(t)
			good := vhost("127.0.0.1", port, backend(t, "old"))
			r.configure("Port 0\n%s", good)
			r.run()
			if broken == "" {
				r.configure("Port 0\n%s", vhost("127.0.0.1", freePort(t), "ftp://no-such-host.invalid"))
			} else {
				r.configure("Port 0\n%s%s", good, broken)
			}
			r.hup()
			r.says("reload failed, the old configuration stays in force")
			if got := greeting(t, "127.0.0.1", "127.0.0.1", port); !strings.Contains(got, "old") {
				t.Errorf("a client heard %q", got)
			}
			r.configure("Port 0\n%s", vhost("127.0.0.1", port, backend(t, "mended")))
			r.hup()
			if got := greeting(t, "127.0.0.1", "127.0.0.1", port); !strings.Contains(got, "mended") {
				t.Errorf("after the mend a client heard %q", got)
			}
		})
	}
}

// A port that somebody else has taken keeps the whole old configuration, and
// the sockets that were opened before it are closed again.
func TestReload_with_a_port_in_use(t *testing.T) {
	r := newRig(t)
	port, free := freePort(t), freePort(t)
	back := backend(t, "old")
	r.configure("Port 0\n%s", vhost("127.0.0.1", port, back))
	r.run()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r.configure("Port 0\n%s%s%s", vhost("127.0.0.1", port, back), vhost("127.0.0.1", free, back),
		vhost("127.0.0.1", taken.Addr().(*net.TCPAddr).Port, back))
	r.hup()
	r.says("the address is in use")
	if !refused(free) {
		t.Error("a listener of the failed reload is open")
	}
	greeting(t, "127.0.0.1", "127.0.0.1", port)
}

func TestReload_says_what_only_a_restart_changes(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	server := vhost("127.0.0.1", port, backend(t, "b"))
	r.configure("Port 0\n%s", server)
	r.run()
	r.configure("Port 0\nPidFile %s/pid\n%s", r.dir, server)
	r.hup()
	r.says("PidFile was changed, which takes effect at the next start")
	r.configure("Port 0\nSocketBindTight off\n%s", server)
	text, err := os.ReadFile(r.path("sluice.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.path("sluice.conf"), []byte(strings.Replace(string(text), "SocketBindTight on", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.hup()
	r.says("only a restart can change")
	greeting(t, "127.0.0.1", "127.0.0.1", port)
}

func TestReload_takes_up_rotated_logs(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.configure("Port 0\nSystemLog %s/system.log\n%s", r.dir, vhost("127.0.0.1", port, backend(t, "b"),
		"ProxyLog "+r.path("proxy.log"), "TransferLog "+r.path("xferlog")))
	r.run()
	transfer(t, port)
	for _, name := range []string{"system.log", "proxy.log", "xferlog"} {
		r.until("a line in "+name, func() bool { return size(t, r.path(name)) > 0 })
		if err := os.Rename(r.path(name), r.path(name+".1")); err != nil {
			t.Fatal(err)
		}
	}
	before := size(t, r.path("system.log.1"))
	r.reload <- os.Interrupt // which signal it was is not the gateway's business
	r.until("the new system log", func() bool { return size(t, r.path("system.log")) > 0 })
	transfer(t, port)
	for _, name := range []string{"system.log", "proxy.log", "xferlog"} {
		r.until("a line in the new "+name, func() bool { return size(t, r.path(name)) > 0 })
	}
	if now := size(t, r.path("system.log.1")); now > before+512 {
		t.Errorf("the old log grew from %d to %d bytes", before, now)
	}
}

// A reload that moves the transfer log meets transfers under way.
func TestReload_moves_the_transfer_log(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	back := backend(t, "b")
	for _, name := range []string{"first", "second", "third"} {
		r.configure("Port 0\n%s", vhost("127.0.0.1", port, back, "TransferLog "+r.path(name), "ProxyLog "+r.path("proxy-"+name)))
		if r.g == nil {
			r.run()
		} else {
			r.hup()
		}
		transfer(t, port)
		r.until("a line in "+name, func() bool { return size(t, r.path(name)) > 0 })
	}
}

// transfer uploads one small file.
func transfer(t *testing.T, port int) {
	t.Helper()
	c := dial(t, "127.0.0.1", "127.0.0.1", port)
	c.line()
	c.say("USER ann", "331")
	c.say("PASS x", "230")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := ln.Addr().(*net.TCPAddr).AddrPort().Port()
	c.say("PORT 127,0,0,1,"+itoa(int(p>>8))+","+itoa(int(p&255)), "200")
	c.say("STOR "+filepath.Base(t.Name()), "150")
	d, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = d.SetDeadline(time.Now().Add(patience))
	if _, err := d.Write([]byte("some bytes")); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if got := c.line(); !strings.HasPrefix(got, "226") {
		t.Fatalf("the transfer ended with %q", got)
	}
	c.say("QUIT", "221")
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
