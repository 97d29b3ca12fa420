package stage

import (
	"context"
	"testing"
)

// BenchmarkHandshake is what TLS costs at a login, both ends together: full, of a
// session that was kept, and on a data connection.
func BenchmarkHandshake(b *testing.B) {
	ca := newCA(b, "root")
	cert := ca.make(b, ecKey(b), hosts("ftp.example"))
	s := server(b, ServerConfig{KeyPairs: []KeyPair{pair(b, cert)}, NoSessionReuseRequired: true})
	url := link(b, "ftp://ftp.example")
	for name, version := range versions {
		config := ClientConfig{Authorities: Authorities{CAFile: file(b, certPEM(ca))}, MinVersion: version, MaxVersion: version}
		kept := config
		kept.Sessions = newDrawer()
		once := func(b *testing.B, g *Guest, v *Visit, data bool) bool {
			far, near := tcpPair(b)
			defer far.Close()
			defer near.Close()
			var conn *Conn
			var gerr, verr error
			both(func() {
				if data {
					_, gerr = g.Data(context.Background(), far)
				} else {
					_, _, gerr = g.Control(context.Background(), far)
				}
			}, func() {
				if data {
					conn, verr = v.Data(context.Background(), near)
				} else {
					conn, _, verr = v.Control(context.Background(), near)
				}
			})
			if gerr != nil || verr != nil {
				b.Fatal(gerr, verr)
			}
			_, _ = conn.TryRead(make([]byte, 1)) // for the tickets
			return conn.State().DidResume
		}
		for claim, c := range map[string]*Client{"full": newClient(b, config), "resumed": newClient(b, kept)} {
			b.Run(name+"/"+claim, func(b *testing.B) {
				once(b, s.Guest(nil), c.Visit(url), false)
				b.ReportAllocs()
				for b.Loop() {
					if once(b, s.Guest(nil), c.Visit(url), false) != (claim == "resumed") {
						b.Fatal("not", claim)
					}
				}
			})
		}
		b.Run(name+"/data", func(b *testing.B) {
			g, v := s.Guest(nil), newClient(b, config).Visit(url)
			once(b, g, v, false)
			b.ReportAllocs()
			for b.Loop() {
				if !once(b, g, v, true) {
					b.Fatal("not resumed")
				}
			}
		})
	}
}
