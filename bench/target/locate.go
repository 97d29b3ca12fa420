//go:build unix

package target

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// command is the package of the gateway's program.
const command = "github.com/sluice-gateway/sluice/cmd/sluice"

// buildTimeout bounds the build of the gateway.
const buildTimeout = 5 * time.Minute

// Locate finds the program of a target; Sluice is built into dir unless a binary is given. What cannot
// be had comes back with Missing set.
func Locate(ctx context.Context, name, sluice, dir string) Spec {
	spec := Spec{Name: name}
	switch name {
	case Direct:
	case Sluice:
		return locateSluice(ctx, sluice, dir)
	case ModProxy:
		return fromPeers(spec, "proftpd")
	case HAProxy:
		return fromPeers(spec, "haproxy")
	default:
		spec.Missing = "no such target; there are " + strings.Join(Names(), ", ")
	}
	return spec
}

func fromPeers(spec Spec, peer string) Spec {
	install, err := peers.Locate(peer)
	if err != nil {
		spec.Missing = err.Error()
		return spec
	}
	spec.Program, spec.Env, spec.Modules = install.Binary, install.Env, install.Modules
	return spec
}

func locateSluice(ctx context.Context, binary, dir string) Spec {
	spec := Spec{Name: Sluice}
	var err error
	if binary != "" {
		spec.Program, err = filepath.Abs(binary) // it will be started from another folder
	} else {
		spec.Program = filepath.Join(dir, "sluice")
		err = build(ctx, spec.Program)
	}
	if err != nil {
		spec.Missing = err.Error()
		return spec
	}
	if out, err := exec.CommandContext(ctx, spec.Program, "serve", "--help").CombinedOutput(); err != nil {
		spec.Missing = fmt.Sprintf("%s has no command serve (%v): %s", spec.Program, err, brief(out))
	}
	return spec
}

func build(ctx context.Context, to string) error {
	ctx, stop := context.WithTimeout(ctx, buildTimeout)
	defer stop()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", to, command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s (%w): %s", command, err, brief(out))
	}
	return nil
}

// brief is the beginning of a program's complaint on one line.
func brief(b []byte) string {
	const lines = 3
	said := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(said[:min(lines, len(said))], "; ")
}
