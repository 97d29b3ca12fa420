package ftpsession

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
)

// announced decodes what a session would send.
func announced(t *testing.T, s *Session) proxyproto.Header {
	t.Helper()
	b, err := s.announcement()
	if err != nil {
		t.Fatal(err)
	}
	var d proxyproto.Decoder
	if used, err := d.Feed(b); err != nil || used != len(b) {
		t.Fatalf("%q: %d bytes used, %v", b, used, err)
	}
	h, ok := d.Header()
	if !ok {
		t.Fatalf("%q is no whole header", b)
	}
	return h
}

// told lists TLVs as people read them.
func told(t *testing.T, h proxyproto.Header) string {
	t.Helper()
	var all []string
	for _, v := range h.TLVs {
		text := string(v.Value)
		if v.Type == proxyproto.TypeSSL {
			ssl, err := proxyproto.ParseSSL(v.Value)
			if err != nil {
				t.Fatal(err)
			}
			text = fmt.Sprintf("%+v", ssl)
		}
		all = append(all, fmt.Sprintf("%02x %s", v.Type, text))
	}
	return strings.Join(all, " | ")
}

func TestAnnouncement(t *testing.T) {
	const none = "20 {Client:0 Verified:false Version: CommonName: Cipher: Signature: Key:}"
	tls := messages.TLSInfo{Version: "TLSv1.3", Cipher: "C", Name: "sni.example", Peer: messages.TLSPeer{Signature: "S", Key: "K"}}
	known := tls
	known.Peer.Known, known.Peer.CommonName = true, "bob"
	resumed := known
	resumed.Resumed = true
	long := known
	long.Peer.CommonName, long.Name = strings.Repeat("n", 256), strings.Repeat("n", 256)
	for name, c := range map[string]struct {
		info  messages.TLSInfo
		by    Introduction
		named string
		want  string
	}{
		"in_clear":    {messages.TLSInfo{}, Introduction{UniqueID: "id"}, "", "01 ftp | " + none + " | 05 id"},
		"HOST":        {messages.TLSInfo{}, Introduction{UniqueID: "id"}, "host.example", "01 ftp | 02 host.example | " + none + " | 05 id"},
		"TLS":         {tls, Introduction{UniqueID: "id"}, "", "01 ftps | 02 sni.example | 20 {Client:1 Verified:false Version:TLSv1.3 CommonName: Cipher:C Signature:S Key:K} | 05 id"},
		"HOST_in_TLS": {tls, Introduction{UniqueID: "id"}, "host.example", "01 ftps | 02 host.example | 20 {Client:1 Verified:false Version:TLSv1.3 CommonName: Cipher:C Signature:S Key:K} | 05 id"},
		"certificate": {known, Introduction{UniqueID: "id"}, "", "01 ftps | 02 sni.example | 20 {Client:3 Verified:true Version:TLSv1.3 CommonName:bob Cipher:C Signature:S Key:K} | 05 id"},
		"resumed":     {resumed, Introduction{UniqueID: "id"}, "", "01 ftps | 02 sni.example | 20 {Client:5 Verified:true Version:TLSv1.3 CommonName:bob Cipher:C Signature:S Key:K} | 05 id"},
		"long_names":  {long, Introduction{UniqueID: "id"}, "", "01 ftps | 20 {Client:3 Verified:true Version:TLSv1.3 CommonName: Cipher:C Signature:S Key:K} | 05 id"},
		"passed_on": {messages.TLSInfo{}, Introduction{UniqueID: "id", PassOn: []proxyproto.TLV{{Type: proxyproto.TypeAWS, Value: []byte("vpce")}}}, "",
			"01 ftp | " + none + " | 05 id | ea vpce"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Session{
				setup:  &Setup{Announce: proxyproto.V2, AnnounceMore: true, ProxyLog: zerolog.Nop()},
				client: netip.MustParseAddrPort("192.0.2.9:1111"), local: netip.MustParseAddrPort("192.0.2.1:21"),
				secrecy: secrecy{info: c.info}, named: c.named,
			}
			s.Introduce(c.by)
			h := announced(t, s)
			if got := told(t, h); got != c.want {
				t.Errorf("told %s\nwant %s", got, c.want)
			}
			if h.Source != s.client || h.Destination != s.local {
				t.Errorf("announced %v → %v", h.Source, h.Destination)
			}
		})
	}
}

func TestAnnouncement_addresses(t *testing.T) {
	for name, c := range map[string]struct {
		version       proxyproto.Version
		client, local string
		to            string // what the balancer said the client connected to
		want          string
	}{
		"none":             {0, "192.0.2.9:1", "192.0.2.1:21", "", ""},
		"IPv4":             {proxyproto.V1, "192.0.2.9:1", "192.0.2.1:21", "", "PROXY TCP4 192.0.2.9 192.0.2.1 1 21\r\n"},
		"IPv6":             {proxyproto.V1, "[2001:db8::9]:1", "[2001:db8::1]:21", "", "PROXY TCP6 2001:db8::9 2001:db8::1 1 21\r\n"},
		"a_balancers_word": {proxyproto.V1, "[2001:db8::9]:1", "10.0.0.1:21", "[2001:db8::1]:2121", "PROXY TCP6 2001:db8::9 2001:db8::1 1 2121\r\n"},
		"mixed":            {proxyproto.V1, "192.0.2.9:1", "10.0.0.1:21", "[2001:db8::1]:21", "PROXY TCP6 ::ffff:192.0.2.9 2001:db8::1 1 21\r\n"},
	} {
		s := &Session{setup: &Setup{Announce: c.version}, client: netip.MustParseAddrPort(c.client), local: netip.MustParseAddrPort(c.local)}
		if c.to != "" {
			s.Introduce(Introduction{Destination: netip.MustParseAddrPort(c.to)})
		}
		if b, err := s.announcement(); err != nil || string(b) != c.want {
			t.Errorf("%s: %q, %v, want %q", name, b, err, c.want)
		}
	}
}

// A session has one id, for all of its connections to backends.
func TestAnnouncement_unique_id(t *testing.T) {
	s := &Session{setup: &Setup{ProxyLog: zerolog.Nop()}}
	other := &Session{setup: s.setup}
	if id := s.uniqueID(); id == "" || len(id) > proxyproto.MaxUniqueID || id != s.uniqueID() || id == other.uniqueID() {
		t.Errorf("ids: %q, %q, %q", id, s.uniqueID(), other.uniqueID())
	}
}
