package proxyproto

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAppend(t *testing.T) {
	ssl := SSL{Client: ClientTLS | ClientCertConn, Verified: true, Version: "TLSv1.3", CommonName: "bob", Cipher: "c", Signature: "s", Key: "k"}
	cases := map[string]struct {
		h    Header
		want string
	}{
		"v1/IPv4": {Header{Version: V1, Source: addr("192.0.2.1:56324"), Destination: addr("198.51.100.2:21")},
			"PROXY TCP4 192.0.2.1 198.51.100.2 56324 21\r\n"},
		"v1/IPv6": {Header{Version: V1, Source: addr("[2001:db8::1]:1"), Destination: addr("[2001:db8::2]:21")},
			"PROXY TCP6 2001:db8::1 2001:db8::2 1 21\r\n"},
		"v1/IPv4_to_IPv6": {Header{Version: V1, Source: addr("192.0.2.1:1"), Destination: addr("[2001:db8::2]:21")},
			"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 21\r\n"},
		"v1/IPv6_to_IPv4": {Header{Version: V1, Source: addr("[2001:db8::1]:1"), Destination: addr("192.0.2.2:21")},
			"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 1 21\r\n"},
		"v1/both_mapped": {Header{Version: V1, Source: addr("[::ffff:192.0.2.1]:1"), Destination: addr("192.0.2.2:21")},
			"PROXY TCP4 192.0.2.1 192.0.2.2 1 21\r\n"},
		"v1/no_zone": {Header{Version: V1, Source: addr("[fe80::1%eth0]:1"), Destination: addr("[fe80::2%eth0]:21")},
			"PROXY TCP6 fe80::1 fe80::2 1 21\r\n"},
		"v1/UNKNOWN":                {Header{Version: V1}, "PROXY UNKNOWN\r\n"},
		"v1/half_known":             {Header{Version: V1, Source: addr("192.0.2.1:1")}, "PROXY UNKNOWN\r\n"},
		"v1/LOCAL":                  {Header{Version: V1, Local: true}, "PROXY UNKNOWN\r\n"},
		"v2/LOCAL":                  {Header{Version: V2, Local: true}, raw(t, sig+"20 00 0000")},
		"v2/LOCAL_has_no_addresses": {Header{Version: V2, Local: true, Source: addr("192.0.2.1:1"), Destination: addr("192.0.2.1:2")}, raw(t, sig+"20 00 0000")},
		"v2/UNSPEC":                 {Header{Version: V2}, raw(t, sig+"21 00 0000")},
		"v2/IPv4": {Header{Version: V2, Source: addr("192.0.2.1:56324"), Destination: addr("198.51.100.2:21")},
			raw(t, sig+"21 11 000c c0000201 c6336402 dc04 0015")},
		"v2/IPv4_to_IPv6": {Header{Version: V2, Source: addr("192.0.2.1:1"), Destination: addr("[2001:db8::2]:21")},
			raw(t, sig+"21 21 0024 00000000000000000000ffffc0000201 20010db8000000000000000000000002 0001 0015")},
		"v2/TLVs": {Header{Version: V2, Source: addr("192.0.2.1:1"), Destination: addr("192.0.2.2:2"), TLVs: []TLV{{TypeALPN, []byte("ftps")}, ssl.TLV()}},
			raw(t, sig+"21 11 0037 c0000201 c0000202 0001 0002 | 01 0004 66747073 |"+
				"20 0021 03 00000000 | 21 0007 544c5376312e33 | 22 0003 626f62 | 23 0001 63 | 24 0001 73 | 25 0001 6b")},
		"v2/no_TLS": {Header{Version: V2, Source: addr("192.0.2.1:1"), Destination: addr("192.0.2.2:2"), TLVs: []TLV{SSL{}.TLV()}},
			raw(t, sig+"21 11 0014 c0000201 c0000202 0001 0002 | 20 0005 00 00000001")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := c.h.Append([]byte("before"))
			if err != nil || string(got) != "before"+c.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, c.want)
			}
		})
	}
}

func TestAppendChecked(t *testing.T) {
	h := Header{Version: V2, Local: true}
	got, err := h.AppendChecked(nil)
	if want := raw(t, sig+"20 00 0007 03 0004"); err != nil || string(got[:len(want)]) != want || len(got) != len(want)+4 {
		t.Fatalf("got %x, %v", got, err)
	}
	if _, err := (Header{Version: V1}).AppendChecked(nil); err == nil {
		t.Error("a line has no checksum")
	}
}

func TestAppend_refuses(t *testing.T) {
	base := Header{Version: V2, Source: addr("192.0.2.1:1"), Destination: addr("192.0.2.2:2")}
	for name, tlvs := range map[string][]TLV{
		"a_long_unique_id": {{TypeUniqueID, make([]byte, MaxUniqueID+1)}},
		"a_long_TLV":       {{TypeAuthority, make([]byte, MaxBytes)}},
		"TLVs_of_64_KiB":   {{TypeAuthority, make([]byte, 1<<16)}},
		"many_TLVs":        {{TypeALPN, make([]byte, 2048)}, {TypeALPN, make([]byte, 2048)}},
	} {
		h := base
		h.TLVs = tlvs
		if b, err := h.Append(nil); err == nil {
			t.Errorf("%s: %d bytes", name, len(b))
		}
	}
	if _, err := (Header{}).Append(nil); err == nil {
		t.Error("a header without a version was encoded")
	}
	fits := base
	fits.TLVs = []TLV{{TypeAuthority, make([]byte, MaxBytes-fixedBytes-12-tlvHead)}}
	if b, err := fits.Append(nil); err != nil || len(b) != MaxBytes {
		t.Errorf("the longest header: %d bytes, %v", len(b), err)
	}
	if _, err := fits.AppendChecked(nil); err == nil {
		t.Error("a checksum made the longest header longer")
	}
}

func TestSSL(t *testing.T) {
	for name, s := range map[string]SSL{
		"none":        {},
		"TLS":         {Client: ClientTLS, Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES128-GCM-SHA256"},
		"certificate": {Client: ClientTLS | ClientCertConn, Verified: true, Version: "TLSv1.3", CommonName: "Łukasz", Cipher: "TLS_AES_128_GCM_SHA256", Signature: "sha256WithRSAEncryption", Key: "rsaEncryption"},
	} {
		if got, err := ParseSSL(s.TLV().Value); err != nil || got != s {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, s)
		}
	}
}

func TestPassedOn(t *testing.T) {
	h := Header{TLVs: []TLV{{TypeALPN, []byte("ftp")}, {TypeAWS, []byte("a")}, {0xE3, nil}, {TypeAzure, []byte("b")}}}
	var got []string
	for _, tlv := range h.PassedOn() {
		got = append(got, string(tlv.Value))
	}
	if strings.Join(got, " ") != "a b" {
		t.Errorf("passed on: %q", got)
	}
	if v, ok := h.Find(TypeALPN); !ok || string(v) != "ftp" {
		t.Errorf("ALPN is %q", v)
	}
	if _, ok := h.Find(TypeUniqueID); ok {
		t.Error("there is no unique id")
	}
}

func drawAddr(t *rapid.T, label string) netip.AddrPort {
	port := rapid.Uint16().Draw(t, label+" port")
	if rapid.Bool().Draw(t, label+" is IPv4") {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, label))), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))).Unmap(), port)
}

func drawHeader(t *rapid.T) Header {
	h := Header{Version: Version(rapid.IntRange(1, 2).Draw(t, "version"))}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		h.Local = h.Version == V2
		return h
	case 1:
		return h
	}
	h.Source, h.Destination = drawAddr(t, "source"), drawAddr(t, "destination")
	if h.Version == V1 {
		return h
	}
	for range rapid.IntRange(0, 5).Draw(t, "TLVs") {
		kind := rapid.SampledFrom([]byte{TypeALPN, TypeAuthority, TypeUniqueID, TypeAWS, TypeAzure, 0x30, 0xE0, 0xFF}).Draw(t, "type")
		h.TLVs = append(h.TLVs, TLV{kind, rapid.SliceOfN(rapid.Byte(), 0, MaxUniqueID).Draw(t, "value")})
	}
	return h
}

// What is encoded is decoded the same, whole and in pieces, and the bytes behind
// it are left alone.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHeader(t)
		b, err := h.Append(nil)
		if h.Version == V2 && rapid.Bool().Draw(t, "checked") {
			b, err = h.AppendChecked(nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		behind := string(rapid.SliceOf(rapid.Byte()).Draw(t, "behind"))
		got, ok, used, err := decode(string(b)+behind, rapid.IntRange(0, 40).Draw(t, "pieces"))
		if err != nil || !ok || used != len(b) || !same(got, h) {
			t.Fatalf("%x came back as %+v, %v after %d bytes, %v; want %+v", b, got, ok, used, err, h)
		}
	})
}

func FuzzDecoder(f *testing.F) {
	for _, c := range good(f) {
		f.Add(c.in)
	}
	f.Add("USER bob\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		h, ok, used, err := decode(in, 0)
		h1, ok1, used1, err1 := decode(in, 1)
		if ok != ok1 || (err == nil) != (err1 == nil) || ok && used != used1 || !same(h, h1) {
			t.Fatalf("%q: at once %+v, %v, %d, %v; byte by byte %+v, %v, %d, %v", in, h, ok, used, err, h1, ok1, used1, err1)
		}
		if used > MaxBytes {
			t.Fatalf("%d bytes used", used)
		}
		if !ok {
			return
		}
		b, err := h.Append(nil)
		if err != nil {
			t.Fatalf("%+v cannot be encoded: %v", h, err)
		}
		again, ok, _, err := decode(string(b), 0)
		if err != nil || !ok || !same(again, h) {
			t.Fatalf("%+v came back as %+v, %v", h, again, err)
		}
	})
}
