package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// target is what a client talks to: a real server, or a gateway before it.
type target struct {
	// addr is where clients connect.
	addr string
	// server is the real server, whose home and logs tell what arrived.
	server *peers.Server
	// gateway is nil when addr is the server itself.
	gateway *peers.Gateway
}

// login opens a control connection and logs in with binary transfers.
func (tg target) login(t testing.TB) *peers.Control {
	t.Helper()
	return peers.Dial(t, tg.addr).Login(tg.server.User, tg.server.Password)
}

// url is the target as curl and lftp want it, with credentials.
func (tg target) url(path string) string {
	return fmt.Sprintf("ftp://%s:%s@%s/%s", tg.server.User, tg.server.Password, tg.addr, path)
}

// home names a file in the account's home directory on disk.
func (tg target) home(name string) string { return filepath.Join(tg.server.Home, name) }

// put places a file in the home directory, readable and writable by the server's user.
func (tg target) put(t testing.TB, name string, body []byte) {
	t.Helper()
	path := tg.home(name)
	if err := os.WriteFile(path, body, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
}

// onDisk reads a file of the home directory.
func (tg target) onDisk(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(tg.home(name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// everyTarget runs a case over each real server, direct and through a gateway. extra lines go
// to the gateway's configuration.
func everyTarget(t *testing.T, run func(*testing.T, target), extra ...string) {
	for _, kind := range peers.Kinds() {
		t.Run(string(kind)+"/direct", func(t *testing.T) {
			t.Parallel()
			server := peers.Start(t, kind, peers.Options{})
			run(t, target{addr: server.Addr(), server: server})
		})
		t.Run(string(kind)+"/gateway", func(t *testing.T) {
			t.Parallel()
			run(t, throughGateway(t, kind, extra...))
		})
	}
}

// everyGateway runs a case over each real server through a gateway only.
func everyGateway(t *testing.T, run func(*testing.T, target), extra ...string) {
	for _, kind := range peers.Kinds() {
		t.Run(string(kind)+"/gateway", func(t *testing.T) {
			t.Parallel()
			run(t, throughGateway(t, kind, extra...))
		})
	}
}

func throughGateway(t *testing.T, kind peers.Kind, extra ...string) target {
	t.Helper()
	peers.RequireGateway(t)
	server := peers.Start(t, kind, peers.Options{})
	g, addr := startGateway(t, []string{server.URL()}, extra...)
	return target{addr: addr, server: server, gateway: g}
}

// startGateway runs a reverse proxy before the given backends and returns it with its address.
func startGateway(t testing.TB, backends []string, extra ...string) (*peers.Gateway, string) {
	t.Helper()
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure(configuration(g, port, backends, extra...))
	addr := loopback(port)
	g.Start(addr)
	return g, addr
}

// configuration writes a reverse proxy's file: one server on 127.0.0.1. Lines of extra whose
// directive begins with Proxy go into the mod_proxy section, the others to the server.
func configuration(g *peers.Gateway, port int, backends []string, extra ...string) string {
	var server, proxy []string
	if !named("ProxyTLSEngine", extra) {
		proxy = append(proxy, "ProxyTLSEngine off")
	}
	for _, line := range extra {
		if strings.HasPrefix(line, "Proxy") {
			proxy = append(proxy, line)
		} else {
			server = append(server, line)
		}
	}
	if len(backends) > 0 {
		proxy = append(proxy, "ProxyReverseServers "+strings.Join(backends, " "))
	}
	return fmt.Sprintf(`ServerType standalone
DefaultAddress 127.0.0.1
Port %d
SocketBindTight on
SystemLog %[2]s/system.log
TransferLog %[2]s/xferlog
%[3]s
<IfModule mod_proxy.c>
ProxyEngine on
ProxyRole reverse
ProxyLog %[2]s/proxy.log
ProxyTables %[2]s/tables
%[4]s
</IfModule>
`, port, g.Dir, strings.Join(server, "\n"), strings.Join(proxy, "\n"))
}

func named(directive string, lines []string) bool {
	for _, line := range lines {
		if strings.HasPrefix(line, directive+" ") {
			return true
		}
	}
	return false
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func joinPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
