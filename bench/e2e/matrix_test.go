package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

var addresses = []string{"127.0.0.1", "::1"}

// policies are the values of ProxyDataTransferPolicy.
var policies = []string{"client", "active", "passive", "PASV", "EPSV", "PORT", "EPRT"}

// refusal is the reference's reply to what cannot be done over the client's address family;
// "" where it can.
func refusal(mode peers.Mode, address string) string {
	if address != "::1" {
		return ""
	}
	switch mode {
	case peers.PASV:
		return "501 PASV: Operation not permitted"
	case peers.PORT:
		return "500 Illegal PORT command"
	}
	return ""
}

// crossing runs LIST, RETR and STOR with one way of opening data connections.
func crossing(t *testing.T, tg target, mode peers.Mode, name string) {
	t.Helper()
	c := tg.login(t)
	if list := string(c.Fetch(mode, "LIST")); !strings.Contains(list, "matrix\r\n") {
		t.Errorf("LIST shows %q", list)
	}
	body := noise(100_000)
	sameBytes(t, "RETR", c.Fetch(mode, "RETR matrix"), body)
	c.Store(mode, body[:50_000], "STOR %s", name)
	sameBytes(t, "STOR", tg.onDisk(t, name), body[:50_000])
	c.Must(221, "QUIT")
}

func TestDataConnections_direct(t *testing.T) {
	for _, kind := range peers.Kinds() {
		for _, address := range addresses {
			server := peers.Start(t, kind, peers.Options{Address: address})
			tg := target{addr: server.Addr(), server: server}
			tg.put(t, "matrix", noise(100_000))
			for _, mode := range peers.Modes() {
				if refusal(mode, address) != "" {
					continue // servers differ in what they say
				}
				t.Run(fmt.Sprintf("%s/%s/%s", kind, address, mode), func(t *testing.T) {
					crossing(t, tg, mode, "up")
				})
			}
		}
	}
}

// TestDataConnections crosses everything: how the client asks, over which family, under which
// policy, to a backend of which family. One gateway serves it all, one virtual server for each
// policy, backend family and client family.
func TestDataConnections(t *testing.T) {
	for _, kind := range peers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			backends := map[string]target{}
			for _, address := range addresses {
				server := peers.Start(t, kind, peers.Options{Address: address})
				backends[address] = target{server: server}
				backends[address].put(t, "matrix", noise(100_000))
			}
			fronts := startMatrix(t, backends)
			for i, front := range fronts {
				for _, mode := range peers.Modes() {
					t.Run(front.name+"/"+string(mode), func(t *testing.T) {
						tg := backends[front.backend]
						tg.addr = front.addr
						if want := refusal(mode, front.client); want != "" {
							if d, r := tg.login(t).DataReply(mode); d != nil || r.String() != want {
								t.Fatalf("got %q, want %q", r, want)
							}
							return
						}
						crossing(t, tg, mode, fmt.Sprintf("up-%d-%s", i, mode))
					})
				}
			}
		})
	}
}

// front is one virtual server of the matrix.
type front struct{ name, addr, client, backend string }

func startMatrix(t *testing.T, backends map[string]target) []front {
	t.Helper()
	g := peers.NewGateway(t)
	var config strings.Builder
	config.WriteString(configuration(g, freePort(t), []string{backends["127.0.0.1"].server.URL()}))
	var fronts []front
	var listeners []string
	for _, client := range addresses {
		for _, backend := range addresses {
			for _, policy := range policies {
				port := freePort(t)
				fmt.Fprintf(&config, "<VirtualHost %s>\nPort %d\nProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\n"+
					"ProxyLog %s/proxy.log\nProxyReverseServers %s\nProxyDataTransferPolicy %s\n</VirtualHost>\n",
					client, port, g.Dir, backends[backend].server.URL(), policy)
				f := front{client: client, backend: backend,
					name: fmt.Sprintf("client_%s/backend_%s/policy_%s", client, backend, policy)}
				f.addr = joinPort(client, port)
				fronts = append(fronts, f)
				listeners = append(listeners, f.addr)
			}
		}
	}
	g.Configure(config.String())
	g.Start(listeners...)
	return fronts
}
