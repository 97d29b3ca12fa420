//go:build unix

package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/reactor"
)

// startTimeout bounds the wait for a new backend process to name its addresses.
const startTimeout = 10 * time.Second

// stopTimeout bounds the wait for its end before it is killed.
const stopTimeout = 5 * time.Second

// errParentGone ends a backend whose parent let go of it; it is the usual end.
var errParentGone = errors.New("the parent process let go")

// garbage is how far the heap may grow over what is in use, in percent: a TLS handshake leaves many
// kilobytes behind, and collecting them is not what is measured.
const garbage = 800

// Extras are what a backend can do besides.
type Extras struct {
	Own      certs.Files // its certificate; without one it speaks no TLS
	Backends int         // so many control ports; 0 for the one
}

// Main is the life of a backend process: it writes its Addresses as one line of JSON to out and serves
// until in ends, which it does at the latest with the parent, or ctx does.
func Main(ctx context.Context, in *os.File, out io.Writer, workers int, extras Extras) error {
	debug.SetGCPercent(garbage)
	server, err := furnish(extras)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(server.Addresses); err != nil {
		server.close()
		return fmt.Errorf("tell the backend's addresses: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx, workers) })
	group.Go(func() error {
		if err := reactor.UntilEOF(ctx, int(in.Fd())); err != nil {
			return err
		}
		return errParentGone
	})
	if err := group.Wait(); !errors.Is(err, errParentGone) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// furnish opens a backend with all that is asked for.
func furnish(extras Extras) (*Server, error) {
	server, err := Listen(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if err != nil {
		return nil, err
	}
	if extras.Own.Cert != "" {
		err = server.Secure(extras.Own)
	}
	if err = errors.Join(err, server.Multiply(extras.Backends)); err != nil {
		server.close()
		return nil, err
	}
	return server, nil
}

// Process is a backend in a process of its own, so that neither its memory nor its processor time mixes
// with the load's.
type Process struct {
	Addresses
	cmd   *exec.Cmd
	alive io.Closer
}

// Start runs this very program with the given arguments, which must lead to Main.
func Start(ctx context.Context, args ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the bench's own program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.WaitDelay = stopTimeout
	cmd.Stderr = os.Stderr
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the backend process: %w", err)
	}
	p := &Process{cmd: cmd, alive: alive}
	patience := time.AfterFunc(startTimeout, func() { _ = cmd.Process.Kill() })
	defer patience.Stop()
	if err := json.NewDecoder(out).Decode(&p.Addresses); err != nil {
		return nil, errors.Join(fmt.Errorf("learn the backend's addresses: %w", err), p.Stop())
	}
	return p, nil
}

// Stop ends the process and waits for it.
func (p *Process) Stop() error {
	_ = p.alive.Close() // the backend ends when its input does
	kill := time.AfterFunc(stopTimeout, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("end the backend process: %w", err)
	}
	return nil
}
