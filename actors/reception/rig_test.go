package reception_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/embedded"
	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// patience bounds every wait of a test; it is only used up by a failing one.
const patience = 10 * time.Second

// house is a reception under a supervisor, with a policy actor and a backend.
type house struct {
	t      testing.TB
	r      *reception.Reception
	policy *policy.Actor
	setup  *ftpsession.Setup
	files  string // directory of the backend
	logs   *lines
	stop   func() // drains and waits
}

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

// open opens a house. change may alter the plan, whose one door is "main".
func open(t testing.TB, drain time.Duration, change func(*reception.Plan, *reception.Door)) *house {
	return openWith(t, reception.Config{Drain: drain}, change)
}

func openWith(t testing.TB, cfg reception.Config, change func(*reception.Plan, *reception.Door)) *house {
	h := &house{t: t, files: t.TempDir(), logs: &lines{}}
	back := h.backend()
	log := zerolog.New(h.logs)
	h.policy = policy.New(policy.Config{Store: memory.New(), Log: log})
	services := &ftpsession.Services{
		Policy: h.policy.Mailbox(), Journal: mailbox.New[messages.ToJournal](1),
		Pipes: data.NewPipes(), Buffers: new(readiness.Buffers),
	}
	h.setup = &ftpsession.Setup{
		Services: services, Server: "main", Pool: "pool", Log: log, ProxyLog: log,
		ConnectTimeout: patience, Stalled: patience,
		Dialogue: dialogue.Config{RetryCount: 1, TimeoutConnect: patience, TimeoutLinger: patience, LimitLogins: true},
	}
	cfg.Log = log
	h.r = reception.New(cfg, h.plan(change))
	services.Reception = h.r.Mailbox()

	tree := supervise.NewTree("house", supervise.Options{})
	tree.Add(supervise.Child{Actor: h.policy, Retire: h.policy.Mailbox().Retire})
	tree.Add(supervise.Child{Actor: h.r, Retire: h.r.Mailbox().Retire, Grace: patience})
	ctx, cancel := context.WithCancel(context.Background())
	group := supervise.NewGroup(1)
	group.Go(ctx, tree)
	h.stop = sync.OnceFunc(func() {
		cancel()
		if exit := <-group.Exits(); exit.Err != nil {
			t.Errorf("the house ended with %v", exit.Err)
		}
		group.Wait()
		services.Pipes.Close()
	})
	t.Cleanup(h.stop)
	h.tell(messages.ConfigurePools{Pools: []messages.Pool{{ID: "pool", Policy: "RoundRobin", Backends: []messages.Backend{{
		URL:       backendurl.URL{Scheme: backendurl.FTP, Host: back.Addr().String(), Port: back.Port()},
		Endpoints: []netip.AddrPort{back},
	}}}}})
	return h
}

// backend serves h.files until the test ends.
func (h *house) backend() netip.AddrPort {
	h.t.Helper()
	s, err := embedded.New(context.Background(), embedded.Config{Name: "backend", Dir: h.files})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	group := supervise.NewGroup(1)
	group.Go(ctx, s)
	h.t.Cleanup(func() { stop(); group.Wait() })
	return s.Addr()
}

// plan is one that lets everybody into the server "main".
func (h *house) plan(change func(*reception.Plan, *reception.Door)) reception.Plan {
	door := &reception.Door{Server: "main", Setup: func(netip.Addr, string) (*ftpsession.Setup, error) { return h.setup, nil }}
	plan := reception.Plan{Door: func(string, netip.AddrPort) *reception.Door { return door }}
	if change != nil {
		change(&plan, door)
	}
	return plan
}

func (h *house) tell(m messages.ToPolicy) {
	h.t.Helper()
	if err := h.policy.Mailbox().Tell(m, patience); err != nil {
		h.t.Fatal(err)
	}
}

// leases counts what policy believes to be in use.
func (h *house) leases() (n int) {
	h.t.Helper()
	pools, err := mailbox.Ask(context.Background(), h.policy.Mailbox(), patience, func(r chan<- []messages.PoolDescribed) messages.ToPolicy {
		return messages.DescribePools{Reply: r}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range pools {
		for _, b := range p.Backends {
			n += b.Live
		}
	}
	return n
}

func (h *house) describe() messages.SessionsDescribed {
	h.t.Helper()
	d, err := mailbox.Ask(context.Background(), h.r.Mailbox(), patience, func(r chan<- messages.SessionsDescribed) messages.ToReception {
		return messages.DescribeSessions{Reply: r}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// until polls a state that no event announces, within bounds.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// client is one client with its connection.
type client struct {
	t    testing.TB
	conn *net.TCPConn
	in   *bufio.Reader
}

// knock hands a client over as a listener would and waits for the nod.
func (h *house) knock() *client { h.t.Helper(); return h.knockFrom("127.0.0.1") }

func (h *house) knockFrom(host string) *client {
	h.t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		h.t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(host)}, ln.Addr().(*net.TCPAddr))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	server, err := ln.AcceptTCP()
	if err != nil {
		h.t.Fatal(err)
	}
	nod := make(chan struct{}, 1)
	err = h.r.Mailbox().Tell(messages.AdmitClient{
		Conn: server, Listener: "door", Nod: nod,
		Local: server.LocalAddr().(*net.TCPAddr).AddrPort(), Remote: server.RemoteAddr().(*net.TCPAddr).AddrPort(),
	}, patience)
	if err != nil {
		server.Close()
		h.t.Fatal(err)
	}
	select {
	case <-nod:
	case <-time.After(patience):
		h.t.Fatal("the reception does not nod")
	}
	return &client{h.t, conn, bufio.NewReader(conn)}
}

func (c *client) hear(prefix string) string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := c.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, prefix) {
		c.t.Fatalf("the client heard %q, %v, want %q", line, err, prefix)
	}
	return strings.TrimRight(line, "\r\n")
}

func (c *client) say(line, answer string) string {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	return c.hear(answer)
}

// last reads to the end of the connection.
func (c *client) last() string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(c.in)
	if err != nil {
		c.t.Fatalf("after %q: %v", text, err)
	}
	return strings.TrimRight(string(text), "\r\n")
}

func (c *client) login() *client {
	c.t.Helper()
	c.hear("220")
	c.say("USER ann", "331")
	c.say("PASS x", "230")
	return c
}

func (h *house) file(name string, size int) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.files, name), make([]byte, size), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// retrieve begins a download and returns its data connection.
func (c *client) retrieve(name string) net.Conn {
	c.t.Helper()
	_, after, _ := strings.Cut(c.say("EPSV", "229"), "(|||")
	port, _, _ := strings.Cut(after, "|")
	d, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { d.Close() })
	c.say("RETR "+name, "150")
	return d
}
