package e2e

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	peer "github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// This file is about the PROXY headers that backends get, as they are read by programs that are not
// ours: go-proxyproto and HAProxy.

func TestProxyHeader(t *testing.T) {
	for _, version := range []byte{1, 2} {
		for _, family := range [][2]string{{"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"::1", "127.0.0.1"}, {"127.0.0.1", "::1"}} {
			t.Run(fmt.Sprintf("v%d/client_%s_backend_%s", version, family[0], family[1]), func(t *testing.T) {
				t.Parallel()
				s := peers.StartScripted(t, peers.Script{Address: family[1], Files: map[string][]byte{"f": noise(100_000)}})
				d := startDoorman(t, family[1], s.Addr())
				_, addr := gatewayOn(t, family[0], []string{d.url()}, fmt.Sprintf("ProxyOptions UseProxyProtocolV%d", version))
				c := peers.Dial(t, addr).Login("bob", "x")
				h := d.next(t)
				wantPair(t, h, version, c.Local(), c.Remote())
				if tlvs, err := h.TLVs(); err != nil || len(tlvs) > 0 {
					t.Errorf("TLVs: %v, %v", tlvs, err)
				}
				// Data connections have none: the backend would take it for data.
				sameBytes(t, "the download", c.Fetch(peers.EPSV, "RETR f"), noise(100_000))
				c.Store(peers.EPSV, noise(50_000), "STOR g")
				if body, _ := s.File("g"); len(body) != 50_000 {
					t.Errorf("the upload has %d bytes", len(body))
				}
			})
		}
	}
}

// V1 goes before V2, and TLVs alone ask for nothing.
func TestProxyHeader_options(t *testing.T) {
	for options, version := range map[string]byte{
		"UseProxyProtocol":                          1,
		"UseProxyProtocolV2 UseProxyProtocolV1":     1,
		"UseProxyProtocolV1 UseProxyProtocolV2TLVs": 1,
	} {
		t.Run(strings.ReplaceAll(options, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s := peers.StartScripted(t, peers.Script{})
			d := startDoorman(t, "127.0.0.1", s.Addr())
			_, addr := startGateway(t, []string{d.url()}, "ProxyOptions "+options)
			c := peers.Dial(t, addr).Login("bob", "x")
			wantPair(t, d.next(t), version, c.Local(), c.Remote())
		})
	}
	t.Run("UseProxyProtocolV2TLVs", func(t *testing.T) {
		t.Parallel()
		c, _ := oddBackend(t, peers.Script{}, "ProxyOptions UseProxyProtocolV2TLVs")
		c.Must(257, "PWD") // a backend without the protocol would not have understood a header
	})
}

func TestProxyHeader_TLVs(t *testing.T) {
	find := func(t *testing.T, h *peer.Header, kind peer.PP2Type) string {
		t.Helper()
		tlvs, err := h.TLVs()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range tlvs {
			if v.Type == kind {
				return string(v.Value)
			}
		}
		return ""
	}
	ssl := func(t *testing.T, h *peer.Header) tlvparse.PP2SSL {
		t.Helper()
		tlvs, err := h.TLVs()
		if err != nil {
			t.Fatal(err)
		}
		v, ok := tlvparse.FindSSL(tlvs)
		if !ok {
			t.Fatalf("no SSL in %v", tlvs)
		}
		return v
	}
	t.Run("in_clear", func(t *testing.T) {
		t.Parallel()
		s := peers.StartScripted(t, peers.Script{})
		d := startDoorman(t, "127.0.0.1", s.Addr())
		g, addr := startGateway(t, []string{d.url()}, "ProxyOptions UseProxyProtocolV2 UseProxyProtocolV2TLVs")
		c := peers.Dial(t, addr).Login("bob", "x")
		h := d.next(t)
		wantPair(t, h, 2, c.Local(), c.Remote())
		if v := ssl(t, h); v.Client != 0 || v.Verify == 0 {
			t.Errorf("SSL is %+v", v)
		}
		if alpn := find(t, h, peer.PP2_TYPE_ALPN); alpn != "ftp" {
			t.Errorf("ALPN is %q", alpn)
		}
		id := find(t, h, peer.PP2_TYPE_UNIQUE_ID)
		if id == "" || len(id) > 128 || !strings.Contains(g.File("proxy.log"), id) {
			t.Errorf("the unique id is %q, and is not in the log", id)
		}
	})
	t.Run("in_implicit_TLS_with_a_certificate", func(t *testing.T) {
		t.Parallel()
		s := peers.StartScripted(t, peers.Script{})
		d := startDoorman(t, "127.0.0.1", s.Addr())
		k := certificates(t)
		lines := append(frontLines(t, implicit), "ProxyTLSEngine off", "TLSVerifyClient on", "TLSCACertificateFile "+k.CA,
			"ProxyOptions UseProxyProtocolV2 UseProxyProtocolV2TLVs")
		_, addr := secureGateway(t, []string{d.url()}, lines...)
		config := clientConfig(t, peers.TLS13)
		pair, err := tls.LoadX509KeyPair(k.Client.Cert, k.Client.Key)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
		c := peers.DialImplicit(t, addr, config).Greeting().Login("bob", "x")
		h := d.next(t)
		wantPair(t, h, 2, c.Local(), c.Remote())
		v := ssl(t, h)
		if !v.ClientSSL() || !v.ClientCertConn() || !v.Verified() {
			t.Errorf("SSL is %+v", v)
		}
		if version, ok := v.SSLVersion(); !ok || version != "TLSv1.3" {
			t.Errorf("the version is %q", version)
		}
		if cn, ok := v.ClientCN(); !ok || cn == "" {
			t.Errorf("the common name is %q", cn)
		}
		if alpn := find(t, h, peer.PP2_TYPE_ALPN); alpn != "ftps" {
			t.Errorf("ALPN is %q", alpn)
		}
		if name := find(t, h, peer.PP2_TYPE_AUTHORITY); name != config.ServerName {
			t.Errorf("the authority is %q, want %q", name, config.ServerName)
		}
	})
	t.Run("after_HOST", func(t *testing.T) {
		t.Parallel()
		s := peers.StartScripted(t, peers.Script{})
		d := startDoorman(t, "127.0.0.1", s.Addr())
		_, addr := startGateway(t, []string{d.url()}, "ServerAlias files.example", "ProxyReverseConnectPolicy PerUser",
			"ProxyOptions UseProxyProtocolV2 UseProxyProtocolV2TLVs")
		c := peers.Dial(t, addr)
		c.Expect(220)
		c.Must(220, "HOST files.example")
		c.Must(331, "USER bob")
		if name := find(t, d.next(t), peer.PP2_TYPE_AUTHORITY); name != "files.example" {
			t.Errorf("the authority is %q", name)
		}
	})
}

// HAProxy as a backend's own balancer: it reads the header (accept-proxy), and what it understood is in
// the one that it sends on.
func TestProxyHeader_as_HAProxy_reads_it(t *testing.T) {
	for _, version := range []int{1, 2} {
		for _, client := range []string{"127.0.0.1", "::1"} {
			t.Run(fmt.Sprintf("v%d/client_%s", version, client), func(t *testing.T) {
				t.Parallel()
				s := peers.StartScripted(t, peers.Script{})
				d := startDoorman(t, "127.0.0.1", s.Addr())
				at := loopback(freePort(t))
				peers.StartHAProxy(t, fmt.Sprintf("listen ftp\n    bind %s accept-proxy\n    server s %s send-proxy-v2\n", at, d.ln.Addr()), at)
				_, addr := gatewayOn(t, client, []string{"ftp://" + at}, fmt.Sprintf("ProxyOptions UseProxyProtocolV%d UseProxyProtocolV2TLVs", version))
				c := peers.Dial(t, addr).Login("bob", "x")
				wantPair(t, d.next(t), 2, c.Local(), c.Remote())
			})
		}
	}
}

// A real server behind HAProxy that demands the header: a whole session, with transfers.
func TestProxyHeader_before_real_servers(t *testing.T) {
	for _, kind := range peers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := peers.Start(t, kind, peers.Options{})
			at := loopback(freePort(t))
			peers.StartHAProxy(t, fmt.Sprintf("listen ftp\n    bind %s accept-proxy\n    server s %s\n", at, server.Addr()), at)
			for i, options := range []string{"UseProxyProtocolV1", "UseProxyProtocolV2", "UseProxyProtocolV2 UseProxyProtocolV2TLVs"} {
				g, addr := startGateway(t, []string{"ftp://" + at}, "ProxyOptions "+options,
					"ProxyReverseHealthPolicy ActiveChecks login user "+server.User+" password-file "+passwordFile(t, server.Password))
				tg := target{addr: addr, server: server, gateway: g}
				c := tg.login(t)
				body := noise(200_000 + i)
				name := fmt.Sprintf("f%d", i)
				c.Store(peers.EPSV, body, "STOR %s", name)
				sameBytes(t, "the download", c.Fetch(peers.PASV, "RETR %s", name), body)
				sameBytes(t, "the file", tg.onDisk(t, name), body)
				c.Must(221, "QUIT")
				if down := noted(g, "down"); len(down) > 0 {
					t.Errorf("its checks hold it for down:\n%s", strings.Join(down, ""))
				}
			}
		})
	}
}
