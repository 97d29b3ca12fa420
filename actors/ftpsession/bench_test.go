package ftpsession

import (
	"io"
	"testing"
)

// BenchmarkCommand is the round trip of PWD through a session, with client and
// backend in this process; "direct" is the same without a session in between,
// whose share is to be taken off.
func BenchmarkCommand(b *testing.B) {
	s := serve(b, map[string]func(*visit, string){"PWD": func(v *visit, _ string) { _, _ = v.conn.Write(reply) }})
	b.Run("relayed", func(b *testing.B) {
		r := newRig(b, picking(s.addr())).start()
		login(r)
		roundTrips(b, r.client, r.in)
	})
	b.Run("direct", func(b *testing.B) {
		c := dialFrom(b, "127.0.0.1", int(s.addr().Port()))
		defer c.Close()
		if _, err := io.ReadFull(c, make([]byte, len("220 scripted\r\n"))); err != nil {
			b.Fatal(err)
		}
		roundTrips(b, c, c)
	})
}

var (
	question = []byte("PWD\r\n")
	reply    = []byte("257 \"/\" is here\r\n")
)

func roundTrips(b *testing.B, to io.Writer, from io.Reader) {
	b.Helper()
	buf := make([]byte, len(reply))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := to.Write(question); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(from, buf); err != nil {
			b.Fatal(err)
		}
	}
}
