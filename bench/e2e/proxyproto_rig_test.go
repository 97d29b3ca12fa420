package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	peer "github.com/pires/go-proxyproto"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// doorman stands before a backend that knows no PROXY protocol: it takes the header off each control
// connection, keeps it, and passes the rest on.
type doorman struct {
	ln      *net.TCPListener
	headers chan *peer.Header
	from    chan string // who came, without a port
	lax     bool        // there are no headers
}

// startDoorman has a doorman before a backend.
func startDoorman(t testing.TB, address, backend string) *doorman {
	t.Helper()
	return postDoorman(t, address, backend, false)
}

// startWatcher has one who only looks who comes.
func startWatcher(t testing.TB, backend string) *doorman {
	t.Helper()
	return postDoorman(t, "127.0.0.1", backend, true)
}

func postDoorman(t testing.TB, address, backend string, lax bool) *doorman {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(address)})
	if err != nil {
		if address == "::1" {
			peers.GiveUp(t, fmt.Errorf("%w: an IPv6 loopback address (enable IPv6): %w", peers.ErrUnavailable, err))
		}
		t.Fatal(err)
	}
	d := &doorman{ln: ln, headers: make(chan *peer.Header, 64), from: make(chan string, 64), lax: lax}
	var work conc.WaitGroup
	t.Cleanup(func() { ln.Close(); work.Wait() })
	work.Go(func() {
		for {
			conn, err := ln.AcceptTCP()
			if err != nil {
				return
			}
			work.Go(func() { d.serve(conn, backend) })
		}
	})
	return d
}

func (d *doorman) serve(conn *net.TCPConn, backend string) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(conn)
	d.from <- addressOf(conn.RemoteAddr()).Addr().String()
	if !d.lax {
		h, err := peer.Read(in)
		if err != nil {
			return // the test misses it
		}
		d.headers <- h
	}
	to, err := net.DialTimeout("tcp", backend, 10*time.Second)
	if err != nil {
		return
	}
	defer to.Close()
	var back conc.WaitGroup
	back.Go(func() { _, _ = io.Copy(conn, to); _ = conn.CloseWrite() })
	_, _ = io.Copy(to, in)
	_ = to.Close()
	back.Wait()
}

func (d *doorman) url() string { return "ftp://" + d.ln.Addr().String() }

// next is the header of the next control connection.
func (d *doorman) next(t testing.TB) *peer.Header {
	t.Helper()
	select {
	case h := <-d.headers:
		return h
	case <-time.After(10 * time.Second):
		t.Fatal("no PROXY header came")
		return nil
	}
}

func addressOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
}

// wantPair compares a header with both ends of the client's connection.
func wantPair(t testing.TB, h *peer.Header, version byte, from, to net.Addr) {
	t.Helper()
	if h.Version != version || h.Command != peer.PROXY || addressOf(h.SourceAddr) != addressOf(from) || addressOf(h.DestinationAddr) != addressOf(to) {
		t.Errorf("the backend read version %d, %v → %v, want version %d, %v → %v", h.Version, h.SourceAddr, h.DestinationAddr, version, from, to)
	}
}

// gatewayOn is startGateway on one address.
func gatewayOn(t testing.TB, address string, backends []string, extra ...string) (*peers.Gateway, string) {
	t.Helper()
	peers.RequireGateway(t)
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure(strings.Replace(configuration(g, port, backends, extra...), "DefaultAddress 127.0.0.1", "DefaultAddress "+address, 1))
	addr := joinPort(address, port)
	g.Start(addr)
	return g, addr
}

// passwordFile holds a password for ProxyReverseHealthPolicy.
func passwordFile(t testing.TB, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
