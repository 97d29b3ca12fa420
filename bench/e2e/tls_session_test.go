package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestTLSRequired: what each value lets through and how it refuses the rest.
func TestTLSRequired(t *testing.T) {
	const (
		control = "550 SSL/TLS required on the control channel"
		data    = "522 SSL/TLS required on the data channel"
		prot    = "534 Unwilling to accept security parameters"
	)
	for value, want := range map[string]struct{ user, clearList, protC, protP, ccc string }{
		"off":        {"331", "150", "200", "200", "200"},
		"on":         {control, data, prot, "200", prot},
		"ctrl":       {control, "150", "200", "200", prot},
		"data":       {"331", data, prot, "200", "200"},
		"!data":      {"331", "150", "200", prot, "200"},
		"auth":       {control, "150", "200", "200", "200"},
		"auth+data":  {control, data, prot, "200", "200"},
		"auth+!data": {control, "150", "200", prot, "200"},
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			_, s, addr := secretivePeer(t, explicit, "TLSRequired "+value)
			c := peers.Dial(t, addr).Greeting()
			is := func(what string, r peers.Reply, want string) {
				t.Helper()
				if !strings.HasPrefix(r.String(), want) {
					t.Errorf("%s was answered %q, want %q", what, r, want)
				}
			}
			is("FEAT in clear", c.Cmd("FEAT"), "211")
			is("USER in clear", c.Cmd("USER bob"), want.user)
			if strings.HasPrefix(want.user, "5") {
				is("PASS in clear", c.Cmd("PASS x"), want.user)
				if line := sawCommand(s, "USER", "PASS"); line != "" {
					t.Errorf("the backend saw %q", line)
				}
			}
			c.Close()

			c = greet(t, addr, explicit, clientConfig(t, peers.TLS13)).Login("bob", "x")
			d := c.Data(peers.EPSV)
			d.Open()
			r := c.Cmd("LIST")
			is("LIST without PROT P", r, want.clearList)
			if r.Code == 150 {
				_, _ = io.Copy(io.Discard, d.Open())
				c.Expect(226)
			}
			d.Close()
			c.Must(200, "PBSZ 0")
			is("PROT C", c.Cmd("PROT C"), want.protC)
			is("PROT P", c.Cmd("PROT P"), want.protP)
			is("CCC", c.Cmd("CCC"), want.ccc)
		})
	}
}

// TestCCC: after CCC commands go in clear on the same connection, data as PROT said; clients end TLS in
// their own ways.
func TestCCC(t *testing.T) {
	body := noise(60_000)
	for _, version := range versions {
		for _, mode := range []string{"passive", "active"} {
			t.Run(fmt.Sprintf("curl/%s/%s", version, mode), func(t *testing.T) {
				t.Parallel()
				server := startPeer(t, peers.ProFTPD, plain, peers.TLS{})
				_, addr := secureGateway(t, []string{server.URL()},
					append(frontLines(t, explicit, "NoSessionReuseRequired"), backLines(t, plain)...)...)
				tg := target{addr: addr, server: server}
				tg.put(t, "f", body)
				c := secureCell{front: explicit, prot: "P", version: version, mode: peers.EPSV}
				back := local(t, "back", nil)
				args := append(curlArguments(t, tg, c), "--ftp-ssl-ccc-mode", mode, "-o", back, tg.bare("f"))
				client := peers.Curl(t, args...)
				client.OK()
				if said := client.Wait().Stderr; !strings.Contains(said, "> CCC") || !strings.Contains(said, "< 200 Clearing control channel protection") {
					t.Errorf("curl did not clear its control connection:\n%s", said)
				}
				sameBytes(t, "RETR", read(t, back), body)
			})
		}
		t.Run("by_hand/"+string(version), func(t *testing.T) {
			_, _, addr := secretivePeer(t, explicit)
			config := clientConfig(t, version)
			c := greet(t, addr, explicit, config).Login("bob", "x").Protect("P")
			sameBytes(t, "before", c.Fetch(peers.EPSV, "RETR f"), noise(50_000))
			c.Must(200, "CCC")
			clear := inClear(t, c)
			clear("PWD", "257")
			clear("NOOP", "200")
			clear("PBSZ 0", "503")
			clear("AUTH TLS", "534")
			clear("QUIT", "221")
		})
	}
}

// inClear gives a function that speaks on below TLS, once both sides have ended it.
func inClear(t *testing.T, c *peers.Control) func(command, want string) {
	t.Helper()
	if err := c.EndTLS(); err != nil {
		t.Fatalf("end TLS: %v", err)
	}
	return func(command, want string) {
		t.Helper()
		if r := c.Cmd("%s", command); !strings.HasPrefix(r.String(), want) {
			t.Errorf("%s was answered %q, want %s", command, r, want)
		}
	}
}

// nameBased is a gateway with name-based servers: one.test and two.test, each before a backend of its own.
func nameBased(t *testing.T, front leg, options ...string) (addr string, one, two *peers.Scripted) {
	t.Helper()
	k := certificates(t)
	one = peers.StartScripted(t, peers.Script{Banner: "220 backend one\r\n"})
	two = peers.StartScripted(t, peers.Script{Banner: "220 backend two\r\n"})
	peers.RequireGateway(t)
	g := peers.NewGateway(t)
	port := freePort(t)
	config := configuration(g, port, []string{one.URL()}, append(bothLines(t, front, plain), options...)...)
	for name, backend := range map[string]*peers.Scripted{"one.test": one, "two.test": two} {
		cert, err := k.Authority.Issue(certs.Spec{Name: name, DNS: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		files, err := cert.Write(g.Dir, name)
		if err != nil {
			t.Fatal(err)
		}
		lines := append([]string{"TLSEngine on"}, certificateLines(t, "TLS", files)...)
		if front == implicit {
			lines = append(lines, "TLSOptions UseImplicitSSL")
		}
		config += fmt.Sprintf("<VirtualHost 127.0.0.1>\nPort %d\nServerAlias %s\n%s\nProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\n"+
			"ProxyLog %s/proxy.log\nProxyReverseServers %s\n</VirtualHost>\n", port, name, strings.Join(lines, "\n"), g.Dir, backend.URL())
	}
	g.Configure(strings.ReplaceAll(config, "DIR/", g.Dir+"/"))
	g.Start(loopback(port))
	return loopback(port), one, two
}

// TestNameBasedServers: SNI and HOST choose among servers on one address, with the certificate of the name.
func TestNameBasedServers(t *testing.T) {
	for _, front := range []leg{explicit, implicit} {
		addr, one, two := nameBased(t, front)
		for name, backend := range map[string]*peers.Scripted{"one.test": one, "two.test": two} {
			t.Run(string(front)+"/SNI_chooses_"+name, func(t *testing.T) {
				before := logins(backend)
				config := clientConfig(t, peers.TLS12And13)
				config.ServerName = name
				c := greet(t, addr, front, config).Login("bob", "x").Protect("P")
				if state, _ := c.TLS(); state.PeerCertificates[0].Subject.CommonName != name {
					t.Errorf("it showed the certificate of %s", state.PeerCertificates[0].Subject.CommonName)
				}
				if !strings.Contains(string(c.Fetch(peers.EPSV, "LIST")), "hello") {
					t.Error("LIST shows nothing")
				}
				if logins(backend) == before {
					t.Errorf("the backend of %s was not asked", name)
				}
			})
		}
		t.Run(string(front)+"/an_unknown_name_is_refused", func(t *testing.T) {
			config := clientConfig(t, peers.TLS12And13)
			config.ServerName = "three.test"
			c := peers.Dial(t, addr)
			if front == explicit {
				c.Greeting().Must(234, "AUTH TLS")
			}
			if err := c.HandshakeErr(config); err == nil {
				t.Error("the handshake was completed")
			}
			untilEnd(t, c.Conn(), 10*time.Second)
		})
		t.Run(string(front)+"/HOST_must_equal_SNI", func(t *testing.T) {
			config := clientConfig(t, peers.TLS12And13)
			config.ServerName = "two.test"
			c := greet(t, addr, front, config)
			c.Must(220, "HOST two.test")
			c.Must(504, "HOST one.test")
			c.Must(504, "HOST three.test")
		})
	}
	t.Run("HOST_then_AUTH", func(t *testing.T) {
		addr, _, two := nameBased(t, explicit)
		c := peers.Dial(t, addr).Greeting()
		if r := c.Must(220, "HOST two.test"); !strings.Contains(r.String(), "backend two") {
			t.Errorf("HOST was answered %q, want the banner of the new backend", r)
		}
		config := clientConfig(t, peers.TLS12And13)
		config.ServerName = "two.test"
		c.Secure(config).Login("bob", "x")
		if logins(two) == 0 {
			t.Error("the login went elsewhere")
		}
	})
}

func logins(s *peers.Scripted) (n int) {
	for _, e := range s.Events() {
		if e.What == "line" && e.Text == "USER bob" {
			n++
		}
	}
	return n
}

// TestCertificateReload: SIGHUP brings a new certificate to new sessions and leaves open ones alone.
func TestCertificateReload(t *testing.T) {
	k := certificates(t)
	s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": noise(50_000)}})
	dir := t.TempDir()
	install := func(name string) {
		leaf, err := k.Authority.Issue(certs.Spec{Name: name, DNS: []string{"localhost"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Write(dir, "server"); err != nil {
			t.Fatal(err)
		}
	}
	install("before")
	g, addr := secureGateway(t, []string{s.URL()}, "TLSEngine on",
		"TLSECCertificateFile "+dir+"/server.pem", "TLSECCertificateKeyFile "+dir+"/server.key")
	shown := func() string {
		c := greet(t, addr, explicit, clientConfig(t, peers.TLS12And13))
		defer c.Close()
		state, _ := c.TLS()
		return state.PeerCertificates[0].Subject.CommonName
	}
	if name := shown(); name != "before" {
		t.Fatalf("it showed the certificate of %q", name)
	}
	c := greet(t, addr, explicit, clientConfig(t, peers.TLS13)).Login("bob", "x").Protect("P")
	d := c.Begin(peers.EPSV, "RETR f")
	install("after")
	g.Signal(syscall.SIGHUP)
	eventually(t, 10*time.Second, "the new certificate", func() bool { return shown() == "after" })
	body, err := io.ReadAll(d.Stream())
	if err != nil {
		t.Fatal(err)
	}
	d.Finish()
	c.Expect(226)
	sameBytes(t, "the transfer in between", body, noise(50_000))
	for range 3 {
		sameBytes(t, "a transfer of the old session", c.Fetch(peers.EPSV, "RETR f"), noise(50_000))
	}
	c.Must(221, "QUIT")
}

// TestMatchClient: the backend is spoken to as the client speaks, as far as that is known in time.
func TestMatchClient(t *testing.T) {
	for _, front := range []leg{plain, explicit} {
		t.Run(string(front), func(t *testing.T) {
			p := startSecurePeer(t, peerScript{files: map[string][]byte{"f": noise(9000)}})
			lines := append(frontLines(t, front), "ProxyTLSEngine MatchClient", "ProxyTLSCACertificateFile "+certificates(t).CA)
			_, addr := secureGateway(t, []string{p.url()}, lines...)
			// A client of explicit TLS has not asked for it yet when the backend is connected.
			c := greet(t, addr, front, clientConfig(t, peers.TLS13)).Login("bob", "x")
			if front != plain {
				c.Protect("P")
			}
			sameBytes(t, "RETR", c.Fetch(peers.EPSV, "RETR f"), noise(9000))
			if !p.heardAny("clear PASS x") || p.heardAny("clear AUTH") {
				t.Errorf("the backend heard %q", p.heard())
			}
		})
	}
	t.Run("implicit", func(t *testing.T) {
		server := startPeer(t, peers.ProFTPD, implicit, peers.TLS{Demand: peers.Private})
		lines := append(frontLines(t, implicit), "ProxyTLSEngine MatchClient", "ProxyTLSCACertificateFile "+certificates(t).CA)
		_, addr := secureGateway(t, []string{"ftp://" + server.Addr()}, lines...)
		tg := target{addr: addr, server: server}
		again(t, tg, tg.enter(t, implicit, clientConfig(t, peers.TLS13)))
	})
}

// TestAuto: TLS where the backend offers it, clear where it refuses, and nothing in between.
func TestAuto(t *testing.T) {
	auto := []string{"ProxyTLSEngine auto", "ProxyTLSCACertificateFile " + certificates(t).CA, "ProxyRetryCount 1"}
	t.Run("a_backend_without_TLS_is_spoken_to_in_clear", func(t *testing.T) {
		s := peers.StartScripted(t, peers.Script{})
		_, addr := secureGateway(t, []string{s.URL()}, auto...)
		peers.Dial(t, addr).Login("bob", "x").Must(257, "PWD")
		if sawCommand(s, "AUTH TLS") == "" {
			t.Error("TLS was not asked for")
		}
	})
	t.Run("but_not_if_its_URL_says_ftps", func(t *testing.T) {
		s := peers.StartScripted(t, peers.Script{})
		_, addr := secureGateway(t, []string{strings.Replace(s.URL(), "ftp:", "ftps:", 1)}, auto...)
		peers.Dial(t, addr).ExpectClosed(10 * time.Second)
		if line := sawCommand(s, "USER", "PASS"); line != "" {
			t.Errorf("the backend saw %q", line)
		}
	})
	t.Run("a_backend_with_TLS_is_spoken_to_in_TLS", func(t *testing.T) {
		p := startSecurePeer(t, peerScript{})
		_, addr := secureGateway(t, []string{p.url()}, auto...)
		peers.Dial(t, addr).Login("bob", "x")
		if !p.heardAny("tls PASS x") || p.heardAny("clear USER") {
			t.Errorf("the backend heard %q", p.heard())
		}
	})
	t.Run("a_self_signed_one_is_not_used_in_clear_either", func(t *testing.T) {
		p := startSecurePeer(t, peerScript{config: identity(t, certificates(t).SelfSigned)})
		g, addr := secureGateway(t, []string{p.url()}, auto...)
		peers.Dial(t, addr).ExpectClosed(10 * time.Second)
		expectNoSecrets(t, p)
		oneLine(t, g, attemptFailed, "self-signed certificate")
	})
}

// TestEngineOff_and_ftps is a contradiction that check refuses and serve does not start with.
func TestEngineOff_and_ftps(t *testing.T) {
	peers.RequireGateway(t)
	g := peers.NewGateway(t)
	g.Configure(configuration(g, freePort(t), []string{"ftps://backend.test"}, "ProxyTLSEngine off"))
	binary, err := peers.GatewayBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"check", "serve"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		out, err := exec.CommandContext(ctx, binary, command, "-c", g.Config).CombinedOutput()
		cancel()
		if err == nil || !strings.Contains(string(out), "ProxyTLSEngine is off") {
			t.Errorf("sluice %s: %v\n%s", command, err, out)
		}
	}
}

// TestClientCertificate_is_named: the common name of a client's certificate stands in the log.
func TestClientCertificate_is_named(t *testing.T) {
	k := certificates(t)
	s := peers.StartScripted(t, peers.Script{})
	g, addr := secureGateway(t, []string{s.URL()}, append(frontLines(t, explicit, "StdEnvVars"), "ProxyTLSEngine off",
		"TLSVerifyClient on", "TLSCACertificateFile "+k.CA)...)
	pair, err := tls.LoadX509KeyPair(k.Client.Cert, k.Client.Key)
	if err != nil {
		t.Fatal(err)
	}
	config := clientConfig(t, peers.TLS13)
	config.Certificates = []tls.Certificate{pair}
	greet(t, addr, explicit, config).Login("bob", "x")
	eventually(t, 5*time.Second, "the name in the log", func() bool { return len(noted(g, "CN = alice", "session=1")) > 0 })
}
