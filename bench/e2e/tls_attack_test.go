package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// secretivePeer is a gateway with TLS towards clients before a scripted backend.
func secretivePeer(t *testing.T, front leg, extra ...string) (*peers.Gateway, *peers.Scripted, string) {
	t.Helper()
	s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": noise(50_000)}})
	g, addr := secureGateway(t, []string{s.URL()}, bothLines(t, front, plain, extra...)...)
	return g, s, addr
}

// sawCommand tells whether a scripted backend was told a verb.
func sawCommand(s *peers.Scripted, verbs ...string) string {
	for _, e := range s.Events() {
		for _, verb := range verbs {
			if e.What == "line" && strings.HasPrefix(strings.ToUpper(e.Text), verb) {
				return e.Text
			}
		}
	}
	return ""
}

// untilEnd reads a connection to its end and gives what came; it fails the test when the connection
// stands longer than limit.
func untilEnd(t *testing.T, conn net.Conn, limit time.Duration) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(conn)
	if isTimeout(err) {
		t.Fatalf("the connection still stands after %v; it said %q", limit, rest)
	}
	return string(rest)
}

// TestClaim01_ClientInjection: commands that came in clear behind AUTH would look protected if they
// were carried out after the handshake. They are never carried out at all.
func TestClaim01_ClientInjection(t *testing.T) {
	_, s, addr := secretivePeer(t, explicit)
	for name, sent := range map[string]string{
		"a_command_in_the_same_segment":    "AUTH TLS\r\nUSER injected\r\n",
		"several_of_them":                  "AUTH TLS\r\nUSER injected\r\nPASS x\r\nDELE victim\r\n",
		"half_a_command":                   "AUTH TLS\r\nUSER inj",
		"a_command_before_it_too":          "SYST\r\nAUTH TLS\r\nUSER injected\r\n",
		"behind_AUTH_SSL":                  "AUTH SSL\r\nUSER injected\r\n",
		"an_empty_line":                    "AUTH TLS\r\n\r\nUSER injected\r\n",
		"after_a_lone_LF":                  "AUTH TLS\nUSER injected\n",
		"Telnet_bytes_before_the_command":  "AUTH TLS\r\n\xff\xf4\xf2USER injected\r\n",
		"more_than_a_buffer_of_the_reader": "AUTH TLS\r\n" + strings.Repeat("USER injected\r\n", 2000),
	} {
		t.Run(name+"_ends_the_session", func(t *testing.T) {
			c := peers.Dial(t, addr).Greeting()
			c.SendRaw(sent)
			// A client that goes on with a good handshake must not get what it injected.
			conn := tls.Client(c.Conn(), clientConfig(t, peers.TLS12And13))
			if err := c.Conn().SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(c.Conn())
			line, _ := in.ReadString('\n') // whatever it is: 234, or 421 at once
			if strings.HasPrefix(line, "215") || strings.HasPrefix(line, "530") {
				line, _ = in.ReadString('\n')
			}
			if strings.HasPrefix(line, "234") && conn.Handshake() == nil {
				t.Error("the handshake was completed")
			}
			untilEnd(t, c.Conn(), 10*time.Second)
			if line := sawCommand(s, "USER", "PASS", "DELE"); line != "" {
				t.Fatalf("the backend saw %q", line)
			}
		})
	}
	t.Run("a_command_a_moment_later_is_not_carried_out_either", func(t *testing.T) {
		c := peers.Dial(t, addr).Greeting()
		c.Must(234, "AUTH TLS")
		c.Send("USER injected")
		untilEnd(t, c.Conn(), 10*time.Second)
		if line := sawCommand(s, "USER"); line != "" {
			t.Fatalf("the backend saw %q", line)
		}
	})
	t.Run("without_an_injection_the_same_client_gets_in", func(t *testing.T) {
		c := greet(t, addr, explicit, clientConfig(t, peers.TLS12And13)).Login("bob", "x")
		c.Must(221, "QUIT")
	})
}

// TestClaim01_BackendInjection: the same from the other side. A reply that came in clear behind 234
// must not pass for the answer to a protected command.
func TestClaim01_BackendInjection(t *testing.T) {
	for name, behind := range map[string]string{
		"a_login":         "230 injected\r\n",
		"several_replies": "200 one\r\n331 two\r\n230 three\r\n",
		"half_a_reply":    "230 inj",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := startSecurePeer(t, peerScript{banner: "220 bad", on: map[string]func(*peerVisit){"AUTH": func(v *peerVisit) {
				_, _ = fmt.Fprintf(v.conn, "234 go ahead\r\n%s", behind)
				v.handshake()
			}}})
			good := startSecurePeer(t, peerScript{banner: "220 good"})
			_, addr := secureGateway(t, []string{bad.url(), good.url()}, backLines(t, explicit)...)
			c := peers.Dial(t, addr)
			c.ExpectLine("220 good")
			c.Must(331, "USER bob")
			c.Must(230, "PASS x")
			if bad.heardAny("tls USER") || bad.heardAny("clear USER") || bad.heardAny("tls PBSZ") {
				t.Errorf("the session went on with the backend that injected: %q", bad.heard())
			}
		})
	}
}

// TestClaim02_FailedHandshake_of_a_client: what is no TLS ends the session, and what follows is never
// read as a command.
func TestClaim02_FailedHandshake_of_a_client(t *testing.T) {
	for _, front := range []leg{explicit, implicit} {
		_, s, addr := secretivePeer(t, front, "TLSProtocol TLSv1.2 TLSv1.3")
		for name, spoil := range map[string]func(*testing.T, *peers.Control){
			"words_instead_of_TLS": func(_ *testing.T, c *peers.Control) { c.SendRaw("USER bob\r\nPASS x\r\n") },
			"an_HTTP_request":      func(_ *testing.T, c *peers.Control) { c.SendRaw("GET / HTTP/1.1\r\n\r\n") },
			"a_version_too_old": func(t *testing.T, c *peers.Control) {
				config := clientConfig(t, peers.TLS12And13)
				config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
				if c.HandshakeErr(config) == nil {
					t.Error("TLS 1.1 is spoken")
				}
			},
			"a_client_that_trusts_somebody_else": func(t *testing.T, c *peers.Control) {
				config := clientConfig(t, peers.TLS12And13)
				config.RootCAs = nil
				if c.HandshakeErr(config) == nil {
					t.Error("the handshake was completed")
				}
			},
		} {
			t.Run(string(front)+"/"+name, func(t *testing.T) {
				c := peers.Dial(t, addr)
				if front == explicit {
					c.Greeting().Must(234, "AUTH TLS")
				}
				spoil(t, c)
				_, _ = c.Conn().Write([]byte("USER bob\r\n")) // the connection may be gone
				rest := untilEnd(t, c.Conn(), 10*time.Second)
				if strings.Contains(rest, "331") || strings.Contains(rest, "220") {
					t.Errorf("it was answered %q", rest)
				}
				if line := sawCommand(s, "USER", "PASS", "GET"); line != "" {
					t.Fatalf("the backend saw %q", line)
				}
			})
		}
	}
}

// TestClaim02_FailedHandshake_of_a_backend: no password goes out in clear because TLS failed.
func TestClaim02_FailedHandshake_of_a_backend(t *testing.T) {
	spoils := map[string]struct {
		spoil func(*peerVisit)
		want  string
	}{
		"it_speaks_no_TLS_behind_234": {func(v *peerVisit) {
			v.reply("234 go ahead")
			_, _ = v.tcp.Read(make([]byte, 1)) // the handshake's first byte
			v.reply("200 what was that?")
		}, "does not speak TLS"},
		"it_hangs_up":     {func(v *peerVisit) { v.reply("234 go ahead"); _ = v.tcp.CloseWrite() }, "closed the connection during the TLS handshake"},
		"it_stays_silent": {func(v *peerVisit) { v.reply("234 go ahead"); _, _ = io.Copy(io.Discard, v.tcp) }, "TLS negotiation timed out (2 seconds)"},
	}
	for _, engine := range []string{"on", "auto"} {
		for name, tc := range spoils {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := startSecurePeer(t, peerScript{on: map[string]func(*peerVisit){"AUTH": tc.spoil}})
				g, addr := secureGateway(t, []string{p.url()}, "ProxyTLSEngine "+engine,
					"ProxyTLSCACertificateFile "+certificates(t).CA, "ProxyTLSTimeoutHandshake 2", "ProxyRetryCount 1")
				c := peers.Dial(t, addr)
				c.ExpectClosed(15 * time.Second)
				for _, line := range p.heard() {
					if strings.Contains(line, "USER") || strings.Contains(line, "PASS") {
						t.Errorf("it was told %q", line)
					}
				}
				oneLine(t, g, attemptFailed, "error enabling TLS", tc.want, p.listen.Addr().String())
			})
		}
	}
	t.Run("on/it_refuses_AUTH", func(t *testing.T) {
		p := startSecurePeer(t, peerScript{on: map[string]func(*peerVisit){"AUTH": func(v *peerVisit) { v.reply("502 no") }}})
		g, addr := secureGateway(t, []string{p.url()}, append(backLines(t, explicit), "ProxyRetryCount 1")...)
		peers.Dial(t, addr).ExpectClosed(15 * time.Second)
		oneLine(t, g, attemptFailed, "AUTH TLS refused: 502", p.listen.Addr().String())
	})
}

// TestClaim10_ALPN: a client that says it means another protocol is one that was led here (ALPACA).
func TestClaim10_ALPN(t *testing.T) {
	for _, front := range []leg{explicit, implicit} {
		_, _, addr := secretivePeer(t, front)
		for _, tc := range []struct {
			name   string
			offers []string
			want   string
			ok     bool
		}{
			{"another_protocol_is_refused", []string{"http/1.1"}, "", false},
			{"several_others_are_refused", []string{"h2", "http/1.1", "imap"}, "", false},
			{"ftp_is_agreed_on", []string{"ftp"}, "ftp", true},
			{"ftp_among_others_is_agreed_on", []string{"http/1.1", "ftp"}, "ftp", true},
			{"none_is_fine", nil, "", true},
		} {
			for _, version := range versions {
				t.Run(fmt.Sprintf("%s/%s/%s", front, version, tc.name), func(t *testing.T) {
					config := clientConfig(t, version)
					config.NextProtos = tc.offers
					c := peers.Dial(t, addr)
					if front == explicit {
						c.Greeting().Must(234, "AUTH TLS")
					}
					err := c.HandshakeErr(config)
					if (err == nil) != tc.ok {
						t.Fatalf("the handshake ended with %v", err)
					}
					if !tc.ok {
						untilEnd(t, c.Conn(), 10*time.Second)
						return
					}
					if state, _ := c.TLS(); state.NegotiatedProtocol != tc.want {
						t.Errorf("agreed on %q, want %q", state.NegotiatedProtocol, tc.want)
					}
					if front == implicit {
						c.Greeting()
					}
					c.Must(331, "USER bob")
				})
			}
		}
	}
}

// TestClaim10_HTTP_in_TLS is TestClaim10_HTTP for what a browser sends over https.
func TestClaim10_HTTP_in_TLS(t *testing.T) {
	for _, front := range []leg{explicit, implicit} {
		_, s, addr := secretivePeer(t, front)
		for _, request := range []string{"GET / HTTP/1.1", "POST /x HTTP/1.1", "HEAD / HTTP/1.0"} {
			t.Run(string(front)+"/"+request[:4], func(t *testing.T) {
				c := greet(t, addr, front, clientConfig(t, peers.TLS12And13))
				c.SendRaw(request + "\r\nHost: x\r\n\r\nUSER bob\r\nPASS x\r\nDELE victim\r\n")
				for {
					r, err := c.ReplyErr(5 * time.Second)
					if isTimeout(err) {
						t.Fatal("the connection still stands")
					}
					if err != nil {
						break
					}
					if r.Code < 400 {
						t.Fatalf("answered %q", r)
					}
				}
				if line := sawCommand(s, "USER", "PASS", "DELE", "GET", "POST", "HEAD"); line != "" {
					t.Errorf("the backend saw %q", line)
				}
			})
		}
	}
}

// attemptFailed begins the line about a backend that was not to be had; another one, without it, says
// when the last attempt has failed.
const attemptFailed = "error connecting to backend"

// oneLine fails unless exactly one line of the gateway's logs holds all words, and gives
// it.
func oneLine(t *testing.T, g *peers.Gateway, words ...string) string {
	t.Helper()
	var lines []string
	eventually(t, 5*time.Second, fmt.Sprintf("a line in the logs with %q", words), func() bool {
		lines = noted(g, words...)
		return len(lines) > 0
	})
	if len(lines) != 1 {
		t.Errorf("%d lines hold %q, want one:\n%s", len(lines), words, strings.Join(lines, ""))
	}
	return lines[0]
}
