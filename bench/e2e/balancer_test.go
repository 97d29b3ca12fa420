package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	peer "github.com/pires/go-proxyproto"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// This file is about balancers in front of the gateway. HAProxy stands on one loopback address, clients
// come from others.

// balanced is a gateway behind HAProxy, on 127.0.0.5; clients connect to addr, on 127.0.0.1.
func balanced(t *testing.T, send string, backends []string, extra ...string) (g *peers.Gateway, addr string) {
	t.Helper()
	lines := append([]string{"ProxyProtocolFrom 127.0.0.1"}, extra...)
	g, behind := gatewayOn(t, "127.0.0.5", backends, lines...)
	addr = loopback(freePort(t))
	peers.StartHAProxy(t, fmt.Sprintf("listen ftp\n    bind %s\n    server gateway %s %s\n", addr, behind, send), addr)
	return g, addr
}

func TestBalancer(t *testing.T) {
	for _, send := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(send, func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": noise(100_000)}})
			d := startDoorman(t, "127.0.0.1", s.Addr())
			g, addr := balanced(t, send, []string{d.url()}, "MaxClientsPerHost 1", "ProxyOptions UseProxyProtocolV1")

			first := peers.DialFrom(t, "127.0.0.2", addr).Login("bob", "x")
			h := d.next(t)
			wantPair(t, h, 1, first.Local(), first.Remote())
			second := peers.DialFrom(t, "127.0.0.3", addr).Login("bob", "x")
			peers.DialFrom(t, "127.0.0.2", addr).ExpectLine("530 Sorry, the maximum number of clients (1) from your host are already connected.")
			for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
				if len(noted(g, "session opened", "("+from+"[", "balancer=127.0.0.1:")) == 0 {
					t.Errorf("the log knows no client from %s", from)
				}
			}
			// Data connections go past HAProxy, to the gateway itself, and count by the client's own address.
			at := strings.Split(second.Must(229, "EPSV").Text(), "|")[3]
			if conn, err := dialFrom("127.0.0.2", "127.0.0.5:"+at); err == nil {
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				second.Send("RETR f")
				if n, _ := io.Copy(io.Discard, conn); n > 0 {
					t.Errorf("another client read %d bytes of the file", n)
				}
				conn.Close()
			}
			conn, err := dialFrom("127.0.0.3", "127.0.0.5:"+at)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			second.Expect(150)
			body, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			sameBytes(t, "the download", body, noise(100_000))
			second.Expect(226)
			// PORT to the balancer's address is PORT to a third host.
			second.Must(500, "PORT %s", peers.PortArgument(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}))
			second.Must(200, "PORT %s", peers.PortArgument(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 3), Port: 40000}))
		})
	}
}

func dialFrom(local, to string) (*net.TCPConn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}, Timeout: 10 * time.Second}
	conn, err := d.Dial("tcp", to)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// Classes and what depends on them go by the client's address, not by the balancer's.
func TestBalancer_classes(t *testing.T) {
	peers.RequireGateway(t)
	house := peers.StartScripted(t, peers.Script{Banner: "220 house\r\n"})
	_, addr := balanced(t, "send-proxy-v2", []string{house.URL()},
		"<Class foes>", "From 127.0.0.3", "</Class>", "<Class balancers>", "From 127.0.0.1", "</Class>",
		"<IfClass balancers>\nProxyEngine off\n</IfClass>", "<IfClass foes>\nProxyEngine off\n</IfClass>")
	peers.DialFrom(t, "127.0.0.2", addr).ExpectLine("220 house")
	peers.DialFrom(t, "127.0.0.3", addr).ExpectClosed(10 * time.Second)
}

// HAProxy's own health checks (LOCAL) find the gateway well.
func TestBalancer_health_checks(t *testing.T) {
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{})
	g, behind := gatewayOn(t, "127.0.0.5", []string{s.URL()}, "ProxyProtocolFrom 127.0.0.1")
	addr := loopback(freePort(t))
	h := peers.StartHAProxy(t, fmt.Sprintf("listen ftp\n    bind %s\n    option tcp-check\n    tcp-check expect rstring ^220\n"+
		"    server gateway %s send-proxy-v2 check check-send-proxy inter 200ms fall 1 rise 1\n", addr, behind), addr)
	eventually(t, 10*time.Second, "three health checks", func() bool { return len(noted(g, "session opened", "(127.0.0.1[")) >= 3 })
	if strings.Contains(h.Output(), "DOWN") {
		t.Errorf("HAProxy holds the gateway for down:\n%s", h.Output())
	}
	peers.DialFrom(t, "127.0.0.2", addr).Login("bob", "x").Must(257, "PWD")
}

// Data connections by way of HAProxy, too: each with a header that must name the session's client.
func TestBalancer_data(t *testing.T) {
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": noise(100_000)}})
	low, ports := freePort(t), 3
	extra := []string{"ProxyProtocolDataFrom 127.0.0.1", "MasqueradeAddress 127.0.0.1", fmt.Sprintf("PassivePorts %d %d", low, low+ports-1), "ProxyProtocolFrom 127.0.0.1"}
	g, behind := gatewayOn(t, "127.0.0.5", []string{s.URL()}, extra...)
	addr := loopback(freePort(t))
	sections := fmt.Sprintf("listen ftp\n    bind %s\n    server gateway %s send-proxy\n", addr, behind)
	for port := low; port < low+ports; port++ {
		sections += fmt.Sprintf("listen data%d\n    bind 127.0.0.1:%d\n    server gateway 127.0.0.5:%d send-proxy-v2\n", port, port, port)
	}
	peers.StartHAProxy(t, sections, addr)
	c := peers.DialFrom(t, "127.0.0.2", addr).Login("bob", "x")
	for _, mode := range []peers.Mode{peers.PASV, peers.EPSV} {
		sameBytes(t, "the download", fetchFrom(t, c, "127.0.0.2", mode), noise(100_000))
	}
	// Another client of the same balancer may guess the port, and gets nothing.
	at := strings.Split(c.Must(229, "EPSV").Text(), "|")[3]
	c.Send("RETR f")
	thief, err := dialFrom("127.0.0.3", "127.0.0.1:"+at)
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	_ = thief.SetDeadline(time.Now().Add(10 * time.Second))
	if n, _ := io.Copy(io.Discard, thief); n > 0 {
		t.Errorf("another client read %d bytes of the file", n)
	}
	rightful, err := dialFrom("127.0.0.2", "127.0.0.1:"+at)
	if err != nil {
		t.Fatal(err)
	}
	defer rightful.Close()
	c.Expect(150)
	body, err := io.ReadAll(rightful)
	if err != nil {
		t.Fatal(err)
	}
	sameBytes(t, "the download", body, noise(100_000))
	c.Expect(226)
	if len(noted(g, "stranger on a data port")) == 0 {
		t.Error("the log does not say that somebody else came")
	}
}

// fetchFrom downloads f over a passive connection from an address.
func fetchFrom(t *testing.T, c *peers.Control, local string, mode peers.Mode) []byte {
	t.Helper()
	code := 227
	if mode == peers.EPSV {
		code = 229
	}
	to, err := peers.PassiveAddr(c.Must(code, "%s", string(mode)), c.Remote().IP)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialFrom(local, to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c.Must(150, "RETR f")
	body, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	c.Expect(226)
	return body
}

// played are headers that a client could send.
func played() map[string]string {
	v1 := "PROXY TCP4 10.1.2.3 127.0.0.1 1111 21\r\n"
	v2, _ := peer.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 1111}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 21}).Format()
	return map[string]string{"v1": v1, "v2": string(v2)}
}

// TestClaim17_PlayingABalancer: a header is believed from the networks that are listed, and from nobody
// else, whether others are listed or nobody is.
func TestClaim17_PlayingABalancer(t *testing.T) {
	for name, extra := range map[string][]string{"nobody_is_listed": nil, "others_are": {"ProxyProtocolFrom 192.0.2.0/24 127.0.0.9"}} {
		for version, header := range played() {
			t.Run(name+"/"+version, func(t *testing.T) {
				t.Parallel()
				g, s, addr := oddGateway(t, peers.Script{}, extra...)
				c := peers.Dial(t, addr)
				c.SendRaw(header + "USER bob\r\nPASS x\r\n")
				_ = c.Conn().SetReadDeadline(time.Now().Add(10 * time.Second))
				said, err := io.ReadAll(c.Conn())
				if isTimeout(err) {
					t.Errorf("the session goes on: %q", said)
				}
				for _, e := range s.Events() {
					if strings.HasPrefix(e.Text, "USER") || strings.HasPrefix(e.Text, "PROXY") {
						t.Errorf("the backend saw %q", e.Text)
					}
				}
				if lines := noted(g, "10.1.2.3"); len(lines) > 0 {
					t.Errorf("the log believes it:\n%s", strings.Join(lines, ""))
				}
			})
		}
	}
}

// TestClaim17_BalancersMustSpeak: what comes from a listed network without a whole, sound header is
// closed without a byte, within five seconds, and holds nobody else up.
func TestClaim17_BalancersMustSpeak(t *testing.T) {
	v2 := played()["v2"]
	cases := map[string]struct {
		says string
		soon bool // there is nothing to wait for
	}{
		"nothing":          {"", false},
		"half_a_line":      {"PROXY TCP4 10.1.2.3 127.", false},
		"half_a_block":     {v2[:20], false},
		"a_login":          {"USER bob\r\n", true},
		"garbage":          {string(noise(4000)), true},
		"a_long_line":      {"PROXY UNKNOWN " + strings.Repeat("x", 5000) + "\r\n", true},
		"a_huge_block":     {v2[:14] + "\xff\xff" + strings.Repeat("x", 70_000), true},
		"two_words":        {"PROXY TCP4\r\nUSER bob\r\n", true},
		"no_client_at_all": {"PROXY UNKNOWN\r\nUSER bob\r\n", true},
	}
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{})
	g, addr := startGateway(t, []string{s.URL()}, "ProxyProtocolFrom 127.0.0.1")
	t.Run("each", func(t *testing.T) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				conn := peers.Dial(t, addr).Conn()
				_, _ = conn.Write([]byte(c.says)) // it may be closed already
				began := time.Now()
				_ = conn.SetReadDeadline(began.Add(15 * time.Second))
				said, err := io.ReadAll(conn)
				took := time.Since(began)
				if len(said) > 0 || isTimeout(err) {
					t.Errorf("it heard %q, %v", said, err)
				}
				if took > 8*time.Second || c.soon != (took < 4*time.Second) {
					t.Errorf("it was closed after %v", took)
				}
			})
		}
		t.Run("byte_by_byte", func(t *testing.T) {
			for _, header := range played() {
				c := peers.Dial(t, addr)
				for i := range len(header) {
					c.SendRaw(header[i : i+1])
				}
				c.Login("bob", "x").Must(257, "PWD")
			}
		})
		t.Run("a_drop_at_a_time", func(t *testing.T) {
			t.Parallel()
			conn := peers.Dial(t, addr).Conn()
			began := time.Now()
			for i := 0; time.Since(began) < 15*time.Second; i++ {
				if _, err := conn.Write([]byte(played()["v1"][i%20 : i%20+1])); err != nil {
					break
				}
				time.Sleep(300 * time.Millisecond) // far from the end of the header when the time is over
			}
			if took := time.Since(began); took > 9*time.Second {
				t.Errorf("it was closed after %v", took)
			}
		})
		t.Run("others_are_served_meanwhile", func(t *testing.T) {
			for range 50 {
				peers.Dial(t, addr) // and not a byte
			}
			c := peers.Dial(t, addr)
			began := time.Now()
			c.SendRaw(played()["v1"])
			c.Login("bob", "x").Must(221, "QUIT")
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("a client behind 50 silent connections took %v", took)
			}
		})
	})
	if len(noted(g, "no PROXY header within 5s")) == 0 || len(noted(g, "malformed PROXY header")) == 0 || len(noted(g, "names no client")) == 0 {
		t.Error("the log does not say why they were turned away")
	}
}
