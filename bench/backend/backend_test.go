//go:build unix

package backend

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/bulk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test.
const patience = 10 * time.Second

func open(t *testing.T) Addresses {
	t.Helper()
	server, err := Listen(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ctx, 2); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	return server.Addresses
}

func TestManyBackendsInOne(t *testing.T) {
	server, err := furnish(Extras{Backends: 7})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ctx, 2); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	seen := map[netip.AddrPort]bool{}
	for _, at := range server.Controls() {
		seen[at] = true
		c := connect(t, at)
		c.hear("220")
		c.say("USER joe\r\nPASS x\r\nQUIT\r\n")
		c.hear("331")
		c.hear("230")
		c.hear("221")
	}
	if len(seen) != 7 || seen[server.Raw] {
		t.Errorf("control ports: %v", server.Controls())
	}
}

// client speaks to a backend line by line.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func connect(t *testing.T, to netip.AddrPort) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", to.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func (c *client) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatalf("say %q: %v", text, err)
	}
}

func (c *client) hear(prefix string) string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, prefix) || !strings.HasSuffix(line, "\r\n") {
		c.t.Fatalf("heard %q (%v), want a line that begins with %q", line, err, prefix)
	}
	return strings.TrimSpace(line)
}

func (c *client) ask(command, prefix string) string {
	c.t.Helper()
	c.say(command + "\r\n")
	return c.hear(prefix)
}

func (c *client) login() {
	c.t.Helper()
	c.hear("220 ")
	c.ask("USER a", "331 ")
	c.ask("PASS b", "230 ")
}

// data makes a passive data connection.
func (c *client) data() net.Conn {
	c.t.Helper()
	var h [4]int
	var high, low int
	reply := c.ask("PASV", "227 ")
	_, list, _ := strings.Cut(reply, "(")
	if _, err := fmt.Sscanf(list, "%d,%d,%d,%d,%d,%d", &h[0], &h[1], &h[2], &h[3], &high, &low); err != nil {
		c.t.Fatalf("read %q: %v", reply, err)
	}
	return connect(c.t, netip.MustParseAddrPort(fmt.Sprintf("%d.%d.%d.%d:%d", h[0], h[1], h[2], h[3], high<<8|low))).conn
}

func TestDialogue(t *testing.T) {
	cases := map[string][][2]string{
		"work needs a login":              {{"PWD", "530 "}, {"PASV", "530 "}, {"RETR 1k", "530 "}},
		"what needs no login":             {{"NOOP", "200 "}, {"SYST", "215 "}, {"OPTS UTF8 ON", "200 "}},
		"verbs in any case":               {{"user a", "331 "}, {"pass b", "230 "}, {"pWd", "257 "}},
		"unknown verbs":                   {{"XYZZY", "500 "}, {"", "500 "}},
		"a size from a name":              {{"USER a", "331"}, {"PASS b", "230"}, {"SIZE /x/4g", "213 4294967296"}, {"SIZE 7", "213 7"}, {"SIZE readme", "550 "}},
		"no transfer without a data port": {{"USER a", "331"}, {"PASS b", "230"}, {"RETR 1k", "425 "}, {"STOR 1k", "425 "}, {"LIST", "425 "}},
		"a bad name is refused":           {{"USER a", "331"}, {"PASS b", "230"}, {"PASV", "227 "}, {"RETR x", "550 "}},
		"nothing to abort":                {{"USER a", "331"}, {"PASS b", "230"}, {"ABOR", "226 "}},
		"the usual settings":              {{"USER a", "331"}, {"PASS b", "230"}, {"TYPE I", "200 "}, {"CWD x", "250 "}, {"EPSV", "229 "}, {"QUIT", "221 "}},
	}
	to := open(t)
	for claim, dialogue := range cases {
		t.Run(claim, func(t *testing.T) {
			c := connect(t, to.Control)
			c.hear("220 ")
			for _, turn := range dialogue {
				c.ask(turn[0], turn[1])
			}
		})
	}
}

func TestCommandsMayComeInPiecesOrTogether(t *testing.T) {
	c := connect(t, open(t).Control)
	c.hear("220 ")
	c.say("USER a\r\nPASS b\r\nP")
	c.hear("331 ")
	c.hear("230 ")
	c.say("WD\nFEAT\r\n")
	c.hear("257 ")
	c.hear("211-")
}

func TestALineWithoutEndEndsTheSession(t *testing.T) {
	c := connect(t, open(t).Control)
	c.hear("220 ")
	c.say(strings.Repeat("x", maxLine))
	if rest, _ := io.ReadAll(c.in); len(rest) > 0 {
		t.Errorf("heard %q", rest)
	}
}

func TestRetrSendsThePattern(t *testing.T) {
	for _, name := range []string{"0", "1k", "5m", "70m"} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, open(t).Control)
			c.login()
			data := c.data()
			c.ask("RETR "+name, "150 ")
			got, err := io.ReadAll(data)
			if err != nil {
				t.Fatal(err)
			}
			size, _ := namedSize([]byte(name))
			want := make([]byte, size)
			bulk.Pattern(want, 0)
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes that are not the pattern of %d bytes", len(got), len(want))
			}
			c.hear("226 ")
		})
	}
}

func TestTheDataConnectionMayComeAfterTheCommand(t *testing.T) {
	c := connect(t, open(t).Control)
	c.login()
	var port int
	if _, err := fmt.Sscanf(c.ask("EPSV", "229 "), "229 Entering Extended Passive Mode (|||%d|)", &port); err != nil {
		t.Fatal(err)
	}
	c.ask("LIST", "150 ")
	data := connect(t, netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", port)))
	if list, err := io.ReadAll(data.conn); err != nil || bytes.Count(list, []byte("\r\n")) != 2 {
		t.Errorf("list %q (%v)", list, err)
	}
	c.hear("226 ")
}

func TestStorEndsWithItsDataConnection(t *testing.T) {
	c := connect(t, open(t).Control)
	c.login()
	for range 3 { // the passive port serves again and again
		data := c.data()
		c.ask("STOR x", "150 ")
		if _, err := data.Write(make([]byte, 3<<20)); err != nil {
			t.Fatal(err)
		}
		c.ask("NOOP", "200 ") // not 226: the file has not ended
		data.Close()
		c.hear("226 ")
	}
}

func TestAbortEndsATransfer(t *testing.T) {
	c := connect(t, open(t).Control)
	c.login()
	data := c.data()
	c.ask("RETR 1t", "150 ")
	c.ask("PASV", "503 ")
	c.ask("ABOR", "426 ")
	c.hear("226 ")
	if _, err := io.Copy(io.Discard, data); err != nil {
		t.Errorf("the data connection: %v", err)
	}
	c.ask("NOOP", "200 ")
}

func TestALeftOverDataConnectionIsNotUsed(t *testing.T) {
	c := connect(t, open(t).Control)
	c.login()
	stale := c.data()
	fresh := c.data()
	c.ask("RETR 1k", "150 ")
	if got, err := io.ReadAll(fresh); err != nil || len(got) != 1024 {
		t.Errorf("fresh connection: %d bytes (%v)", len(got), err)
	}
	if got, _ := io.ReadAll(stale); len(got) != 0 {
		t.Errorf("left-over connection: %d bytes", len(got))
	}
	c.hear("226 ")
}

func TestRawStreams(t *testing.T) {
	to := open(t)
	t.Run("fetch", func(t *testing.T) {
		c := connect(t, to.Raw)
		c.say("RETR 3m\n")
		if got, err := io.ReadAll(c.in); err != nil || len(got) != 3<<20 {
			t.Errorf("%d bytes (%v)", len(got), err)
		}
	})
	t.Run("store counts what came with the request", func(t *testing.T) {
		c := connect(t, to.Raw)
		c.say("STOR\nabc")
		c.say("defg")
		if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c.in); err != nil || string(got) != "226 7\n" {
			t.Errorf("receipt %q (%v)", got, err)
		}
	})
	t.Run("anything else ends it", func(t *testing.T) {
		c := connect(t, to.Raw)
		c.say("HELLO\n")
		if got, _ := io.ReadAll(c.in); len(got) > 0 {
			t.Errorf("heard %q", got)
		}
	})
}

func TestNamedSize(t *testing.T) {
	cases := map[string]int64{
		"0": 0, "17": 17, "1k": 1 << 10, "512M": 512 << 20, "4g": 4 << 30, "1t": 1 << 40, "a/b/2k": 2048, "1024t": 1 << 50,
		"": -1, "k": -1, "x1k": -1, "-1k": -1, "1kk": -1, "1.5m": -1, "1025t": -1, "99999999999999999999": -1, "a/": -1,
	}
	for name, want := range cases {
		got, ok := namedSize([]byte(name))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("namedSize(%q) = %d, want %d", name, got, want)
		}
	}
}

func FuzzNamedSize(f *testing.F) {
	f.Add([]byte("4g"))
	f.Add([]byte("/pub/12"))
	f.Fuzz(func(t *testing.T, name []byte) {
		if n, ok := namedSize(name); ok && (n < 0 || n > maxNamedSize) {
			t.Errorf("namedSize(%q) = %d", name, n)
		}
	})
}
