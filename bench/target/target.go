//go:build unix

// Package target starts what is measured: the gateway, its peers, and nothing at all ("direct") as the
// yardstick, each before the same backend and with the configuration that makes it comparable.
package target

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sluice-gateway/sluice/bench/backend"
	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/seal"
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

// Legs says on which sides of a target TLS is spoken.
type Legs struct{ Client, Backend bool }

// Setting is what a target stands in.
type Setting struct {
	Backend backend.Addresses
	Legs    Legs
	Choice  choice.Choice // how a backend is chosen; the zero value where there is one
	Redis   string        // host:port of the store that Choice may name
	Papers  seal.Papers   // certificates; needed with any leg
	Dir     string        // for the target's files

	// At is where a gateway is to listen; not valid: at a port that is free. A gateway may keep its state
	// by its address.
	At netip.AddrPort
}

// Gateway is a running target.
type Gateway struct {
	TLS       *tls.Config    // of its clients; nil if they speak in clear
	Control   netip.AddrPort // speaks FTP, or relays to what does
	Raw       netip.AddrPort // relays raw streams; not valid if the target cannot
	RelaysFTP bool           // carries FTP's data connections
	PID       int            // root of its process tree; 0 for direct
	process   *process
}

// Open starts the target in its setting and waits until it greets.
func Open(ctx context.Context, spec Spec, in Setting) (*Gateway, error) {
	if spec.Missing != "" {
		return nil, fmt.Errorf("start %s: %s", spec.Name, spec.Missing)
	}
	var g *Gateway
	var err error
	switch spec.Name {
	case Direct:
		return openDirect(in)
	case Sluice, ModProxy:
		g, err = openFTPGateway(ctx, spec, in)
	case HAProxy:
		g, err = openHAProxy(ctx, spec, in.Backend, in.Dir)
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

// openDirect is no target at all: clients speak to the backend, with TLS on both legs or none.
func openDirect(in Setting) (*Gateway, error) {
	g := &Gateway{Control: in.Backend.Control, Raw: in.Backend.Raw, RelaysFTP: true}
	if !in.Legs.Client {
		return g, nil
	}
	g.Control = in.Backend.Secure
	var err error
	g.TLS, err = seal.ClientConfig(in.Papers.Backend.Cert)
	return g, err
}

// Close stops the target and everything it started.
func (g *Gateway) Close() error {
	if g.process == nil {
		return nil
	}
	return g.process.stop()
}
