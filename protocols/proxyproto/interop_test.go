package proxyproto_test

import (
	"bufio"
	"bytes"
	"net"
	"net/netip"
	"testing"

	peer "github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"github.com/sluice-gateway/sluice/protocols/proxyproto"
)

var pairs = map[string][2]string{
	"IPv4":         {"192.0.2.1:56324", "198.51.100.2:21"},
	"IPv6":         {"[2001:db8::1]:56324", "[2001:db8::2]:21"},
	"IPv4_to_IPv6": {"192.0.2.1:56324", "[2001:db8::2]:21"},
	"IPv6_to_IPv4": {"[2001:db8::1]:56324", "198.51.100.2:21"},
}

func unmapped(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(t.AddrPort().Addr().Unmap(), t.AddrPort().Port())
}

// What is written here is read by another implementation.
func TestPeerReads(t *testing.T) {
	ssl := proxyproto.SSL{Client: proxyproto.ClientTLS | proxyproto.ClientCertConn, Verified: true, Version: "TLSv1.3", CommonName: "bob", Cipher: "TLS_AES_128_GCM_SHA256"}
	tlvs := []proxyproto.TLV{
		{Type: proxyproto.TypeALPN, Value: []byte("ftps")}, {Type: proxyproto.TypeAuthority, Value: []byte("ftp.example.com")},
		ssl.TLV(), {Type: proxyproto.TypeUniqueID, Value: []byte("id")},
	}
	for name, pair := range pairs {
		for _, version := range []proxyproto.Version{proxyproto.V1, proxyproto.V2} {
			h := proxyproto.Header{Version: version, Source: netip.MustParseAddrPort(pair[0]), Destination: netip.MustParseAddrPort(pair[1])}
			if version == proxyproto.V2 {
				h.TLVs = tlvs
			}
			b, err := h.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(bytes.NewReader(append(b, "USER"...)))
			got, err := peer.Read(in)
			if err != nil {
				t.Fatalf("%s of version %d: %q: %v", name, version, b, err)
			}
			if unmapped(got.SourceAddr) != h.Source || unmapped(got.DestinationAddr) != h.Destination {
				t.Errorf("%s of version %d: the peer read %v → %v", name, version, got.SourceAddr, got.DestinationAddr)
			}
			if rest, _ := in.Peek(4); string(rest) != "USER" {
				t.Errorf("%s of version %d: %q is behind the header", name, version, rest)
			}
			if version == proxyproto.V2 {
				peerReadsTLVs(t, got, tlvs)
			}
		}
	}
}

func peerReadsTLVs(t *testing.T, h *peer.Header, want []proxyproto.TLV) {
	t.Helper()
	got, err := h.TLVs()
	if err != nil || len(got) != len(want) {
		t.Fatalf("the peer read %d TLVs of %d: %v", len(got), len(want), err)
	}
	for i := range want {
		if byte(got[i].Type) != want[i].Type || !bytes.Equal(got[i].Value, want[i].Value) {
			t.Errorf("the peer read TLV %x %q, want %x %q", got[i].Type, got[i].Value, want[i].Type, want[i].Value)
		}
	}
	ssl, found := tlvparse.FindSSL(got)
	if !found || !ssl.ClientSSL() || !ssl.ClientCertConn() || !ssl.Verified() {
		t.Fatalf("the peer read SSL %+v", ssl)
	}
	if cn, ok := ssl.ClientCN(); !ok || cn != "bob" {
		t.Errorf("the peer read the common name %q", cn)
	}
	if v, ok := ssl.SSLVersion(); !ok || v != "TLSv1.3" {
		t.Errorf("the peer read the version %q", v)
	}
}

// What another implementation writes is read here.
func TestPeerWrites(t *testing.T) {
	for name, pair := range pairs {
		for _, version := range []byte{1, 2} {
			from, to := netip.MustParseAddrPort(pair[0]), netip.MustParseAddrPort(pair[1])
			if from.Addr().Is4() != to.Addr().Is4() {
				continue // the peer refuses to write those
			}
			h := peer.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(to))
			if version == 2 {
				if err := h.SetTLVs([]peer.TLV{{Type: peer.PP2_TYPE_AUTHORITY, Value: []byte("h")}, {Type: peer.PP2_TYPE_NOOP, Value: []byte("xyz")}}); err != nil {
					t.Fatal(err)
				}
			}
			b, err := h.Format()
			if err != nil {
				t.Fatalf("%s of version %d: %v", name, version, err)
			}
			var d proxyproto.Decoder
			used, err := d.Feed(append(b, "USER"...))
			got, ok := d.Header()
			if err != nil || !ok || used != len(b) || got.Source != from || got.Destination != to || byte(got.Version) != version {
				t.Errorf("%s of version %d: %q was read as %+v, %v", name, version, b, got, err)
			}
			if name, ok := got.Find(proxyproto.TypeAuthority); version == 2 && (!ok || string(name) != "h" || len(got.TLVs) != 1) {
				t.Errorf("TLVs were read as %+v", got.TLVs)
			}
		}
	}
}

func TestPeerWritesLOCAL(t *testing.T) {
	b, err := (&peer.Header{Version: 2, Command: peer.LOCAL, TransportProtocol: peer.UNSPEC}).Format()
	if err != nil {
		t.Fatal(err)
	}
	var d proxyproto.Decoder
	if _, err := d.Feed(b); err != nil {
		t.Fatal(err)
	}
	if h, ok := d.Header(); !ok || !h.Local || h.Known() {
		t.Errorf("read as %+v, %v", h, ok)
	}
}
