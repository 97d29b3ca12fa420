package gateway

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// tlsHost is a <VirtualHost> with directives of its own about TLS.
func tlsHost(addr string, port int, backend string, extra ...string) string {
	return fmt.Sprintf("<VirtualHost %s>\nPort %d\nProxyEngine on\nProxyRole reverse\nProxyReverseServers %s\n%s\n</VirtualHost>\n",
		addr, port, backend, strings.Join(extra, "\n"))
}

// front makes a server speak TLS with a certificate.
func front(cert string, options ...string) string {
	text := "TLSEngine on\nTLSECCertificateFile " + cert
	if len(options) > 0 {
		text += "\nTLSOptions " + strings.Join(options, " ")
	}
	return text
}

// clientTLS is how a client of ours speaks TLS: it resumes.
func clientTLS(a *authority, name string) *tls.Config {
	return &tls.Config{RootCAs: a.pool(), ServerName: name, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
}

// explicit connects and upgrades.
func explicit(t testing.TB, port int, cfg *tls.Config) (*client, *tls.Conn) {
	t.Helper()
	c := dial(t, "127.0.0.1", "127.0.0.1", port)
	if got := c.line(); !strings.HasPrefix(got, "220") {
		t.Fatalf("greeted with %q", got)
	}
	c.say("AUTH TLS", "234")
	return c, c.secure(cfg)
}

// Every mix of plain and TLS on the two sides carries files both ways.
func TestTLS_on_either_side(t *testing.T) {
	ca := newAuthority(t, "test root")
	for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
		for _, ends := range [][2]string{
			{"plain", "explicit"}, {"explicit", "plain"}, {"explicit", "explicit"}, {"implicit", "plain"}, {"implicit", "explicit"},
		} {
			t.Run(version+"_"+ends[0]+"_to_"+ends[1], func(t *testing.T) {
				r := newRig(t)
				peer := secureBackend(t, "secure", &tls.Config{Certificates: []tls.Certificate{ca.issue("localhost")}})
				cert := ca.write(r.path("cert.pem"), ca.issue("gateway.test"))
				directives := []string{"ProxyTLSEngine " + map[string]string{"plain": "off", "explicit": "on"}[ends[1]],
					"ProxyTLSCACertificateFile " + ca.root(r.path("ca.pem")), "ProxyTLSProtocol " + version, "TLSProtocol " + version,
					"TransferLog " + r.path("xferlog")}
				switch ends[0] {
				case "explicit":
					directives = append(directives, front(cert), "TLSRequired on")
				case "implicit":
					directives = append(directives, front(cert, "UseImplicitSSL"))
				}
				port := freePort(t)
				r.configure("Port 0\n%s", tlsHost("127.0.0.1", port, peer.url("ftp"), directives...))
				r.run()

				cfg := clientTLS(ca, "gateway.test")
				c := dial(t, "127.0.0.1", "127.0.0.1", port)
				if ends[0] == "implicit" {
					c.secure(cfg)
				}
				if got := c.line(); !strings.HasPrefix(got, "220") {
					t.Fatalf("greeted with %q", got)
				}
				if ends[0] == "explicit" {
					c.say("USER ann", "550") // TLSRequired
					c.say("AUTH TLS", "234")
					c.secure(cfg)
				}
				if ends[0] == "plain" {
					cfg = nil
				}
				c.login(ends[0] == "explicit")
				content := strings.Repeat("line after line\n", 40000)
				for i := range 3 {
					c.put(fmt.Sprint("file", i), content, cfg)
					if got := c.get(fmt.Sprint("file", i), cfg); got != content {
						t.Fatalf("transfer %d: %d bytes came back of %d", i, len(got), len(content))
					}
				}
				c.say("QUIT", "221")
				checkBackend(t, peer, ends[1] == "explicit", version)
				service := map[bool]string{true: " ftp 0 * c", false: " ftps 0 * c"}[ends[0] == "plain"]
				r.until("the transfer log", func() bool {
					text, _ := os.ReadFile(r.path("xferlog"))
					return strings.Count(string(text), service) == 6
				})
			})
		}
	}
}

// checkBackend wants all data connections to resume their control connection.
func checkBackend(t *testing.T, peer *secureServer, secured bool, version string) {
	t.Helper()
	control, data := peer.seen()
	if !secured {
		if len(control)+len(data) > 0 {
			t.Error("the backend was spoken to in TLS")
		}
		return
	}
	if len(control) != 1 || len(data) != 6 {
		t.Fatalf("the backend saw %d control and %d data connections in TLS", len(control), len(data))
	}
	for i, s := range data {
		if !s.DidResume {
			t.Errorf("data connection %d did not resume", i)
		}
	}
	if want := map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}[version]; control[0].Version != want {
		t.Errorf("the backend saw %s", tls.VersionName(control[0].Version))
	}
}

// A new certificate is taken up by new sessions, under a session and a transfer
// that go on.
func TestReload_swaps_certificates(t *testing.T) {
	r := newRig(t)
	ca := newAuthority(t, "test root")
	first, second := ca.issue("gateway.test"), ca.issue("gateway.test")
	cert := ca.write(r.path("cert.pem"), first)
	peer := secureBackend(t, "plain", nil)
	port := freePort(t)
	r.configure("Port 0\n%s", tlsHost("127.0.0.1", port, peer.url("ftp"), "ProxyTLSEngine off", front(cert)))
	r.run()
	cfg := clientTLS(ca, "gateway.test")
	running, conn := explicit(t, port, cfg)
	shows(t, conn, first)
	running.login(true)
	upload := running.open("STOR big", cfg)
	chunk := strings.Repeat("x", 1<<20)
	if _, err := io.WriteString(upload, chunk); err != nil {
		t.Fatal(err)
	}

	ca.write(cert, second)
	r.hup()
	_, conn = explicit(t, port, clientTLS(ca, "gateway.test"))
	shows(t, conn, second)

	if _, err := io.WriteString(upload, chunk); err != nil {
		t.Fatal(err)
	}
	upload.Close()
	if got := running.line(); !strings.HasPrefix(got, "226") {
		t.Fatalf("the upload over the reload ended with %q", got)
	}
	// And further data connections resume the session of before.
	if got := running.get("big", cfg); got != chunk+chunk {
		t.Errorf("%d bytes came back, want %d", len(got), 2*len(chunk))
	}

	// A file that is no certificate changes nothing.
	if err := os.WriteFile(cert, []byte("-----BEGIN NOTHING-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.hup()
	r.says("reload failed, the old configuration stays in force")
	_, conn = explicit(t, port, clientTLS(ca, "gateway.test"))
	shows(t, conn, second)
	running.say("PWD", "200")
}

// Clients that come during reloads are served by what was before or by what is
// new, never by nothing.
func TestReload_under_handshakes(t *testing.T) {
	r := newRig(t)
	ca := newAuthority(t, "test root")
	cert := ca.write(r.path("cert.pem"), ca.issue("gateway.test"))
	peer := secureBackend(t, "secure", &tls.Config{Certificates: []tls.Certificate{ca.issue("localhost")}})
	port := freePort(t)
	r.configure("Port 0\n%s", tlsHost("127.0.0.1", port, peer.url("ftps"), front(cert), "ProxyTLSCACertificateFile "+ca.root(r.path("ca.pem"))))
	r.run()
	var clients conc.WaitGroup
	for range 4 {
		clients.Go(func() {
			cfg := clientTLS(ca, "gateway.test")
			for i := range 5 {
				c, _ := explicit(t, port, cfg)
				c.login(true)
				c.put(fmt.Sprint("file", i), "some bytes", cfg)
				c.say("QUIT", "221")
			}
		})
	}
	for range 5 {
		ca.write(cert, ca.issue("gateway.test"))
		r.hup()
	}
	clients.Wait()
	if strings.Contains(r.out.String(), "reload failed") {
		t.Errorf("a reload failed:\n%s", r.out)
	}
}

func shows(t *testing.T, conn *tls.Conn, want tls.Certificate) {
	t.Helper()
	if got := conn.ConnectionState().PeerCertificates[0].Raw; string(got) != string(want.Certificate[0]) {
		t.Error("the gateway shows another certificate")
	}
}

// Servers that share address and port are told apart by name, in TLS and in
// clear.
func TestNames_choose_the_server(t *testing.T) {
	r := newRig(t)
	ca := newAuthority(t, "test root")
	port := freePort(t)
	one, two := backend(t, "one"), backend(t, "two")
	r.configure("Port 0\n%s%s",
		tlsHost("127.0.0.1", port, one, "ServerName one.test", "ServerAlias one.test", front(ca.write(r.path("1.pem"), ca.issue("one.test")))),
		tlsHost("127.0.0.1", port, two, "ServerName second", "MaxClients 6 full", "ServerAlias two.test *.two.test", front(ca.write(r.path("2.pem"), ca.issue("two.test", "a.two.test")))))
	r.run()
	for name, want := range map[string]string{"one.test": "one", "two.test": "two", "a.two.test": "two", "A.Two.test": "two"} {
		c, _ := explicit(t, port, clientTLS(ca, name)) // verifies the certificate's name
		c.login(true)
		if got := c.whoAnswers(); got != want {
			t.Errorf("SNI %s led to %q, want %q", name, got, want)
		}
		c = dial(t, "127.0.0.1", "127.0.0.1", port)
		c.line()
		c.say("HOST "+name, "220")
		c.login(false)
		if got := c.whoAnswers(); got != want {
			t.Errorf("HOST %s led to %q, want %q", name, got, want)
		}
	}
	// Who comes by name counts where the name led to: six are there already.
	late := dial(t, "127.0.0.1", "127.0.0.1", port)
	late.line()
	late.say("HOST two.test", "220")
	late.say("USER ann", "530 full")
	c := dial(t, "127.0.0.1", "127.0.0.1", port)
	c.line()
	c.say("HOST three.test", "504")
	c.say("AUTH TLS", "234")
	if err := tls.Client(c.conn, clientTLS(ca, "three.test")).Handshake(); err == nil {
		t.Error("a name that nobody has was answered in TLS")
	}
	if strings.Contains(r.out.String(), "no client reaches this server") {
		t.Errorf("a server that is reached by name is said not to be:\n%s", r.out)
	}
}

// Without a ServerAlias names are no reason to turn anybody away, but they lead
// where they lead.
func TestNames_without_aliases(t *testing.T) {
	r := newRig(t)
	ca := newAuthority(t, "test root")
	port := freePort(t)
	cert := front(ca.write(r.path("cert.pem"), ca.issue("one.test", "two.test", "three.test")))
	r.configure("Port 0\n%s%s", tlsHost("127.0.0.1", port, backend(t, "one"), "ServerName one.test", cert),
		tlsHost("127.0.0.1", port, backend(t, "two"), "ServerName two.test", cert))
	r.run()
	for name, want := range map[string]string{"one.test": "one", "two.test": "two", "three.test": "one"} {
		c, _ := explicit(t, port, clientTLS(ca, name))
		c.login(true)
		if got := c.whoAnswers(); got != want {
			t.Errorf("SNI %s led to %q, want %q", name, got, want)
		}
	}
}

// whoAnswers is the name of the embedded backend that a session arrived at.
func (c *client) whoAnswers() string {
	c.t.Helper()
	c.send("STAT")
	name := strings.TrimPrefix(c.line(), "211-")
	for line := name; line != "" && !strings.HasPrefix(line, "211 "); line = c.line() {
	}
	return name
}

func vaultLoaded(t *testing.T, g *Gateway) bool {
	t.Helper()
	state, err := mailbox.Ask(t.Context(), g.vault.Mailbox(), patience, func(reply chan<- messages.VaultDescribed) messages.ToVault {
		return messages.DescribeVault{Reply: reply}
	})
	if err != nil {
		t.Fatal(err)
	}
	return state.Loaded
}

// TLS sessions with backends outlive the gateway.
func TestSessions_with_backends_survive_a_restart(t *testing.T) {
	for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
		t.Run(version, func(t *testing.T) {
			r := newRig(t)
			ca := newAuthority(t, "test root")
			peer := secureBackend(t, "secure", &tls.Config{Certificates: []tls.Certificate{ca.issue("localhost")}})
			port := freePort(t)
			r.configure("Port 0\n%s", tlsHost("127.0.0.1", port, peer.url("ftps"), "ProxyTLSProtocol "+version,
				"ProxyTLSCACertificateFile "+ca.root(r.path("ca.pem"))))
			for range 2 {
				r.g = nil
				r.run()
				r.until("what the vault kept", func() bool { return vaultLoaded(t, r.g) })
				c := dial(t, "127.0.0.1", "127.0.0.1", port)
				if got := c.line(); !strings.HasPrefix(got, "220") {
					t.Fatalf("greeted with %q:\n%s", got, r.out)
				}
				c.login(false)
				c.put("file", "some bytes", nil)
				c.say("QUIT", "221")
				r.stop()
			}
			control, _ := peer.seen()
			if len(control) != 2 || control[0].DidResume || !control[1].DidResume {
				t.Errorf("resumed: %v, %v", control[0].DidResume, control[len(control)-1].DidResume)
			}
		})
	}
}
