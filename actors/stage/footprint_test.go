package stage

import (
	"crypto/tls"
	"runtime"
	"testing"
)

// What a session holds in TLS while it is silent has to stay small: thousands of
// them wait at a time.
func TestIdleFootprint(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory counts: measured without it by `task test`")
	}
	const sessions, most = 100, 14 << 10 // bytes for each connection
	ca := newCA(t, "root")
	cert := ca.make(t, ecKey(t), hosts("ftp.example"))
	s := server(t, ServerConfig{})
	c := newClient(t, ClientConfig{Authorities: Authorities{CAFile: file(t, certPEM(ca))}})
	for name, version := range versions {
		for side, open := range map[string]func() any{
			"towards_clients": func() any {
				far, near := tcpPair(t)
				g := s.Guest(nil)
				var conn *Conn
				var cerr, serr error
				both(func() { cerr = tls.Client(far, client(version, &wallet{})).Handshake() },
					func() { conn, _, serr = g.Control(within(t), near) })
				if cerr != nil || serr != nil {
					t.Fatal(cerr, serr)
				}
				far.Close()
				return []any{g, conn}
			},
			"towards_backends": func() any {
				far, near := tcpPair(t)
				v := c.Visit(link(t, "ftp://ftp.example"))
				config := &tls.Config{Certificates: []tls.Certificate{cert.sends()}, MinVersion: version, MaxVersion: version}
				var conn *Conn
				var cerr, serr error
				both(func() {
					peer := tls.Server(far, config)
					if serr = peer.Handshake(); serr == nil {
						_, serr = peer.Write([]byte("."))
					}
				}, func() {
					if conn, _, cerr = v.Control(within(t), near); cerr == nil {
						_, cerr = conn.Read(make([]byte, 1))
					}
				})
				if cerr != nil || serr != nil {
					t.Fatal(cerr, serr)
				}
				far.Close()
				return []any{v, conn}
			},
		} {
			t.Run(name+"/"+side, func(t *testing.T) {
				var held []any
				measure := func(n int) uint64 {
					for range n {
						held = append(held, open())
					}
					var m runtime.MemStats
					runtime.GC()
					runtime.GC()
					runtime.ReadMemStats(&m)
					return m.HeapAlloc
				}
				before := measure(10) // what is made once is there by now
				each := (measure(sessions) - before) / sessions
				t.Logf("%d bytes for each connection", each)
				if each > most {
					t.Errorf("%d bytes for each connection, want %d at most", each, most)
				}
				runtime.KeepAlive(held)
			})
		}
	}
}
