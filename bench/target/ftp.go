//go:build unix

package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/seal"
)

// openFTPGateway starts a gateway that reads ProFTPD's configuration language: Sluice or ProFTPD with
// mod_proxy, with the same directives.
func openFTPGateway(ctx context.Context, spec Spec, in Setting) (*Gateway, error) {
	at, err := in.At, error(nil)
	if !at.IsValid() {
		if at, err = FreePort(ctx); err != nil {
			return nil, err
		}
	}
	// ProFTPD leaves root's rights behind and must still reach its tables.
	if err := os.Chmod(in.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := writeBackends(in); err != nil {
		return nil, err
	}
	path := filepath.Join(in.Dir, "gateway.conf")
	if err := os.WriteFile(path, []byte(ftpConfig(spec, at, in)), 0o644); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	args := []string{"serve", "-c", path}
	if spec.Name == ModProxy {
		args = []string{"--nodaemon", "--quiet", "--config", path}
	}
	p, err := start(ctx, spec, in.Dir, args...)
	if err != nil {
		return nil, err
	}
	g := &Gateway{Control: at, RelaysFTP: true, PID: p.cmd.Process.Pid, process: p}
	if in.Legs.Client {
		if g.TLS, err = seal.ClientConfig(in.Papers.Gateway.Cert); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

// ftpConfig is the configuration both gateways run with; only ProFTPD needs its modules named.
func ftpConfig(spec Spec, at netip.AddrPort, in Setting) string {
	dir := in.Dir
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if spec.Name == ModProxy {
		line("ModulePath %s", spec.Modules)
		for _, module := range []string{"mod_tls", "mod_sftp", "mod_proxy"} { // in this order, or mod_proxy does not load
			line("LoadModule %s.c", module)
		}
		line("ScoreboardFile %s", filepath.Join(dir, "scoreboard"))
		line("PidFile %s", filepath.Join(dir, "pid"))
		line("DelayEngine off") // a table of login times, which would slow its logins down
		line("WtmpLog off")
		if in.Legs.Client {
			// Its own first choice is AES-256; this is what crypto/tls chooses.
			line("TLSCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256")
		}
		if os.Geteuid() == 0 {
			line("User nobody")
			line("Group nogroup")
		}
	}
	line("ServerName bench")
	line("ServerType standalone")
	line("DefaultAddress %v", at.Addr())
	line("Port %d", at.Port())
	line("SocketBindTight on")
	line("UseIPv6 off")
	line("UseReverseDNS off")
	line("MaxInstances none")
	line("SystemLog %s", filepath.Join(dir, "system.log"))
	line("TransferLog none")
	if in.Legs.Client {
		line("<IfModule mod_tls.c>")
		line("TLSEngine on")
		line("TLSProtocol TLSv1.3")
		line("TLSRSACertificateFile %s", in.Papers.Gateway.Cert)
		line("TLSRSACertificateKeyFile %s", in.Papers.Gateway.Key)
		// Nobody shows a certificate here, but without this line ProFTPD reads at each login whatever
		// SSL_CERT_FILE names, which triples the cost of one where that is all of the web's authorities.
		line("TLSCACertificateFile %s", in.Papers.CA)
		line("</IfModule>")
	}
	line("<IfModule mod_proxy.c>")
	line("ProxyEngine on")
	line("ProxyRole reverse")
	line("ProxyTables %s", filepath.Join(dir, Tables))
	line("ProxyLog none")
	backendConfig(line, in)
	line("</IfModule>")
	return b.String()
}

// backendConfig says where the backends are and how one is chosen.
func backendConfig(line func(format string, args ...any), in Setting) {
	if in.Legs.Backend {
		line("ProxyReverseServers ftp://%v", in.Backend.Secure)
		line("ProxyTLSEngine on")
		line("ProxyTLSCACertificateFile %s", in.Papers.CA)
		return
	}
	line("ProxyTLSEngine off")
	if !in.Choice.Any() {
		line("ProxyReverseServers ftp://%v", in.Backend.Control)
		return
	}
	line("ProxyReverseServers file:%s", filepath.Join(in.Dir, backendList))
	line("ProxyReverseConnectPolicy %s", in.Choice.Policy)
	if in.Choice.Store == choice.Redis {
		line("RedisEngine on")
		line("RedisServer %s", in.Redis)
		line("ProxyDatastore Redis bench.")
	}
}

// Tables is the folder of a gateway's state, in the Dir of its Setting.
const Tables = "tables"

// backendList is the file of backends, beside the configuration. It spares ProFTPD a line that would be
// longer than it can read.
const backendList = "backends.json"

// writeBackends writes the list that there is to choose from.
func writeBackends(in Setting) error {
	if !in.Choice.Any() {
		return nil
	}
	var urls []string
	for _, at := range in.Backend.Controls() {
		urls = append(urls, "ftp://"+at.String())
	}
	b, err := json.Marshal(urls)
	if err == nil {
		err = os.WriteFile(filepath.Join(in.Dir, backendList), b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the list of backends: %w", err)
	}
	return nil
}

// FreePort asks the kernel for a port that nobody uses now.
func FreePort(ctx context.Context) (netip.AddrPort, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find a free port: %w", err)
	}
	at, err := netip.ParseAddrPort(l.Addr().String())
	return at, errors.Join(err, l.Close())
}
