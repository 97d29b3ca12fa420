package e2e

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// The ways in which clients of a forward proxy name where they want to go.
const (
	userAtHost        = "user@host"
	proxyThenUserHost = "proxyuser,user@host"
	proxyHostThenUser = "proxyuser@host,user"
	userAtSNI         = "user@sni"
)

// guest is the account at the gateway, for the methods that want one.
const guest, guestPassword = "guest", "let-me-through"

// passage names what may be reached on this machine: its loopback addresses, as they are not reached
// unless they are named.
var passage = []string{`ProxyForwardTo ^127\.`, `ProxyForwardTo ^\[::1\]:`, `ProxyForwardTo \.test:`}

// forwardGateway runs a forward proxy on 127.0.0.1 for clients from 127.0.0.0/16, all but 127.0.66.0/24,
// and returns it with its address. Without lines of ProxyForwardTo it takes clients along the passage.
func forwardGateway(t testing.TB, method string, lines ...string) (*peers.Gateway, string) {
	t.Helper()
	peers.RequireGateway(t)
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure(forwardConfiguration(t, g, port, method, lines...))
	addr := loopback(port)
	g.Start(addr)
	return g, addr
}

func forwardConfiguration(t testing.TB, g *peers.Gateway, port int, method string, lines ...string) string {
	t.Helper()
	lines = slices.Concat([]string{
		"<Class strangers>\nFrom 127.0.66.0/24\n</Class>",
		"<Class barred>\nFrom 127.0.67.0/24\nProxyForwardEnabled off\n</Class>",
		"<Class friends>\nFrom 127.0.0.0/16\nProxyForwardEnabled on\n</Class>",
		"ProxyForwardMethod " + method,
	}, lines)
	if !named("ProxyForwardTo", lines) {
		lines = append(lines, passage...)
	}
	if strings.HasPrefix(method, "proxyuser") {
		lines = append(lines, accounts(t, g.Dir, guestPassword, []string{"guests"}, map[string]string{guest: "guests"})...)
	}
	text := configuration(g, port, nil, lines...)
	return strings.ReplaceAll(strings.Replace(text, "ProxyRole reverse", "ProxyRole forward", 1), "DIR/", g.Dir+"/")
}

// bracketed is an address as it stands in a USER.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// through is what a client says to be taken to a server by a method: all that goes before the PASS of
// the destination, with the replies that it should get.
func through(method string, s *peers.Server) [][2]string {
	to := bracketed(s.Host) + ":" + strconv.Itoa(s.Port)
	switch method {
	case proxyThenUserHost:
		return [][2]string{{"USER " + guest, "331 "}, {"PASS " + guestPassword, "230 "}, {"USER " + s.User + "@" + to, "331 "}}
	case proxyHostThenUser:
		return [][2]string{{"USER " + guest + "@" + to, "331 "}, {"PASS " + guestPassword, "230 "}, {"USER " + s.User, "331 "}}
	case userAtSNI:
		return [][2]string{{"USER " + s.User, "331 "}}
	}
	return [][2]string{{"USER " + s.User + "@" + to, "331 "}}
}

// knock opens a control connection from an address of this machine, up to the greeting.
func knock(t testing.TB, from, addr string) *peers.Control {
	t.Helper()
	return peers.DialFrom(t, from, addr).Greeting()
}

// forwardServers start real servers of every way of TLS, at both families of addresses as far as they
// can be: implicit TLS is at port 990, which only addresses of 127.0.0.0/8 have to spare.
func forwardServers(t testing.TB) map[string]*peers.Server {
	t.Helper()
	kit := certificates(t)
	secure := func() *peers.TLS { return &peers.TLS{Certificate: kit.ECDSA, Demand: peers.Private} }
	list := map[string]*peers.Server{
		"plain/IPv4":    peers.Start(t, peers.PureFTPd, peers.Options{}),
		"explicit/IPv4": peers.Start(t, peers.VSFTPD, peers.Options{TLS: secure()}),
	}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		_ = l.Close()
		list["plain/IPv6"] = peers.Start(t, peers.ProFTPD, peers.Options{Address: "::1"})
		list["explicit/IPv6"] = peers.Start(t, peers.ProFTPD, peers.Options{Address: "::1", TLS: secure()})
	}
	if host, port, err := peers.ImplicitAddress(); err == nil {
		o := secure()
		o.Implicit = true
		list["implicit/IPv4"] = peers.Start(t, peers.ProFTPD, peers.Options{Address: host, Port: port, TLS: o})
	} else {
		t.Logf("no implicit TLS: %v", err)
	}
	return list
}

// forwardTLS has the gateway speak TLS to whoever speaks it.
func forwardTLS(t testing.TB) []string {
	t.Helper()
	return []string{"ProxyTLSEngine auto", "ProxyTLSCACertificateFile " + certificates(t).CA}
}

// uploaded reads what a client left at a server.
func uploaded(t testing.TB, s *peers.Server, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(s.Home + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
