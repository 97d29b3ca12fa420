package e2e

import (
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func atoi(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func portOf(t testing.TB, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return atoi(t, port)
}

// banner connects and returns the greeting, "" when there is none.
func banner(t testing.TB, addr string) string {
	t.Helper()
	c := peers.Dial(t, addr)
	defer c.Close()
	r, err := c.ReplyErr(5 * time.Second)
	if err != nil {
		return ""
	}
	return r.String()
}

// halfway logs in and reads the first bytes of a large download.
func halfway(t *testing.T, tg target) (*peers.Control, *peers.Data, func()) {
	t.Helper()
	body := noise(big)
	tg.put(t, "big", body)
	c := tg.login(t)
	d := c.Begin(peers.EPSV, "RETR big")
	head := make([]byte, 64<<10)
	if _, err := io.ReadFull(d.Open(), head); err != nil {
		t.Fatal(err)
	}
	return c, d, func() {
		t.Helper()
		rest, err := io.ReadAll(d.Open())
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		sameBytes(t, "the file", append(head, rest...), body)
		c.Expect(226)
	}
}

func TestClaim23_Reload_serves_new_sessions_while_old_transfers_go_on(t *testing.T) {
	tg := throughGateway(t, peers.ProFTPD)
	c, _, finish := halfway(t, tg)
	other := peers.StartScripted(t, peers.Script{Banner: "220 the new backend\r\n"})
	tg.gateway.Configure(configuration(tg.gateway, portOf(t, tg.addr), []string{other.URL()}))
	tg.gateway.Signal(syscall.SIGHUP)
	eventually(t, 10*time.Second, "a session under the new configuration", func() bool {
		return banner(t, tg.addr) == "220 the new backend"
	})
	finish()
	stillWorks(t, tg, c)
}

func TestReload_keeps_the_old_configuration_when_the_new_is_wrong(t *testing.T) {
	peers.RequireGateway(t)
	_, urls := pool(t, 1)
	g, addr := startGateway(t, urls)
	g.Configure("ProxyRole sideways\nNoSuchDirective on\n")
	g.Signal(syscall.SIGHUP)
	eventually(t, 10*time.Second, "a word about the mistake", func() bool {
		return strings.Contains(g.Output()+g.File("system.log"), "NoSuchDirective") || strings.Contains(g.Output()+g.File("system.log"), "sideways")
	})
	if got := banner(t, addr); got != "220 backend 0" {
		t.Fatalf("after the failed reload a client got %q", got)
	}
}

func TestTerm_drains(t *testing.T) {
	tg := throughGateway(t, peers.ProFTPD)
	_, _, finish := halfway(t, tg)
	tg.gateway.Signal(syscall.SIGTERM)
	eventually(t, 10*time.Second, "the end of accepting", func() bool {
		conn, err := net.DialTimeout("tcp", tg.addr, time.Second)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	finish()
	if !tg.gateway.Wait(15 * time.Second) {
		t.Fatal("the gateway did not end after its last transfer")
	}
	if code := tg.gateway.ExitCode(); code != 0 {
		t.Fatalf("it ended with status %d", code)
	}
}

func TestTerm_ends_an_idle_gateway_at_once(t *testing.T) {
	peers.RequireGateway(t)
	_, urls := pool(t, 1)
	g, addr := startGateway(t, urls)
	c := peers.Dial(t, addr).Login("bob", "x")
	g.Signal(syscall.SIGTERM)
	if r, err := c.ReplyErr(10 * time.Second); err == nil && r.Code != 421 {
		t.Errorf("the idle client was told %q, want 421", r)
	}
	if !g.Wait(10 * time.Second) {
		t.Fatal("the gateway still runs")
	}
}

func TestKill_and_restart_on_the_same_tables(t *testing.T) {
	peers.RequireGateway(t)
	_, urls := pool(t, 2)
	g, addr := startGateway(t, urls)
	for range 3 {
		peers.Dial(t, addr).Login("bob", "x")
	}
	for range 3 {
		g.Signal(syscall.SIGKILL)
		if !g.Wait(5 * time.Second) {
			t.Fatal("the gateway survived SIGKILL")
		}
		g.Start(addr)
		peers.Dial(t, addr).Login("bob", "x").Must(221, "QUIT")
	}
}

func TestDamagedStore_is_moved_aside_and_said(t *testing.T) {
	peers.RequireGateway(t)
	_, urls := pool(t, 2)
	g, addr := startGateway(t, urls)
	peers.Dial(t, addr).Login("bob", "x").Must(221, "QUIT")
	g.Signal(syscall.SIGTERM)
	if !g.Wait(15 * time.Second) {
		t.Fatal("the gateway did not stop")
	}
	tables := filepath.Join(g.Dir, "tables")
	damaged := 0
	err := filepath.WalkDir(tables, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		damaged++
		return os.WriteFile(path, []byte(strings.Repeat("this was a database once\n", 100)), 0o600)
	})
	if err != nil || damaged == 0 {
		t.Fatalf("damaged %d files of the store: %v", damaged, err)
	}
	before := len(g.Output() + g.File("system.log"))
	g.Start(addr)
	peers.Dial(t, addr).Login("bob", "x").Must(221, "QUIT")
	if said := (g.Output() + g.File("system.log"))[before:]; !strings.Contains(said, "aside") {
		t.Errorf("nothing is said about the damage:\n%s", said)
	}
	if relics(t, g.Dir) == 0 {
		t.Error("the damaged store is gone instead of aside")
	}
}

// relics counts the damaged files that are still to be found below dir.
func relics(t *testing.T, dir string) int {
	t.Helper()
	kept := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if strings.HasPrefix(string(read(t, path)), "this was a database once") {
			kept++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return kept
}
