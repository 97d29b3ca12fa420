//go:build unix

package target

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-gateway/sluice/bench/backend"
)

// haproxyConfig relays two ports on one thread, in the kernel where HAProxy can.
const haproxyConfig = `global
    nbthread 1
    maxconn 4096

defaults
    mode tcp
    option splice-auto
    option splice-request
    option splice-response
    timeout connect 10s
    timeout client 10m
    timeout server 10m

listen control
    bind %v
    server backend %v

listen raw
    bind %v
    server backend %v
`

// openHAProxy starts HAProxy for the control port and the raw port. It knows nothing of FTP's data
// connections, so its throughput is that of raw streams.
func openHAProxy(ctx context.Context, spec Spec, to backend.Addresses, dir string) (*Gateway, error) {
	control, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "haproxy.cfg")
	config := fmt.Sprintf(haproxyConfig, control, to.Control, raw, to.Raw)
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	p, err := start(ctx, spec, dir, "-db", "-f", path)
	if err != nil {
		return nil, err
	}
	return &Gateway{Control: control, Raw: raw, PID: p.cmd.Process.Pid, process: p}, nil
}
