package e2e

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// A backend of another address than the gateway's usual one.
func TestProxySourceAddress(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"address":               {"127.0.0.77", "127.0.0.77"},
		"name":                  {"localhost", "127.0.0.1"},
		"device":                {"lo", "127.0.0.1"},
		"of_the_other_family":   {"::1", "127.0.0.1"},
		"an_address_of_no_host": {"192.0.2.77", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := make(chan string, 2)
			s := peers.StartScripted(t, peers.Script{On: handlers{"RETR": func(v *peers.Visit) {
				conn := v.Begin()
				if conn == nil {
					return
				}
				data <- addressOf(conn.RemoteAddr()).Addr().String()
				v.CloseData(conn)
				v.Reply("226 done\r\n")
			}, "PORT": func(v *peers.Visit) { data <- v.Arg; v.Reply("200 noted\r\n") }}})
			d := startWatcher(t, s.Addr())
			g, addr := startGateway(t, []string{"ftp://" + d.ln.Addr().String()}, "ProxySourceAddress "+c.source, "ProxyRetryCount 1")
			if c.want == "" {
				peers.Dial(t, addr).ExpectClosed(10 * time.Second)
				eventually(t, 10*time.Second, "the reason in the log", func() bool {
					return strings.Contains(g.File("proxy.log"), "cannot assign requested address")
				})
				return
			}
			client := peers.Dial(t, addr).Login("bob", "x")
			if got := <-d.from; got != c.want {
				t.Errorf("the backend is reached from %s, want %s", got, c.want)
			}
			client.Fetch(peers.EPSV, "RETR f")
			if got := <-data; got != c.want {
				t.Errorf("a data connection comes from %s, want %s", got, c.want)
			}
			client.Must(200, "PORT %s", peers.PortArgument(&net.TCPAddr{IP: client.Local().IP, Port: 40000}))
			if got := <-data; !strings.HasPrefix(got, strings.ReplaceAll(c.want, ".", ",")+",") {
				t.Errorf("the backend is told PORT %s, want %s", got, c.want)
			}
		})
	}
}
