package proxyproto

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func addr(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}

// raw spells bytes as "0d 0a | 00", where bars and blanks are for people.
func raw(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const sig = "0d0a0d0a 000d0a51 5549540a | "

// good headers, each with what they say.
func good(t testing.TB) map[string]struct {
	in   string
	want Header
} {
	v4 := Header{Version: V2, Source: addr("192.0.2.1:56324"), Destination: addr("198.51.100.2:21")}
	with := func(tlvs ...TLV) Header { h := v4; h.TLVs = tlvs; return h }
	const addresses = "c0000201 c6336402 dc04 0015"
	return map[string]struct {
		in   string
		want Header
	}{
		"v1/the_specification's_example": {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
			Header{Version: V1, Source: addr("192.168.0.1:56324"), Destination: addr("192.168.0.11:443")}},
		"v1/shortest_TCP4": {"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n",
			Header{Version: V1, Source: addr("0.0.0.0:0"), Destination: addr("0.0.0.0:0")}},
		"v1/longest_TCP4": {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
			Header{Version: V1, Source: addr("255.255.255.255:65535"), Destination: addr("255.255.255.255:65535")}},
		"v1/shortest_TCP6": {"PROXY TCP6 :: :: 0 0\r\n",
			Header{Version: V1, Source: addr("[::]:0"), Destination: addr("[::]:0")}},
		"v1/longest_TCP6": {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF 65535 65535\r\n",
			Header{Version: V1, Source: addr("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"), Destination: addr("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")}},
		"v1/mapped_is_IPv4": {"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n",
			Header{Version: V1, Source: addr("192.0.2.1:1"), Destination: addr("[2001:db8::1]:2")}},
		"v1/UNKNOWN":           {"PROXY UNKNOWN\r\n", Header{Version: V1}},
		"v1/UNKNOWN_and_a_bit": {"PROXY UNKNOWN x\r\n", Header{Version: V1}},
		"v1/UNKNOWN_and_the_longest": {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
			Header{Version: V1}},
		"v2/IPv4": {raw(t, sig+"21 11 000c"+addresses), v4},
		"v2/IPv6": {raw(t, sig+"21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 0001 ffff"),
			Header{Version: V2, Source: addr("[2001:db8::1]:1"), Destination: addr("[2001:db8::2]:65535")}},
		"v2/mapped_is_IPv4": {raw(t, sig+"21 21 0024 00000000000000000000ffffc0000201 20010db8000000000000000000000002 0001 ffff"),
			Header{Version: V2, Source: addr("192.0.2.1:1"), Destination: addr("[2001:db8::2]:65535")}},
		"v2/LOCAL":                   {raw(t, sig+"20 00 0000"), Header{Version: V2, Local: true}},
		"v2/LOCAL_with_addresses":    {raw(t, sig+"20 11 000c"+addresses), Header{Version: V2, Local: true}},
		"v2/LOCAL_with_junk":         {raw(t, sig+"20 11 0003 ffffff"), Header{Version: V2, Local: true}},
		"v2/UNSPEC":                  {raw(t, sig+"21 00 0000"), Header{Version: V2}},
		"v2/UNSPEC_with_junk":        {raw(t, sig+"21 00 0002 0101"), Header{Version: V2}},
		"v2/datagrams_are_unknown":   {raw(t, sig+"21 12 000c"+addresses), Header{Version: V2}},
		"v2/UNIX_is_unknown":         {raw(t, sig+"21 31 00d8"+strings.Repeat("61", 216)), Header{Version: V2}},
		"v2/unspecified_transport":   {raw(t, sig+"21 10 000c"+addresses), Header{Version: V2}},
		"v2/TLVs":                    {raw(t, sig+"21 11 001b"+addresses+"01 0003 667470 | 02 0001 68 | ea 0002 0178"), with(TLV{1, []byte("ftp")}, TLV{2, []byte("h")}, TLV{0xEA, []byte("\x01x")})},
		"v2/an_empty_TLV":            {raw(t, sig+"21 11 000f"+addresses+"02 0000"), with(TLV{2, nil})},
		"v2/NOOP_is_passed_over":     {raw(t, sig+"21 11 0014"+addresses+"04 0002 ffff | 04 0000"), v4},
		"v2/unknown_types_are_kept":  {raw(t, sig+"21 11 0010"+addresses+"e3 0001 07"), with(TLV{0xE3, []byte{7}})},
		"v2/a_unique_id_of_128":      {raw(t, sig+"21 11 008f"+addresses+"05 0080"+strings.Repeat("41", 128)), with(TLV{5, []byte(strings.Repeat("A", 128))})},
		"v2/SSL":                     {raw(t, sig+"21 11 001d"+addresses+"20 000e 01 00000001 | 21 0006 544c53763132"), with(TLV{0x20, []byte(raw(t, "0100000001 210006 544c53763132"))})},
		"v2/a_checksum_that_fits":    {checked(t, v4), v4},
		"v2/a_checksum_behind_a_TLV": {checked(t, with(TLV{2, []byte("h")})), with(TLV{2, []byte("h")})},
	}
}

func checked(t testing.TB, h Header) string {
	t.Helper()
	b, err := h.AppendChecked(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// decode feeds bytes in pieces of a size; 0: all at once.
func decode(in string, size int) (h Header, ok bool, used int, err error) {
	var d Decoder
	for used < len(in) {
		piece := in[used:]
		if size > 0 {
			piece = piece[:min(size, len(piece))]
		}
		n, err := d.Feed([]byte(piece))
		used += n
		if err != nil {
			return Header{}, false, used, err
		}
		if n < len(piece) {
			break
		}
	}
	h, ok = d.Header()
	return h, ok, used, nil
}

func TestDecoder(t *testing.T) {
	for name, c := range good(t) {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 1, 2, 7} {
				h, ok, used, err := decode(c.in+"USER bob\r\n", size)
				if err != nil || !ok || used != len(c.in) {
					t.Fatalf("in pieces of %d: %v, complete %v, %d bytes of %d", size, err, ok, used, len(c.in))
				}
				if !same(h, c.want) {
					t.Errorf("in pieces of %d: got %+v, want %+v", size, h, c.want)
				}
			}
			for i := range c.in {
				if _, ok, used, err := decode(c.in[:i], 0); ok || err != nil || used != i {
					t.Fatalf("%q: complete %v, %d bytes used, %v; want a request for more", c.in[:i], ok, used, err)
				}
			}
		})
	}
}

// A reader that takes what Need says, and no more, ends exactly behind the header.
func TestDecoder_need_never_goes_beyond_the_header(t *testing.T) {
	for name, c := range good(t) {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			at, reads := 0, 0
			for n := d.Need(); n > 0; n = d.Need() {
				if at+n > len(c.in) {
					t.Fatalf("at %d it wants %d bytes more, but the header has %d", at, n, len(c.in))
				}
				if used, err := d.Feed([]byte(c.in[at : at+n])); used != n || err != nil {
					t.Fatalf("%d bytes of %d used: %v", used, n, err)
				}
				at += n
				reads++
			}
			if at != len(c.in) {
				t.Errorf("it stopped at %d of %d", at, len(c.in))
			}
			if !strings.Contains(c.in, "UNKNOWN") && reads > 20 {
				t.Errorf("%d reads for %d bytes", reads, len(c.in))
			}
		})
	}
}

func TestDecoder_refuses(t *testing.T) {
	const addresses = "c0000201 c6336402 dc04 0015"
	cases := map[string]struct {
		in   string
		none bool // not even the beginning of a header
	}{
		"a_command":                  {"USER bob\r\n", true},
		"TLS":                        {"\x16\x03\x01\x02\x00\x01", true},
		"SSH":                        {"SSH-2.0-OpenSSH_9.9\r\n", true},
		"an_empty_line":              {"\r\nUSER bob\r\n", true},
		"lower_case":                 {"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", true},
		"no_blank":                   {"PROXYTCP4 1.2.3.4 1.2.3.4 1 2\r\n", true},
		"a_tab":                      {"PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n", true},
		"signature_that_goes_wrong":  {raw(t, "0d0a0d0a 000d0a51 5549550a 21110000"), true},
		"v1/two_blanks":              {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", false},
		"v1/blank_at_the_end":        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", false},
		"v1/protocol":                {"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", false},
		"v1/UNKNOWNS":                {"PROXY UNKNOWNS\r\n", false},
		"v1/nothing":                 {"PROXY \r\n.........", false},
		"v1/bare_LF":                 {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", false},
		"v1/bare_LF_of_UNKNOWN":      {"PROXY UNKNOWN\nx\r\n", false},
		"v1/bare_CR":                 {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rUSER", false},
		"v1/CR_CR_LF":                {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", false},
		"v1/108_bytes":               {"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", false},
		"v1/no_end":                  {"PROXY UNKNOWN " + strings.Repeat("x", 4096), false},
		"v1/leading_zero":            {"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", false},
		"v1/octet_of_256":            {"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", false},
		"v1/three_octets":            {"PROXY TCP4 1.2.3 1.2.3.4 11 22\r\n", false},
		"v1/IPv6_in_TCP4":            {"PROXY TCP4 ::1 1.2.3.4 1 2\r\n", false},
		"v1/IPv4_in_TCP6":            {"PROXY TCP6 1.2.3.4 ::1 1 2\r\n", false},
		"v1/zone":                    {"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", false},
		"v1/brackets":                {"PROXY TCP6 [::1] ::1 1 2\r\n", false},
		"v1/a_name":                  {"PROXY TCP4 localhost 1.2.3.4 1 2\r\n", false},
		"v1/port_of_65536":           {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", false},
		"v1/port_with_zero":          {"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", false},
		"v1/port_with_sign":          {"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", false},
		"v1/no_port":                 {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", false},
		"v2/version_1":               {raw(t, sig+"11 11 000c"+addresses), false},
		"v2/version_3":               {raw(t, sig+"31 11 000c"+addresses), false},
		"v2/command_2":               {raw(t, sig+"22 11 000c"+addresses), false},
		"v2/family_4":                {raw(t, sig+"21 41 000c"+addresses), false},
		"v2/transport_3":             {raw(t, sig+"21 13 000c"+addresses), false},
		"v2/short_for_IPv4":          {raw(t, sig+"21 11 000b c0000201 c6336402 dc04 00"), false},
		"v2/short_for_IPv6":          {raw(t, sig+"21 21 000c"+addresses), false},
		"v2/short_for_UNIX":          {raw(t, sig+"21 31 000c"+addresses), false},
		"v2/too_long":                {raw(t, sig+"21 11 0ff1"), false},
		"v2/far_too_long":            {raw(t, sig+"21 11 ffff"), false},
		"v2/half_a_TLV":              {raw(t, sig+"21 11 000e"+addresses+"02 00"), false},
		"v2/a_TLV_beyond_the_end":    {raw(t, sig+"21 11 0010"+addresses+"02 0002 68"), false},
		"v2/a_unique_id_of_129":      {raw(t, sig+"21 11 0090"+addresses+"05 0081"+strings.Repeat("41", 129)), false},
		"v2/SSL_of_4_bytes":          {raw(t, sig+"21 11 0013"+addresses+"20 0004 01000000"), false},
		"v2/SSL_with_half_a_TLV":     {raw(t, sig+"21 11 0016"+addresses+"20 0007 0100000000 2100"), false},
		"v2/a_wrong_checksum":        {raw(t, sig+"21 11 0013"+addresses+"03 0004 01020304"), false},
		"v2/a_checksum_of_3_bytes":   {raw(t, sig+"21 11 0012"+addresses+"03 0003 010203"), false},
		"v2/a_second_checksum":       {raw(t, sig+"21 11 001a"+addresses+"03 0004 00000000 03 0004 00000000"), false},
		"v2/a_bit_flip_in_the_ports": {flipped(checked(t, Header{Version: V2, Source: addr("192.0.2.1:1"), Destination: addr("192.0.2.2:2")}), 27), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 1, 5} {
				h, ok, _, err := decode(c.in, size)
				var bad *Error
				if ok || !errors.As(err, &bad) && !errors.Is(err, ErrNoHeader) {
					t.Fatalf("in pieces of %d: taken for %+v, %v", size, h, err)
				}
				if errors.Is(err, ErrNoHeader) != c.none {
					t.Errorf("in pieces of %d: refused by %v", size, err)
				}
			}
		})
	}
}

func flipped(s string, at int) string {
	b := []byte(s)
	b[at] ^= 1
	return string(b)
}

// The length is judged before any of what it announces is taken in.
func TestDecoder_is_bounded(t *testing.T) {
	var d Decoder
	if _, err := d.Feed([]byte(raw(t, sig+"21 11 0ff0"))); err != nil || d.Need() != MaxBytes-fixedBytes {
		t.Fatalf("the longest header: %v, %d bytes needed", err, d.Need())
	}
	rest := make([]byte, d.Need())
	copy(rest, raw(t, "c0000201 c6336402 dc04 0015 04 0fe1"))
	if _, err := d.Feed(rest); err != nil {
		t.Fatal(err)
	}
	if h, ok := d.Header(); !ok || h.Source != addr("192.0.2.1:56324") || d.Need() != 0 {
		t.Fatalf("got %+v, %v", h, ok)
	}
	if n, err := d.Feed([]byte("more")); n != 0 || err != nil {
		t.Errorf("behind the end %d bytes were used: %v", n, err)
	}
}

func TestDecoder_error_stays(t *testing.T) {
	var d Decoder
	_, first := d.Feed([]byte("USER"))
	n, second := d.Feed([]byte("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"))
	if first == nil || n != 0 || second != first || d.Need() != 0 {
		t.Errorf("%v, then %d bytes and %v", first, n, second)
	}
}

func same(a, b Header) bool {
	if len(a.TLVs) != len(b.TLVs) {
		return false
	}
	for i := range a.TLVs {
		if a.TLVs[i].Type != b.TLVs[i].Type || string(a.TLVs[i].Value) != string(b.TLVs[i].Value) {
			return false
		}
	}
	a.TLVs, b.TLVs = nil, nil
	return reflect.DeepEqual(a, b)
}
