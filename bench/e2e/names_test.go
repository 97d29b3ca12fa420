package e2e

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/peers"
)

// households are clients by name: a friend, an enemy, one whose owner says that it is a friend, and one
// with two names of which only one leads back.
var households = []string{
	"host-record=a.friend.test,127.0.0.21", // an address's PTR comes with it
	"host-record=mail.evil.test,127.0.0.22",
	"ptr-record=23.0.0.127.in-addr.arpa,b.friend.test", "host-record=b.friend.test,127.0.0.99",
	"ptr-record=24.0.0.127.in-addr.arpa,nowhere.friend.test", "ptr-record=24.0.0.127.in-addr.arpa,c.friend.test", "cname=c.friend.test,c2.friend.test", "address=/c2.friend.test/127.0.0.24",
	"local=/127.in-addr.arpa/",
}

const (
	friend, enemy, liar, alias, nobody = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24", "127.0.0.25"

	friends = "<Class friends>\nFrom .friend.test\n</Class>"
	noEvil  = "<Limit LOGIN>\nDeny from .evil.test\n</Limit>"
)

// greetedAt is what a client hears first; empty: the connection is closed.
func greetedAt(t *testing.T, from, addr string) string {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: callLimit}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(callLimit))
	b := make([]byte, 512)
	n, _ := conn.Read(b)
	return strings.TrimSpace(string(b[:n]))
}

// TestClients_are_known_by_name: the class of a name has a backend of its own, a name that is denied is kept
// out, and a name that does not lead back to its client is none.
func TestClients_are_known_by_name(t *testing.T) {
	t.Parallel()
	_, urls, l := marked(t, 2, "home")
	dns := peers.StartDNS(t, record(households...))
	g, addr := namedGateway(t, dns, nil, friends, noEvil, "<IfClass !friends>\nProxyReverseServers "+urls[0]+"\n</IfClass>",
		"<IfClass friends>\nProxyReverseServers "+urls[1]+"\n</IfClass>", "<Limit STOR>\nOrder deny,allow\nAllow from .friend.test\n</Limit>")
	for _, c := range []struct {
		who, from string
		backend   int // -1: kept out
		stores    bool
	}{
		{"friend", friend, 1, true}, {"enemy", enemy, -1, false}, {"liar", liar, 0, false},
		{"alias", alias, 1, true}, {"nobody", nobody, 0, false}, {"friend again", friend, 1, true},
	} {
		if c.backend < 0 {
			if got := greetedAt(t, c.from, addr); got != "" {
				t.Errorf("the %s is greeted with %q", c.who, got)
			}
			continue
		}
		in := peers.DialFrom(t, c.from, addr).Greeting()
		in.Must(331, "USER bob")
		if got := in.Cmd("PASS x").String(); l.of(got) != c.backend {
			t.Errorf("the %s lands with %q, want backend %d", c.who, got, c.backend)
		}
		if refused := strings.HasPrefix(in.Cmd("STOR f").String(), "550 STOR: "); refused == c.stores {
			t.Errorf("the %s is refused to store: %v", c.who, refused)
		}
	}
	for _, want := range [][]string{
		{"a.friend.test", "FTP session opened"}, {enemy, "<Limit LOGIN> at "}, {liar, "FTP session opened"},
	} {
		inTime(t, "a line of the log with "+strings.Join(want, " and "), func() bool { return len(noted(g, want...)) > 0 })
	}
	if lines := noted(g, "b.friend.test"); len(lines) > 0 {
		t.Errorf("the liar is called what it says:\n%s", lines)
	}
}

// TestNames_cost_nobody_else: a name server that is away holds up nobody, and the log says which rules are not
// kept; without rules about names, or with UseReverseDNS off, nobody is asked.
func TestNames_cost_nobody_else(t *testing.T) {
	t.Parallel()
	_, urls, _ := marked(t, 1, "home")
	asked := make(chan struct{}, 1)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var listening sync.WaitGroup
	t.Cleanup(func() { silent.Close(); listening.Wait() })
	listening.Go(func() {
		for b := make([]byte, 512); ; {
			if _, _, err := silent.ReadFrom(b); err != nil {
				return
			}
			select {
			case asked <- struct{}{}:
			default:
			}
		}
	})
	server := &peers.DNS{Addr: silent.LocalAddr().String()}
	for name, lines := range map[string][]string{
		"no_rules":     {"<Limit LOGIN>\nDeny from 10.1.* 192.0.2.0/24\n</Limit>"},
		"switched_off": {noEvil, friends, "UseReverseDNS off"},
	} {
		g, addr := namedGateway(t, server, urls, lines...)
		began := time.Now()
		peers.DialFrom(t, enemy, addr).Login("bob", "x").Must(221, "QUIT")
		if took := time.Since(began); took > 2*time.Second || len(asked) > 0 {
			t.Errorf("%s: a login took %v, the name server was asked %d times", name, took, len(asked))
		}
		if warned := len(noted(g, "UseReverseDNS is off: it fits no client")); (warned == 2) != (name == "switched_off") {
			t.Errorf("%s: %d warnings", name, warned)
		}
	}
	g, addr := namedGateway(t, server, urls, noEvil)
	began := time.Now()
	c := peers.DialFrom(t, enemy, addr)
	<-asked
	if got := greetedAt(t, "127.0.0.1", addr); !strings.HasPrefix(got, "220") || time.Since(began) > 3*time.Second {
		t.Errorf("who is in the hosts file is greeted with %q after %v", got, time.Since(began))
	}
	c.Login("bob", "x")
	took := time.Since(began)
	t.Logf("a client whom a silent name server is asked about waits for %v", took.Round(10*time.Millisecond))
	if took < 3*time.Second || took > 9*time.Second {
		t.Errorf("waited for %v", took)
	}
	inTime(t, "a word about the rule", func() bool { return len(noted(g, "rules about names could not be judged", enemy)) == 1 })
	began = time.Now()
	peers.DialFrom(t, enemy, addr).Login("bob", "x")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the second time it waited for %v", took)
	}
}

// TestNames_at_a_reload: rules about names that come with a reload count from the next client on, and go with the next.
func TestNames_at_a_reload(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	_, urls, _ := marked(t, 1, "home")
	dns := peers.StartDNS(t, record(households...))
	g, port := peers.NewGateway(t), freePort(t)
	addr, text := loopback(port), "ProxyDNSServer "+dns.Addr+"\n"+configuration(g, port, urls)
	g.Configure(text)
	g.Start(addr)
	for i, c := range []struct{ line, want string }{
		{"", "220"}, {noEvil, ""}, {noEvil + "\nUseReverseDNS off", "220"}, {noEvil, ""},
	} {
		if i > 0 {
			g.Configure(text + c.line + "\n")
			g.Signal(syscall.SIGHUP)
			inTime(t, "a reload", func() bool { return len(noted(g, "configuration reloaded")) == i })
		}
		if got := greetedAt(t, enemy, addr); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("with %q the enemy is greeted with %q", c.line, got)
		}
	}
}

// TestNames_of_certificates: a client's certificate is held against its name, of which the servers of ProxyDNSServer
// know.
func TestNames_of_certificates(t *testing.T) {
	t.Parallel()
	k := certificates(t)
	s := peers.StartScripted(t, peers.Script{})
	dns := peers.StartDNS(t, record(households...))
	leaf, err := k.Authority.Issue(certs.Spec{Name: "anybody", DNS: []string{"a.friend.test", "b.friend.test"}, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	pair := leaf.TLS()
	lines := append(frontLines(t, explicit, "dNSNameRequired"), "ProxyTLSEngine off", "ProxyDNSServer "+dns.Addr,
		"TLSVerifyClient on", "TLSCACertificateFile "+k.CA)
	g, addr := secureGateway(t, []string{s.URL()}, lines...)
	for from, in := range map[string]bool{friend: true, liar: false, nobody: false} {
		config := clientConfig(t, peers.TLS12)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		c := peers.DialFrom(t, from, addr).Greeting()
		c.Must(234, "AUTH TLS")
		if err := c.HandshakeErr(config); (err == nil) != in {
			t.Errorf("from %s: %v", from, err)
		}
		if in {
			c.Login("bob", "x")
			continue
		}
		inTime(t, "a line of the log", func() bool { return len(noted(g, refusedClient, "no name in DNS", from)) == 1 })
	}
}
