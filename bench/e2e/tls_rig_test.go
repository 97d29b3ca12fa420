package e2e

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/peers"
)

// leg is how TLS is spoken on one side of the gateway.
type leg string

const (
	plain    leg = "plain"
	explicit leg = "explicit" // AUTH TLS
	implicit leg = "implicit" // TLS from the first byte
)

// versions are the versions of TLS that every test of both runs over.
var versions = []peers.Versions{peers.TLS12, peers.TLS13}

// kit is made once for all tests of the process; the folder is open to the servers' own users.
var kit = sync.OnceValues(func() (*certs.Kit, error) {
	dir, err := os.MkdirTemp("", "sluice-certificates-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	kitDir = dir
	return certs.NewKit(dir)
})

var kitDir string

func removeCertificates() {
	if kitDir != "" {
		_ = os.RemoveAll(kitDir) // a leftover in the temporary folder harms nobody
	}
}

func certificates(t testing.TB) *certs.Kit {
	t.Helper()
	k, err := kit()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// certificateLines name a certificate of a Kit by the directives for its kind of key.
func certificateLines(t testing.TB, prefix string, f certs.Files) []string {
	t.Helper()
	if prefix == "TLS" {
		kind, err := certs.KindOf(f.Cert)
		if err != nil {
			t.Fatal(err)
		}
		prefix += string(kind)
	}
	return []string{prefix + "CertificateFile " + f.Cert, prefix + "CertificateKeyFile " + f.Key}
}

// frontLines have a server speak TLS to its clients, with an RSA and an EC certificate. options are
// further TLSOptions.
func frontLines(t testing.TB, l leg, options ...string) []string {
	t.Helper()
	if l == plain {
		return nil
	}
	k := certificates(t)
	lines := []string{"TLSEngine on", "TLSLog DIR/tls.log"}
	lines = append(lines, certificateLines(t, "TLS", k.RSA)...)
	lines = append(lines, certificateLines(t, "TLS", k.ECDSA)...)
	if l == implicit {
		options = append(options, "UseImplicitSSL")
	}
	if len(options) > 0 {
		lines = append(lines, "TLSOptions "+strings.Join(options, " "))
	}
	return lines
}

// backLines have a server speak TLS to its backends, and trust the Kit's authority.
func backLines(t testing.TB, l leg) []string {
	t.Helper()
	if l == plain {
		return []string{"ProxyTLSEngine off"}
	}
	return []string{"ProxyTLSEngine on", "ProxyTLSCACertificateFile " + certificates(t).CA}
}

// bothLines are frontLines and backLines together.
func bothLines(t testing.TB, front, back leg, extra ...string) []string {
	t.Helper()
	return append(append(frontLines(t, front), backLines(t, back)...), extra...)
}

// secureGateway is startGateway for lines that may name DIR, the gateway's own folder.
func secureGateway(t testing.TB, backends []string, lines ...string) (*peers.Gateway, string) {
	t.Helper()
	peers.RequireGateway(t)
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure(secureConfiguration(g, port, backends, lines...))
	addr := loopback(port)
	g.Start(addr)
	return g, addr
}

func secureConfiguration(g *peers.Gateway, port int, backends []string, lines ...string) string {
	return strings.ReplaceAll(configuration(g, port, backends, lines...), "DIR/", g.Dir+"/")
}

// startPeer starts a real server as one kind of backend.
func startPeer(t testing.TB, kind peers.Kind, l leg, o peers.TLS) *peers.Server {
	t.Helper()
	if l == plain {
		return peers.Start(t, kind, peers.Options{})
	}
	if o.Certificate.Cert == "" {
		o.Certificate = certificates(t).ECDSA
	}
	opt := peers.Options{TLS: &o}
	if l == implicit {
		o.Implicit = true
		var err error
		if opt.Address, opt.Port, err = peers.ImplicitAddress(); err != nil {
			peers.GiveUp(t, err)
		}
	}
	return peers.Start(t, kind, opt)
}

// secureTarget is a real server behind a gateway, with TLS on either side as asked for. The server
// insists on TLS for everything if it speaks it at all, and on resumed sessions if it can.
func secureTarget(t testing.TB, kind peers.Kind, front, back leg, version peers.Versions, extra ...string) target {
	t.Helper()
	peers.RequireGateway(t)
	server := startPeer(t, kind, back, peers.TLS{Versions: version, Demand: peers.Private})
	g, addr := secureGateway(t, []string{server.URL()}, bothLines(t, front, back, extra...)...)
	return target{addr: addr, server: server, gateway: g}
}

// clientConfig is a client of one version of TLS with a session cache of its own.
func clientConfig(t testing.TB, version peers.Versions) *tls.Config {
	t.Helper()
	config := peers.ClientTLS(certificates(t))
	switch version {
	case peers.TLS12:
		config.MaxVersion = tls.VersionTLS12
	case peers.TLS13:
		config.MinVersion = tls.VersionTLS13
	}
	return config
}

// greet opens a control connection and secures it in the given way, up to the banner.
func greet(t testing.TB, addr string, front leg, config *tls.Config) *peers.Control {
	t.Helper()
	switch front {
	case implicit:
		return peers.DialImplicit(t, addr, config).Greeting()
	case explicit:
		return peers.Dial(t, addr).Secure(config)
	}
	return peers.Dial(t, addr).Greeting()
}

// enter is greet and a login, with data connections in TLS if the control connection is.
func (tg target) enter(t testing.TB, front leg, config *tls.Config) *peers.Control {
	t.Helper()
	c := greet(t, tg.addr, front, config).Login(tg.server.User, tg.server.Password)
	if front != plain {
		c.Protect("P")
	}
	return c
}

// errCut is what cutAware reads instead of a clean end of the TCP connection.
var errCut = errors.New("the connection was closed without a close_notify")

// cutAware is a TCP connection below TLS. crypto/tls takes its end between two records for the end of
// the data; with this in between, io.EOF means that the peer sent a close_notify.
type cutAware struct{ *net.TCPConn }

func (c cutAware) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return n, err
}

// openSecure begins a transfer and does the data connection's handshake with the given configuration,
// whatever Protect was told.
func openSecure(t testing.TB, c *peers.Control, config *tls.Config, mode peers.Mode, format string, args ...any) (*tls.Conn, *peers.Data, error) {
	t.Helper()
	d := c.Begin(mode, format, args...)
	conn := tls.Client(cutAware{d.Open()}, config)
	return conn, d, conn.Handshake()
}

// noted is how many lines of the gateway's logs, its TLS log among them, hold every one of words.
func noted(g *peers.Gateway, words ...string) (lines []string) {
	var all strings.Builder
	for _, name := range []string{"system.log", "proxy.log", "tls.log"} {
		all.WriteString(g.File(name))
	}
	for line := range strings.Lines(all.String() + g.Output()) {
		if holds(line, words) {
			lines = append(lines, line)
		}
	}
	return lines
}

func holds(line string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(strings.ToLower(line), strings.ToLower(word)) {
			return false
		}
	}
	return true
}
