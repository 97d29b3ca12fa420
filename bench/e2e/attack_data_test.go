package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func plainScript() peers.Script { return peers.Script{} }

// TestClaim05_BounceInEveryForm: no client has the gateway connect to anybody but itself.
func TestClaim05_BounceInEveryForm(t *testing.T) {
	t.Parallel()
	inEveryRole(t, plainScript, nil, func(t *testing.T, b *besieged) {
		third := startBystander(t, "127.0.0.2")
		c := b.login(t, "127.0.0.5")
		var lines []string
		for _, ip := range []string{
			"127.0.0.2", "127.0.0.1", scriptedAt, "10.0.0.1", "192.168.0.1", "172.16.0.1", "192.0.2.7", "169.254.169.254",
			"100.100.100.200", "224.0.0.1", "255.255.255.255",
		} {
			at := &net.TCPAddr{IP: net.ParseIP(ip), Port: third.at().Port}
			lines = append(lines, "PORT "+peers.PortArgument(at), "EPRT "+peers.ExtendedArgument(at), fmt.Sprintf("EPRT |2|::ffff:%s|%d|", ip, at.Port))
		}
		for _, ip := range []string{"::1", "::", "fe80::1", "2001:db8::7", "fd00:ec2::254", "::127.0.0.2", "64:ff9b::7f00:2", "2002:7f00:2::"} {
			lines = append(lines, fmt.Sprintf("EPRT |2|%s|%d|", ip, third.at().Port))
		}
		for _, port := range []int{1, 20, 21, 22, 25, 80, 443, 1023} {
			at := &net.TCPAddr{IP: net.ParseIP("127.0.0.5"), Port: port}
			lines = append(lines, "PORT "+peers.PortArgument(at), "EPRT "+peers.ExtendedArgument(at), fmt.Sprintf("EPRT |1||%d|", port))
		}
		// The gateway's own doors, by its address and as the backend's.
		own := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: portOf(t, b.addr)}
		lines = append(lines, "PORT "+peers.PortArgument(own), "EPRT "+peers.ExtendedArgument(own))
		refused := len(lines)
		// What is no address, or none in the form that there is only one of.
		odd := []string{
			"PORT 0,0,0,0,156,64", "PORT 127,0,0,5,0,0", "PORT 0177,0,0,2,156,64,1", "PORT 0x7f,0,0,2,156,64", "PORT 383,0,0,2,156,64", "PORT 127,0,0,5,256,64",
			"PORT 127.0.0.2,156,64", "PORT 127,0,0,5,156,64,127,0,0,2,156,64", "PORT -1,0,0,2,156,64", "PORT", "PORT  ",
			"EPRT |1|2130706434|40000|", "EPRT |1|0177.0.0.2|40000|", "EPRT |1|0x7f000002|40000|", "EPRT |1|127.2|40000|", "EPRT |1|localhost|40000|",
			"EPRT |2|127.0.0.2|40000|", "EPRT |1|::1|40000|", "EPRT |2|fe80::1%lo|40000|", "EPRT |1|127.0.0.5|65536|", "EPRT |1|127.0.0.5|-1|", "EPRT |1|127.0.0.5|0|",
			"EPRT |3|127.0.0.2|40000|", "EPRT |1|127.0.0.5|40000|1|127.0.0.2|40000|", "EPRT",
			"LPRT 4,4,127,0,0,2,2,156,64", "LPRT 6,16,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,2,156,64", "CPSV", "SPSV", "LPSV", "ESTP 127.0.0.2", "ESTA",
		}
		for _, line := range append(lines, odd...) {
			if r := c.Cmd("%s", line); r.Code < 500 {
				t.Errorf("%s was answered %q", line, r)
			}
		}
		for _, e := range b.s.Events() {
			verb, _, _ := strings.Cut(e.Text, " ")
			if e.What == "line" && slices.Contains([]string{"PORT", "EPRT", "LPRT", "PASV", "EPSV", "CPSV", "SPSV", "LPSV", "ESTP", "ESTA"}, verb) {
				t.Errorf("the backend was told %q", e.Text)
			}
		}
		// Even what was agreed on before is not used after a refusal, nor is an empty offer.
		c.Must(200, "PORT %s", peers.PortArgument(&net.TCPAddr{IP: net.ParseIP("127.0.0.5"), Port: 40000}))
		c.Must(500, "PORT %s", peers.PortArgument(third.at()))
		unharmed(t, b, c)
		inTheLog(t, b.g, "possible bounce attack", refused)
		if calls := third.wasCalled(); len(calls) > 0 {
			t.Errorf("the third host was called by %v", calls)
		}
	})
}

// TestClaim05_BounceByIPv6: an IPv6 client has no IPv4 address, however it is written.
func TestClaim05_BounceByIPv6(t *testing.T) {
	t.Parallel()
	if probe, err := net.Listen("tcp", "[::1]:0"); err != nil {
		peers.GiveUp(t, fmt.Errorf("%w: an IPv6 loopback address (enable IPv6): %w", peers.ErrUnavailable, err))
	} else {
		_ = probe.Close()
	}
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": fortress}})
	g, port := peers.NewGateway(t), freePort(t)
	g.Configure(strings.Replace(configuration(g, port, []string{s.URL()}), "DefaultAddress 127.0.0.1", "DefaultAddress ::1", 1))
	addr := net.JoinHostPort("::1", strconv.Itoa(port))
	g.Start(addr)
	third := startBystander(t, "127.0.0.1")
	c := peers.Dial(t, addr).Login("bob", "x")
	began := len(s.Events())
	lines := []string{
		"PORT " + peers.PortArgument(third.at()), "EPRT " + peers.ExtendedArgument(third.at()), fmt.Sprintf("EPRT |2|::ffff:127.0.0.1|%d|", third.at().Port),
		fmt.Sprintf("EPRT |2|::127.0.0.1|%d|", third.at().Port), "EPRT |2|2001:db8::7|40000|", "EPRT |2|fe80::1|40000|", "EPRT |2|::1|1023|",
		fmt.Sprintf("EPRT |2|::1|%d|", port),
	}
	for _, line := range lines {
		c.Must(500, "%s", line)
	}
	c.Must(501, "PASV")
	if heard := heardSince(s, began); len(heard) > 0 {
		t.Errorf("the backend heard %q", heard)
	}
	for _, mode := range []peers.Mode{peers.EPSV, peers.EPRT} {
		sameBytes(t, "afterwards", c.Fetch(mode, "RETR f"), fortress)
	}
	inTheLog(t, g, "possible bounce attack", len(lines))
	if calls := third.wasCalled(); len(calls) > 0 {
		t.Errorf("the third host was called by %v", calls)
	}
}

// TestClaim05_OwnListeners: not even where every address is allowed; nor below port 1024.
func TestClaim05_OwnListeners(t *testing.T) {
	t.Parallel()
	inEveryRole(t, plainScript, []string{"AllowForeignAddress on"}, func(t *testing.T, b *besieged) {
		c := b.login(t, "127.0.0.5")
		own := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: portOf(t, b.addr)}
		lines := []string{
			"PORT " + peers.PortArgument(own), "EPRT " + peers.ExtendedArgument(own), fmt.Sprintf("EPRT |2|::ffff:127.0.0.1|%d|", own.Port),
			"PORT 127,0,0,2,0,22", "EPRT |1|127.0.0.2|1023|",
		}
		for _, line := range lines {
			verb, _, _ := strings.Cut(line, " ")
			c.Send("%s", line)
			c.ExpectLine("500 Illegal " + verb + " command")
		}
		inTheLog(t, b.g, "possible bounce attack", len(lines))
		unharmed(t, b, c)
	})
}

// thieves connect to a port from an address that has no business there, and return what they have got once
// they are turned away.
func thieves(t *testing.T, n int, from, to string, say func(net.Conn)) func() {
	t.Helper()
	var conns []net.Conn
	for range n {
		conn, err := (&net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", to)
		if err != nil {
			continue // turned away before it was in
		}
		t.Cleanup(func() { _ = conn.Close() })
		say(conn)
		conns = append(conns, conn)
	}
	return func() {
		t.Helper()
		for _, conn := range conns {
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			stolen, err := io.ReadAll(conn)
			if len(stolen) > 0 {
				t.Errorf("a stranger got %d bytes", len(stolen))
			}
			if isTimeout(err) {
				t.Error("a stranger's connection was left standing")
			}
		}
	}
}

const gang = 8

// TestClaim07_TheftOfPassivePorts: strangers who are first at an offered port get nothing, leave nothing, and
// keep nobody from it.
func TestClaim07_TheftOfPassivePorts(t *testing.T) {
	t.Parallel()
	poison := func(conn net.Conn) { _, _ = conn.Write([]byte("poison")) }
	inEveryRole(t, plainScript, nil, func(t *testing.T, b *besieged) {
		for _, mode := range []peers.Mode{peers.PASV, peers.EPSV} {
			t.Run(string(mode), func(t *testing.T) {
				c := b.login(t, "127.0.0.5")
				steal := func(c *peers.Control, command string) (*peers.Data, func()) {
					d := c.Data(mode)
					caught := thieves(t, gang, "127.0.0.66", d.Addr(), poison)
					c.Send("%s", command)
					return d, caught
				}
				// The owner comes from the address of its control connection.
				open := func(d *peers.Data) net.Conn {
					conn, err := (&net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.5")}}).Dial("tcp", d.Addr())
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = conn.Close() })
					return conn
				}
				d, caught := steal(c, "RETR f")
				conn := open(d)
				c.Expect(150)
				got, err := io.ReadAll(conn)
				if err != nil {
					t.Fatal(err)
				}
				c.Expect(226)
				sameBytes(t, "the owner's download", got, fortress)
				caught()
				d, caught = steal(c, "STOR mine")
				conn = open(d)
				c.Expect(150)
				if _, err := conn.Write(fortress); err != nil {
					t.Fatal(err)
				}
				_ = conn.Close()
				c.Expect(226)
				caught()
				mine, _ := b.s.File("mine")
				sameBytes(t, "the owner's upload", mine, fortress)
				inTheLog(t, b.g, "stranger on a data port turned away", 1)
			})
		}
	})
}

// TestClaim07_TheftInTLS: the same with protected data, where thieves have a session of their own to resume.
func TestClaim07_TheftInTLS(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": fortress}})
			g, addr := secureGateway(t, []string{s.URL()}, bothLines(t, explicit, plain)...)
			c := greet(t, addr, explicit, clientConfig(t, version)).Login("bob", "x").Protect("P")
			for _, mode := range []peers.Mode{peers.PASV, peers.EPSV} {
				d := c.Data(mode)
				// Some begin a handshake at once, by the dozen bytes or with a client of TLS.
				caught := thieves(t, gang, "127.0.0.66", d.Addr(), func(conn net.Conn) { _, _ = conn.Write([]byte("\x16\x03\x01\x02\x00\x01")) })
				conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.66")}}).Dial("tcp", d.Addr())
				c.Send("RETR f")
				d.Open()
				c.Expect(150)
				if err := d.SecureErr(); err != nil {
					t.Fatal(err)
				}
				got, err2 := io.ReadAll(d.Stream())
				if err2 != nil {
					t.Fatal(err2)
				}
				d.Finish()
				c.Expect(226)
				sameBytes(t, "the owner's download", got, fortress)
				caught()
				if err == nil {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					if err := tls.Client(conn, clientConfig(t, version)).HandshakeContext(ctx); err == nil {
						t.Error("a stranger had a handshake")
					}
					cancel()
					_ = conn.Close()
				}
			}
			inTheLog(t, g, "stranger on a data port turned away", 1)
			sameBytes(t, "afterwards", c.Fetch(peers.EPSV, "RETR f"), fortress)
		})
	}
}

// TestClaim07_TheftFromActiveBackends: the port that a backend is told of is the backend's.
func TestClaim07_TheftFromActiveBackends(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"PORT", "EPRT"} {
		t.Run(policy, func(t *testing.T) {
			// Before the backend comes, strangers have been there.
			robbed := func(v *peers.Visit) {
				at := strings.ReplaceAll(v.Arg, "|", " ")
				if f := strings.Fields(at); policy == "EPRT" && len(f) == 3 {
					at = net.JoinHostPort(f[1], f[2])
				} else if n := strings.Split(v.Arg, ","); len(n) == 6 {
					high, _ := strconv.Atoi(n[4])
					low, _ := strconv.Atoi(n[5])
					at = net.JoinHostPort(strings.Join(n[:4], "."), strconv.Itoa(high<<8|low))
				}
				for range gang {
					conn, err := (&net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.66")}}).Dial("tcp", at)
					if err == nil {
						_, _ = conn.Write([]byte("poison"))
						defer func() { _ = conn.Close() }() // it stands there until the backend has said its word
					}
				}
				v.Default()
			}
			script := func() peers.Script { return peers.Script{On: handlers{policy: robbed}} }
			inEveryRole(t, script, []string{"ProxyDataTransferPolicy " + policy}, func(t *testing.T, b *besieged) {
				c := b.login(t, "127.0.0.1")
				for range 3 {
					unharmed(t, b, c)
				}
				inTheLog(t, b.g, "stranger on a data port turned away", 1)
			})
		})
	}
}

// TestClaim06_ThirdHosts: a backend that names another host has nobody connected to it.
func TestClaim06_ThirdHosts(t *testing.T) {
	t.Parallel()
	third := startBystander(t, "127.0.0.9")
	own := 0 // the gateway's port; it is known before the backend is asked
	replies := map[string]string{
		"another_host":       "227 there (" + peers.PortArgument(third.at()) + ")",
		"in_other_words":     "227 " + peers.PortArgument(third.at()),
		"on_a_second_line":   "227-one moment\r\n227 there =" + peers.PortArgument(third.at()),
		"a_metadata_address": "227 there (169,254,169,254,31,144)",
		"a_private_address":  "227 there (10,0,0,1,31,144)",
		"a_public_address":   "227 there (192,0,2,7,31,144)",
		"the_broadcast":      "227 there (255,255,255,255,31,144)",
		"a_low_port":         "227 here (127,0,0,45,0,22)",
		"the_gateway_itself": "OWN",
		"nothing_at_all":     "227 guess",
		"EPSV_with_address":  fmt.Sprintf("229 there (|1|127.0.0.9|%d|)", third.at().Port),
		"EPSV_with_low_port": "229 here (|||22|)",
	}
	for name, reply := range replies {
		t.Run(name, func(t *testing.T) {
			verb := "PASV"
			if strings.HasPrefix(name, "EPSV") {
				verb = "EPSV"
			}
			script := func() peers.Script {
				return peers.Script{On: handlers{verb: func(v *peers.Visit) {
					if text := reply; text != "OWN" {
						v.Reply("%s\r\n", text)
						return
					}
					v.Reply("227 there (%s)\r\n", peers.PortArgument(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: own}))
				}}}
			}
			for _, role := range []string{"reverse", "forward"} {
				b := besiege(t, role, script(), "ProxyDataTransferPolicy "+verb)
				own = portOf(t, b.addr)
				c := b.login(t, "127.0.0.1")
				for _, mode := range []peers.Mode{peers.PASV, peers.EPSV, peers.PORT} {
					if _, r := c.DataReply(mode); r.Code < 500 {
						if verb == "EPSV" { // a backend without EPSV is asked for PASV, which this one does well
							continue
						}
						t.Errorf("%s was answered %q", mode, r)
					}
				}
				if verb == "PASV" {
					inTheLog(t, b.g, "Refused passive address of backend", 3)
				}
				c.Must(257, "PWD")
			}
		})
	}
	if calls := third.wasCalled(); len(calls) > 0 {
		t.Errorf("the third host was called by %v", calls)
	}
}
