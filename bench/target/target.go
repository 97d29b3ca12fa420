//go:build unix

// Package target starts what is measured: the gateway, its peers, and nothing at all ("direct") as the
// yardstick, each before the same backend and with the configuration that makes it comparable.
package target

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sluice-gateway/sluice/bench/backend"
)

// The targets, by the names the report uses.
const (
	Direct   = "direct"
	Sluice   = "sluice"
	ModProxy = "mod_proxy"
	HAProxy  = "haproxy"
)

// Names lists the targets in the order they are measured and reported in.
func Names() []string { return []string{Direct, Sluice, ModProxy, HAProxy} }

// Spec says where a target's program is; it travels to the process that starts it.
type Spec struct {
	Name    string   `json:"name"`
	Program string   `json:"program,omitempty"`
	Env     []string `json:"env,omitempty"`     // to add to the environment
	Modules string   `json:"modules,omitempty"` // ProFTPD's ModulePath
	Missing string   `json:"missing,omitempty"` // why it cannot be measured, and what to do; empty if it can
}

// Gateway is a running target.
type Gateway struct {
	Control   netip.AddrPort // speaks FTP, or relays to what does
	Raw       netip.AddrPort // relays raw streams; not valid if the target cannot
	RelaysFTP bool           // carries FTP's data connections
	PID       int            // root of its process tree; 0 for direct
	process   *process
}

// Open starts the target before the backend, with its files in dir, and waits until it greets.
func Open(ctx context.Context, spec Spec, to backend.Addresses, dir string) (*Gateway, error) {
	if spec.Missing != "" {
		return nil, fmt.Errorf("start %s: %s", spec.Name, spec.Missing)
	}
	var g *Gateway
	var err error
	switch spec.Name {
	case Direct:
		return &Gateway{Control: to.Control, Raw: to.Raw, RelaysFTP: true}, nil
	case Sluice, ModProxy:
		g, err = openFTPGateway(ctx, spec, to, dir)
	case HAProxy:
		g, err = openHAProxy(ctx, spec, to, dir)
	default:
		return nil, fmt.Errorf("start %s: no such target", spec.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	if err := g.process.greets(ctx, g.Control); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", spec.Name, err), g.Close())
	}
	return g, nil
}

// Close stops the target and everything it started.
func (g *Gateway) Close() error {
	if g.process == nil {
		return nil
	}
	return g.process.stop()
}
