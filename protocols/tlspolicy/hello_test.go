package tlspolicy

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// helloBytes builds a ServerHello in records of at most size bytes.
func helloBytes(size int, id []byte, extensions ...byte) []byte {
	body := append([]byte{3, 3}, make([]byte, 32)...)
	body = append(append(body, byte(len(id))), id...)
	body = append(body, 0xc0, 0x2f, 0)
	if extensions != nil {
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(extensions))), extensions...)
	}
	msg := append([]byte{2, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	var out []byte
	for fragment := range slices.Chunk(msg, size) {
		out = append(binary.BigEndian.AppendUint16(append(out, 22, 3, 3), uint16(len(fragment))), fragment...)
	}
	return out
}

var sessionID = bytes.Repeat([]byte{7}, 32)

func TestHello(t *testing.T) {
	extended := []byte{0, 23, 0, 0, 0xff, 1, 0, 1, 0}
	cases := map[string]struct {
		raw  []byte
		want ServerHello
	}{
		"with_an_id":              {helloBytes(4096, sessionID), ServerHello{0x0303, 0xc02f, sessionID, false}},
		"without_an_id":           {helloBytes(4096, nil, extended...), ServerHello{0x0303, 0xc02f, nil, true}},
		"extended_master_secret":  {helloBytes(4096, sessionID, extended...), ServerHello{0x0303, 0xc02f, sessionID, true}},
		"no_extension_at_all":     {helloBytes(4096, sessionID, []byte{}...), ServerHello{0x0303, 0xc02f, sessionID, false}},
		"cut_into_single_bytes":   {helloBytes(1, sessionID, extended...), ServerHello{0x0303, 0xc02f, sessionID, true}},
		"supported_version_rules": {helloBytes(4096, sessionID, 0, 43, 0, 2, 3, 4), ServerHello{0x0304, 0xc02f, sessionID, false}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, step := range []int{1, 3, len(c.raw), len(c.raw) + 9} {
				var p HelloParser
				for piece := range slices.Chunk(append(slices.Clone(c.raw), "the rest"...), step) {
					if p.Feed(piece) {
						break
					}
				}
				got, ok := p.Hello()
				if !ok || got.Version != c.want.Version || got.Suite != c.want.Suite || got.ExtendedMaster != c.want.ExtendedMaster || !bytes.Equal(got.SessionID, c.want.SessionID) {
					t.Errorf("in steps of %d: %+v, %v", step, got, p.Err())
				}
			}
			for n := range len(c.raw) {
				var p HelloParser
				if p.Feed(c.raw[:n]) || p.Err() != nil {
					t.Fatalf("%d of %d bytes are enough: %v", n, len(c.raw), p.Err())
				}
			}
		})
	}
}

func TestHelloMistakes(t *testing.T) {
	good := helloBytes(4096, sessionID, 0, 23, 0, 0)
	changed := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	cases := map[string]struct {
		raw  []byte
		gist string
	}{
		"an_alert":                 {[]byte{21, 3, 3, 0, 2, 2, 40}, "record of type 21"},
		"ftp_in_clear":             {[]byte("220 ready\r\n"), "record of type 50"},
		"no_tls_record":            {[]byte{22, 9, 9, 0, 2}, "no TLS record"},
		"an_empty_record":          {[]byte{22, 3, 3, 0, 0}, "record of 0 bytes"},
		"a_record_too_large":       {[]byte{22, 3, 3, 0xff, 0xff}, "record of 65535 bytes"},
		"another_message":          {changed(5, 11), "first message has type 11"},
		"a_message_too_large":      {changed(6, 1), "more than 8192"},
		"id_too_long":              {changed(43, 33), "malformed"},
		"extensions_too_long":      {changed(80, 9), "malformed"},
		"extensions_too_short":     {changed(80, 0), "malformed"},
		"an_extension_cut_off":     {changed(84, 9), "malformed"},
		"version_without_a_number": {helloBytes(4096, sessionID, 0, 43, 0, 1, 3), "malformed"},
		"too_short":                {[]byte{22, 3, 3, 0, 5, 2, 0, 0, 1, 3}, "malformed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var p HelloParser
			if !p.Feed(c.raw) || p.Err() == nil || !strings.Contains(p.Err().Error(), c.gist) {
				t.Errorf("%v, want %q", p.Err(), c.gist)
			}
			if _, ok := p.Hello(); ok || !p.Feed([]byte("more")) {
				t.Error("it goes on after a mistake")
			}
		})
	}
}

func FuzzHello(f *testing.F) {
	f.Add(helloBytes(4096, sessionID, 0, 23, 0, 0), uint8(3))
	f.Add(helloBytes(5, nil), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, step uint8) {
		var whole, pieces HelloParser
		whole.Feed(raw)
		for piece := range slices.Chunk(raw, int(step)+1) {
			if pieces.Feed(piece) {
				break
			}
			if len(pieces.msg) > maxHello+handshakeHeader+int(step)+1 {
				t.Fatalf("%d bytes are kept", len(pieces.msg))
			}
		}
		a, okA := whole.Hello()
		b, okB := pieces.Hello()
		if okA != okB || a.Suite != b.Suite || !bytes.Equal(a.SessionID, b.SessionID) || (whole.Err() == nil) != (pieces.Err() == nil) {
			t.Fatalf("whole: %+v %v, in pieces: %+v %v", a, whole.Err(), b, pieces.Err())
		}
		if okA && len(a.SessionID) > maxSessionID {
			t.Fatal("the ID is too long")
		}
	})
}
