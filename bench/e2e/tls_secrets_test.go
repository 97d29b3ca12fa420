package e2e

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestClaim27_CanaryPassword_in_TLS: neither passwords nor keys of sessions are logged, however much of
// the handshakes is.
func TestClaim27_CanaryPassword_in_TLS(t *testing.T) {
	const canary = "c4n4ry-in-the-tls-mine"
	p := startSecurePeer(t, peerScript{files: map[string][]byte{"f": noise(1000)}})
	lines := append(frontLines(t, explicit, "EnableDiags", "StdEnvVars"), backLines(t, explicit)...)
	g, addr := secureGateway(t, []string{p.url()}, append(lines, "ProxyTLSOptions EnableDiags", "DebugLevel 10")...)
	for _, version := range versions {
		c := greet(t, addr, explicit, clientConfig(t, version))
		c.Must(331, "USER bob")
		c.Must(230, "PASS %s", canary)
		c.Protect("P")
		c.Fetch(peers.EPSV, "RETR f")
		c.Must(221, "QUIT")
	}
	g.Signal(syscall.SIGTERM)
	g.Wait(10 * time.Second)
	all := g.Output()
	for _, name := range []string{"system.log", "proxy.log", "tls.log", "xferlog"} {
		all += g.File(name)
	}
	for _, secret := range []string{canary, "CLIENT_RANDOM", "TRAFFIC_SECRET", "PRIVATE KEY"} {
		if strings.Contains(all, secret) {
			t.Errorf("the logs hold %q", secret)
		}
	}
	if !strings.Contains(all, "TLS handshake done") {
		t.Error("EnableDiags says nothing of handshakes")
	}
}

// TestKeptSessions: TLS sessions with backends outlive the gateway, unless they are not to be kept.
func TestKeptSessions(t *testing.T) {
	for _, version := range versions {
		for options, kept := range map[string]bool{"": true, "NoSessionCache": false, "NoSessionTickets": false} {
			t.Run(fmt.Sprintf("%s/%s", version, options), func(t *testing.T) {
				t.Parallel()
				var extra []string
				if options != "" {
					extra = append(extra, "ProxyTLSOptions "+options)
				}
				peers.RequireGateway(t)
				// ProFTPD forgets sessions without tickets with the process that they were made in.
				server := startPeer(t, peers.ProFTPD, explicit, peers.TLS{Versions: version, Tickets: version == peers.TLS12})
				g, addr := secureGateway(t, []string{server.URL()}, bothLines(t, plain, explicit, extra...)...)
				tg := target{addr: addr, server: server, gateway: g}
				again(t, tg, tg.enter(t, plain, nil))
				tg.gateway.Restart()
				before := len(tg.server.Log())
				c := tg.enter(t, plain, nil)
				again(t, tg, c)
				c.Must(221, "QUIT")
				resumed := strings.Contains(tg.server.Log()[before:], "reused previous TLS session for control connection")
				if resumed != kept {
					t.Errorf("resumed after a restart: %v, want %v", resumed, kept)
				}
			})
		}
	}
}

// TestTLSTimeoutHandshake: a client that asks for TLS and then says nothing is not waited for.
func TestTLSTimeoutHandshake(t *testing.T) {
	for _, front := range []leg{explicit, implicit} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			_, _, addr := secretivePeer(t, front, "TLSTimeoutHandshake 1")
			c := peers.Dial(t, addr)
			if front == explicit {
				c.Greeting().Must(234, "AUTH TLS")
			}
			untilEnd(t, c.Conn(), 10*time.Second)
			began := time.Now()
			// The gateway serves on, and lets those in who are not silent.
			greet(t, addr, front, clientConfig(t, peers.TLS13)).Login("bob", "x")
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the next client waited %v", took)
			}
		})
	}
}

// TestClaim21_LostBackend_in_mid_upload_in_TLS: an upload that its backend did not live to store is not
// confirmed.
func TestClaim21_LostBackend_in_mid_upload_in_TLS(t *testing.T) {
	for _, kind := range peers.Kinds() {
		for _, way := range crossings {
			if kind == peers.PureFTPd && way.back == implicit {
				continue // it has none
			}
			t.Run(fmt.Sprintf("%s/%s_to_%s", kind, way.front, way.back), func(t *testing.T) {
				t.Parallel()
				tg := secureTarget(t, kind, way.front, way.back, peers.TLS13)
				c := tg.enter(t, way.front, clientConfig(t, peers.TLS13))
				d := c.Begin(peers.EPSV, "STOR broken")
				if _, err := d.Stream().Write(noise(1 << 20)); err != nil {
					t.Fatal(err)
				}
				if err := tg.server.KillSessions(); err != nil {
					t.Fatal(err)
				}
				_, _ = d.Stream().Write(noise(1 << 20)) // whoever does not take it says so in its reply
				_, _ = io.WriteString(d.Stream(), "end")
				d.Finish()
				neverConfirmed(t, c)
			})
		}
	}
}
