package e2e

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// The attacks in the files attack_…_test.go come from a client, a backend or a stranger. After each of them
// the rightful client's session has to be as good as before, in both roles.

// scriptedAt is where the backends of these tests are: at no address that a client or the gateway has.
const scriptedAt = "127.0.0.45"

// besieged is a gateway before one scripted backend.
type besieged struct {
	g     *peers.Gateway
	s     *peers.Scripted
	addr  string
	login func(t *testing.T, from string) *peers.Control
	enter func(t *testing.T, from string) *peers.Control // up to the greeting
	user  string                                         // what USER says
}

// fortress is what every scripted backend of these tests has to give away.
var fortress = noise(200_000)

// inEveryRole runs a case in the reverse and in the forward role.
func inEveryRole(t *testing.T, script func() peers.Script, lines []string, run func(t *testing.T, b *besieged)) {
	for _, role := range []string{"reverse", "forward"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			run(t, besiege(t, role, script(), lines...))
		})
	}
}

func besiege(t *testing.T, role string, script peers.Script, lines ...string) *besieged {
	t.Helper()
	peers.RequireGateway(t)
	script.Address, script.Files = scriptedAt, map[string][]byte{"f": fortress}
	b := &besieged{s: peers.StartScripted(t, script), user: "bob"}
	if role == "forward" {
		b.user = "bob@" + b.s.Addr()
		b.g, b.addr = forwardGateway(t, userAtHost, append([]string{"ProxyTLSEngine off"}, lines...)...)
	} else {
		b.g, b.addr = startGateway(t, []string{b.s.URL()}, lines...)
	}
	b.enter = func(t *testing.T, from string) *peers.Control {
		t.Helper()
		return peers.DialFrom(t, from, b.addr).Greeting()
	}
	b.login = func(t *testing.T, from string) *peers.Control {
		t.Helper()
		c := b.enter(t, from)
		c.Must(331, "USER %s", b.user)
		c.Must(230, "PASS x")
		return c
	}
	return b
}

// unharmed moves a file whole, each way.
func unharmed(t *testing.T, b *besieged, c *peers.Control) {
	t.Helper()
	c.Must(257, "PWD")
	for _, mode := range []peers.Mode{peers.PASV, peers.EPRT} {
		sameBytes(t, "a download afterwards", c.Fetch(mode, "RETR f"), fortress)
		c.Store(mode, fortress, "STOR up")
		up, _ := b.s.File("up")
		sameBytes(t, "an upload afterwards", up, fortress)
	}
}

// inTheLog waits for as many lines of the proxy's log as an attack was made times.
func inTheLog(t *testing.T, g *peers.Gateway, text string, times int) {
	t.Helper()
	eventually(t, 20*time.Second, "the attack in the log: "+text, func() bool {
		return strings.Count(g.File("proxy.log")+g.File("system.log"), text) >= times
	})
}

// bystander is a third host: a listener that nobody has any business with.
type bystander struct {
	ln     *net.TCPListener
	mu     sync.Mutex
	callin []string
}

func startBystander(t *testing.T, ip string) *bystander {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	b := &bystander{ln: ln}
	var work conc.WaitGroup
	work.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.callin = append(b.callin, conn.RemoteAddr().String())
			b.mu.Unlock()
			_ = conn.Close()
		}
	})
	t.Cleanup(func() { _ = ln.Close(); work.Wait() })
	return b
}

func (b *bystander) at() *net.TCPAddr { return b.ln.Addr().(*net.TCPAddr) }

// wasCalled lists who connected.
func (b *bystander) wasCalled() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.callin...)
}
