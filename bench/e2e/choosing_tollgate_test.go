package e2e

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// tollgate stands before a backend and passes control connections through, until it is shut: from
// then on it breaks them off and every new one, and counts those.
type tollgate struct {
	at     *net.TCPAddr
	behind string
	work   conc.WaitGroup

	mu     sync.Mutex
	listen *net.TCPListener
	shut   bool
	conns  map[net.Conn]bool
	turned []time.Time // when new ones came while it was shut
}

func startTollgate(t testing.TB, behind string) *tollgate {
	t.Helper()
	return startTollgateAt(t, behind, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: freePort(t)})
}

func startTollgateAt(t testing.TB, behind string, at *net.TCPAddr) *tollgate {
	t.Helper()
	g := &tollgate{behind: behind, conns: map[net.Conn]bool{}, at: at}
	g.Reopen(t)
	t.Cleanup(func() {
		g.Close()
		g.work.Wait()
	})
	return g
}

func (g *tollgate) url() string { return "ftp://" + g.at.String() }

// Reopen listens after Close, on the same port.
func (g *tollgate) Reopen(t testing.TB) {
	t.Helper()
	l, err := net.ListenTCP("tcp", g.at)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listen, g.shut = l, false
	g.work.Go(func() { g.accept(l) })
}

// Close is Shut with a port on which nobody listens, so that none is counted.
func (g *tollgate) Close() {
	g.mu.Lock()
	_ = g.listen.Close()
	g.mu.Unlock()
	g.Shut()
}

// Shut kills what is behind the gate, as far as can be seen from before it.
func (g *tollgate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for c := range g.conns {
		_ = c.Close()
	}
}

// Open ends Shut.
func (g *tollgate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
}

// Turned is when connections came while the gate was shut.
func (g *tollgate) Turned() []time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.turned)
}

func (g *tollgate) accept(l *net.TCPListener) {
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			return // it was closed
		}
		if g.admit(conn) {
			g.work.Go(func() { g.relay(conn) })
		}
	}
}

// admit is false for a connection that was broken off.
func (g *tollgate) admit(conn *net.TCPConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		g.turned = append(g.turned, time.Now())
		_ = conn.SetLinger(0) // a closed socket needs no reset
		_ = conn.Close()
		return false
	}
	g.conns[conn] = true
	return true
}

func (g *tollgate) relay(conn *net.TCPConn) {
	defer func() {
		_ = conn.Close()
		g.mu.Lock()
		delete(g.conns, conn)
		g.mu.Unlock()
	}()
	back, err := net.Dial("tcp", g.behind)
	if err != nil {
		return
	}
	defer func() { _ = back.Close() }()
	var both conc.WaitGroup
	both.Go(func() { _, _ = io.Copy(back, conn); _ = back.Close() })
	_, _ = io.Copy(conn, back)
	_ = conn.Close()
	both.Wait()
}
