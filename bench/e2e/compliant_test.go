package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

const compliant = "ProxyOptions UseCompliantActiveTransfers"

// TestCompliantActiveTransfers: data connections leave from the port below the server's, for many sessions
// at once and with real clients, and from any if that one is taken.
func TestCompliantActiveTransfers(t *testing.T) {
	body := noise(300_000)
	source := func(c *peers.Control, mode peers.Mode) int {
		d := c.Begin(mode, "RETR f")
		got, err := io.ReadAll(d.Stream())
		if err != nil {
			t.Fatal(err)
		}
		from := addressOf(d.Open().RemoteAddr())
		if at := addressOf(c.Remote()).Addr(); from.Addr() != at {
			t.Errorf("data from %s, want an address of %s", from, at)
		}
		d.Finish()
		c.Expect(226)
		sameBytes(t, "down", got, body)
		return int(from.Port())
	}
	t.Run("many_sessions", func(t *testing.T) {
		_, _, addr := oddGateway(t, peers.Script{Files: map[string][]byte{"f": body}}, compliant)
		want := portOf(t, addr) - 1
		clients := map[*peers.Control]*peers.Data{}
		for n := range 12 { // all at once, from three addresses
			c := peers.DialFrom(t, fmt.Sprintf("127.0.0.%d", 1+n%3), addr).Login("bob", "x")
			clients[c] = c.Begin([]peers.Mode{peers.PORT, peers.EPRT}[n%2], "RETR f")
		}
		for c, d := range clients {
			if got := portOf(t, d.Open().RemoteAddr().String()); got != want {
				t.Errorf("data from port %d, want %d", got, want)
			}
			if got, err := io.ReadAll(d.Open()); err != nil || len(got) != len(body) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			c.Expect(226)
			for range 3 { // one after the other, too
				if got := source(c, peers.PORT); got != want {
					t.Errorf("data from port %d, want %d", got, want)
				}
			}
		}
	})
	t.Run("a_port_that_is_taken", func(t *testing.T) {
		g, _, addr := oddGateway(t, peers.Script{Files: map[string][]byte{"f": body}}, compliant)
		squatter, err := net.Listen("tcp", loopback(portOf(t, addr)-1))
		if err != nil {
			t.Skip(err) // somebody else was faster
		}
		defer squatter.Close()
		c := peers.Dial(t, addr).Login("bob", "x")
		if got := source(c, peers.PORT); got == portOf(t, addr)-1 {
			t.Errorf("data from port %d", got)
		}
		eventually(t, 10*time.Second, "the reason in the log", func() bool {
			return strings.Contains(g.File("proxy.log"), "cannot leave from port "+strconv.Itoa(portOf(t, addr)-1))
		})
	})
	t.Run("it_is_any_port_without_the_option", func(t *testing.T) {
		_, _, addr := oddGateway(t, peers.Script{Files: map[string][]byte{"f": body}})
		if got := source(peers.Dial(t, addr).Login("bob", "x"), peers.PORT); got == portOf(t, addr)-1 {
			t.Errorf("data from port %d", got)
		}
	})
	t.Run("port_20_of_a_server_that_gave_up_root", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give root up")
		}
		host := ""
		for n := 80; n < 120 && host == ""; n++ { // an address whose port 21 is free
			if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:21", n)); err == nil {
				_ = ln.Close()
				host = fmt.Sprintf("127.0.0.%d", n)
			}
		}
		s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": body}})
		g := peers.NewGateway(t)
		if err := os.Chmod(g.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := configuration(g, 21, []string{s.URL()}, compliant, "User nobody")
		g.Configure(strings.Replace(text, "DefaultAddress 127.0.0.1", "DefaultAddress "+host, 1))
		g.Start(host + ":21")
		c := peers.Dial(t, host+":21").Login("bob", "x")
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.PID()))
		if err == nil && strings.Contains(string(status), "Uid:\t0\t") {
			t.Fatal("the gateway is root still")
		}
		if got := source(c, peers.PORT); got != 20 {
			t.Errorf("data from port %d\n%s", got, g.File("system.log"))
		}
		if out := g.Output() + g.File("system.log"); strings.Contains(out, "will leave from any port") {
			t.Errorf("a warning of nothing:\n%s", out)
		}
	})
	t.Run("ftplib", func(t *testing.T) {
		_, _, addr := oddGateway(t, peers.Script{Files: map[string][]byte{"f": body}}, compliant)
		out := peers.Python(t, `
import ftplib, sys
ftp = ftplib.FTP(); ftp.connect('127.0.0.1', int(sys.argv[1]), timeout=20); ftp.login('bob', 'x'); ftp.set_pasv(False)
for n in range(3):
    conn = ftp.transfercmd('RETR f')
    print('from', conn.getpeername()[1])
    while conn.recv(65536): pass
    conn.close(); ftp.voidresp()
`, strconv.Itoa(portOf(t, addr))).OK()
		if want := fmt.Sprintf("from %d\n", portOf(t, addr)-1); out != strings.Repeat(want, 3) {
			t.Errorf("it saw %q, want %q thrice", out, want)
		}
	})
	t.Run("curl_and_lftp", func(t *testing.T) {
		_, _, addr := oddGateway(t, peers.Script{Files: map[string][]byte{"f": body}}, compliant)
		for range 2 { // curl offers one port again, which the past of the first may still hold
			out := peers.Curl(t, "--ftp-port", "127.0.0.1:"+strconv.Itoa(freePort(t)), "-o", "/dev/null", "-w", "%{size_download}", "ftp://bob:x@"+addr+"/f").OK()
			if out != strconv.Itoa(len(body)) {
				t.Errorf("curl got %s bytes", out)
			}
		}
	})
}
