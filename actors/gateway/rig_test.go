package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/embedded"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

func TestMain(m *testing.M) {
	if config := os.Getenv(childVariable); config != "" {
		os.Exit(playChild(config))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// patience bounds every wait of a test; it is only used up by a failing one.
const patience = 10 * time.Second

// lines gathers what is written from several goroutines.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// rig is a gateway over a directory of its own.
type rig struct {
	t      testing.TB
	dir    string
	env    map[string]string
	out    *lines
	g      *Gateway
	reload chan os.Signal
	stop   func() // drains and waits
}

func newRig(t testing.TB) *rig {
	return &rig{t: t, dir: t.TempDir(), env: map[string]string{}, out: &lines{}, reload: make(chan os.Signal, 1)}
}

// configure writes the file. text is put behind what every file needs.
func (r *rig) configure(format string, args ...any) {
	r.t.Helper()
	text := fmt.Sprintf("SocketBindTight on\nDefaultAddress 127.0.0.1\nTransferLog none\nProxyTables %s/tables\n", r.dir) +
		fmt.Sprintf(format, args...)
	if err := os.WriteFile(r.path("sluice.conf"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// server is a <VirtualHost> before one backend.
func vhost(addr string, port int, backend string, extra ...string) string {
	return fmt.Sprintf("<VirtualHost %s>\nPort %d\nProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers %s\n%s\n</VirtualHost>\n",
		addr, port, backend, strings.Join(extra, "\n"))
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) options() Options {
	return Options{
		ConfigPath: r.path("sluice.conf"), Version: "test", Stderr: r.out, Level: zerolog.DebugLevel, Drain: time.Second,
		Getenv:    func(name string) string { return r.env[name] },
		LookupEnv: func(name string) (string, bool) { v, ok := r.env[name]; return v, ok },
	}
}

// start opens the gateway without running it.
func (r *rig) start() *rig {
	r.t.Helper()
	g, err := Start(context.Background(), r.options())
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.out)
	}
	r.g = g
	return r
}

// run serves until the test ends or r.stop.
func (r *rig) run() *rig {
	r.t.Helper()
	if r.g == nil {
		r.start()
	}
	ready := make(chan struct{})
	r.g.opts.Ready = func([]string) { close(ready) }
	ctx, cancel := context.WithCancel(context.Background())
	group := supervise.NewGroup(1)
	group.Go(ctx, supervise.Func("gateway", func(ctx context.Context) error { return r.g.Run(ctx, r.reload) }))
	r.stop = sync.OnceFunc(func() {
		cancel()
		if exit := <-group.Exits(); exit.Err != nil {
			r.t.Errorf("the gateway ended with %v", exit.Err)
		}
		group.Wait()
	})
	r.t.Cleanup(r.stop)
	select {
	case <-ready:
	case <-time.After(patience):
		r.t.Fatalf("the gateway is not ready:\n%s", r.out)
	}
	return r
}

// hup reloads and waits until that is done.
func (r *rig) hup() {
	r.t.Helper()
	done := func() int {
		return strings.Count(r.out.String(), "configuration reloaded") + strings.Count(r.out.String(), "reload failed")
	}
	before := done()
	r.reload <- syscall.SIGHUP
	r.until("the end of the reload", func() bool { return done() > before })
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s did not come about:\n%s", what, r.out)
		}
	}
}

func (r *rig) says(want string) {
	r.t.Helper()
	r.until("the word "+want, func() bool { return strings.Contains(r.out.String(), want) })
}

// backend serves a directory under a name and returns its URL.
func backend(t testing.TB, name string) string {
	t.Helper()
	s, err := embedded.New(context.Background(), embedded.Config{Name: name, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	group := supervise.NewGroup(1)
	group.Go(ctx, s)
	t.Cleanup(func() { stop(); group.Wait() })
	return "ftp://" + s.Addr().String()
}

func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// client is a control connection.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// dial connects from one loopback address to another.
func dial(t testing.TB, from, to string, port int) *client {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := d.Dial("tcp", net.JoinHostPort(to, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn, bufio.NewReader(conn)}
}

// line is the next line, empty at the end.
func (c *client) line() string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := c.in.ReadString('\n')
	if err != nil && err != io.EOF {
		c.t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimSpace(line)
}

func (c *client) say(line, answer string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	if got := c.line(); !strings.HasPrefix(got, answer) {
		c.t.Fatalf("%s was answered %q, want %s", line, got, answer)
	}
}

// greeting is the first line of a new client, which then leaves.
func greeting(t testing.TB, from, to string, port int) string {
	t.Helper()
	c := dial(t, from, to, port)
	defer c.conn.Close()
	return c.line()
}

func refused(port int) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), patience)
	if err == nil {
		conn.Close()
	}
	return err != nil
}

func itoa(n int) string { return strconv.Itoa(n) }
