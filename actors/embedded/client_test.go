package embedded

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// serve runs a server over a new directory until the test ends.
func serve(t *testing.T, change func(*Config)) (*Server, string) {
	t.Helper()
	dir := t.TempDir()
	cfg := Config{Name: "test", Dir: dir, Log: zerolog.New(zerolog.NewTestWriter(t))}
	if change != nil {
		change(&cfg)
	}
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	group := supervise.NewGroup(1)
	group.Go(ctx, s)
	t.Cleanup(func() {
		stop()
		exit := <-group.Exits()
		group.Wait()
		if exit.Err != nil {
			t.Errorf("the server ended with %v", exit.Err)
		}
	})
	return s, dir
}

// client is a raw client: what it sends is written in the test.
type client struct {
	t    *testing.T
	conn *net.TCPConn
	in   ftp.ReplyDecoder
}

func connect(t *testing.T, s *Server) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn.(*net.TCPConn)}
	return c
}

// login connects and logs in, in TYPE I.
func login(t *testing.T, s *Server) *client {
	t.Helper()
	c := connect(t, s)
	c.expect(220)
	c.do("USER anna", 331)
	c.do("PASS secret", 230)
	c.do("TYPE I", 200)
	return c
}

func (c *client) send(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		c.t.Fatalf("sending %q: %v", lines, err)
	}
}

func (c *client) next() (ftp.Reply, error) {
	buf := make([]byte, 4096)
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return ftp.Reply{}, err
	}
	for {
		r, ok, err := c.in.Next()
		if ok || err != nil {
			return r, err
		}
		n, err := c.conn.Read(buf)
		c.in.Feed(buf[:n])
		if n == 0 && err != nil {
			return ftp.Reply{}, err
		}
	}
}

func (c *client) expect(code int) ftp.Reply {
	c.t.Helper()
	r, err := c.next()
	if err != nil {
		c.t.Fatalf("waiting for %d: %v", code, err)
	}
	if r.Code != code {
		c.t.Fatalf("reply %s, want %d", r, code)
	}
	return r
}

func (c *client) do(line string, code int) ftp.Reply {
	c.t.Helper()
	c.send(line)
	return c.expect(code)
}

// expectEnd wants the server to have closed the connection.
func (c *client) expectEnd() {
	c.t.Helper()
	r, err := c.next()
	switch {
	case err == nil:
		c.t.Fatalf("reply %s, want the end of the connection", r)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.t.Fatal("the server did not close the connection")
	}
}

// passive opens a data connection by EPSV.
func (c *client) passive() *net.TCPConn {
	c.t.Helper()
	port, err := ftp.ParseEPSVReply(c.do("EPSV", 229).Text)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.dial(netip.AddrPortFrom(addrPort(c.conn.RemoteAddr()).Addr(), port))
}

func (c *client) dial(to netip.AddrPort) *net.TCPConn {
	c.t.Helper()
	conn, err := net.DialTimeout("tcp", to.String(), patience)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// fetch runs a command that answers over a data connection.
func (c *client) fetch(command string) string {
	c.t.Helper()
	data := c.passive()
	c.do(command, 150)
	got, err := io.ReadAll(data)
	if err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
	c.expect(226)
	return string(got)
}

// store runs a command that takes content over a data connection.
func (c *client) store(command, content string) ftp.Reply {
	c.t.Helper()
	data := c.passive()
	c.do(command, 150)
	if _, err := io.WriteString(data, content); err != nil {
		c.t.Fatal(err)
	}
	data.Close()
	return c.expect(226)
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// entries lists a directory with everything in it, hidden or not.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}
