//go:build unix

// Command bench measures the gateway beside its peers: the same load, the same backend, in turn, in one
// run. "go run ./bench -help" explains how.
//
//	main      flags, exit codes
//	campaign  rounds of points over targets
//	cell      one measurement, in a process and a network of its own
//	scenario  the points: which load, which metrics
//	load      the clients            backend   the server behind every target
//	seal      TLS for these two      certs     the certificates of all
//	choice    how one of many backends is chosen
//	crowd     the many users whom a gateway remembers
//	target    starts the gateways    peers     finds them on this machine
//	measure   names and arithmetic   report    table, JSON, goals
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"github.com/sluice-gateway/sluice/bench/backend"
	"github.com/sluice-gateway/sluice/bench/campaign"
	"github.com/sluice-gateway/sluice/bench/cell"
	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/bench/report"
	"github.com/sluice-gateway/sluice/bench/scenario"
	"github.com/sluice-gateway/sluice/bench/seal"
	"github.com/sluice-gateway/sluice/bench/target"
)

// The first arguments by which this program starts itself; they are no part of its face.
const (
	asCell    = "-as-cell"
	asBackend = "-as-backend"
)

// The exit codes.
const (
	exitFine   = 0
	exitMissed = 1 // -check, and a goal was missed
	exitUsage  = 2
	exitFailed = 3 // something could not be run
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// dispatch runs the program in the part that its arguments give it.
func dispatch(ctx context.Context, args []string, out, errs io.Writer) int {
	var err error
	switch part(args) {
	case asCell:
		err = cell.Main(ctx, os.Stdin, os.Stdout)
	case asBackend:
		err = serve(ctx, args[1:])
	default:
		return run(ctx, args, out, errs)
	}
	if err != nil {
		say(errs, "bench: %v\n", err)
		return exitFailed
	}
	return exitFine
}

// part tells which part the arguments give the program besides its face: a cell, a backend, so many
// backends, or a backend with the two files of a certificate; "" for none.
func part(args []string) string {
	switch {
	case len(args) == 1 && (args[0] == asCell || args[0] == asBackend), (len(args) == 2 || len(args) == 3) && args[0] == asBackend:
		return args[0]
	}
	return ""
}

// serve is the part of the backend.
func serve(ctx context.Context, args []string) error {
	var extras backend.Extras
	switch len(args) {
	case 1:
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return fmt.Errorf("serve as so many backends: %w", err)
		}
		extras.Backends = n
	case 2:
		extras.Own = certs.Files{Cert: args[0], Key: args[1]}
	}
	return backend.Main(ctx, os.Stdin, os.Stdout, max(1, runtime.NumCPU()/4), extras)
}

// run is the face: it measures what the flags ask for and reports.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, errHelped) {
		return exitFine
	}
	if err != nil {
		say(errs, "bench: %v\n", err)
		return exitUsage
	}
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		say(errs, "bench: make a folder for the gateway's program: %v\n", err)
		return exitFailed
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system clears its folder for such things
	omitted := o.omit(errs)
	plan := o.plan(errs)
	plan.Omitted = omitted
	plan.Targets = locate(ctx, o, dir, errs)
	if plan.Papers, err = papers(o, dir); err != nil {
		say(errs, "bench: make certificates: %v\n", err)
		return exitFailed
	}
	results, err := campaign.Run(ctx, plan)
	code := exitFine
	if err != nil {
		say(errs, "bench: stopped early: %v\n", err)
		code = exitFailed
	}
	if err := tell(results, o, out, errs); err != nil {
		say(errs, "bench: %v\n", err)
		code = exitFailed
	}
	return max(code, verdict(results, o))
}

// omit takes out the points that need a server which this machine does not have.
func (o *options) omit(errs io.Writer) (omitted []report.Omission) {
	_, err := peers.Locate("redis")
	o.points = slices.DeleteFunc(o.points, func(p scenario.Point) bool {
		gone := err != nil && p.Choice.Store == choice.Redis
		if gone {
			omitted = append(omitted, report.Omission{Point: p.Name, Why: err.Error()})
		}
		return gone
	})
	if omitted != nil {
		say(errs, "not measured: %d points with Redis: %v\n", len(omitted), err)
	}
	return omitted
}

// papers makes the certificates if a point wants some. Gateways that gave up root's rights must reach
// the authority's, so others may pass through the folder.
func papers(o options, dir string) (seal.Papers, error) {
	if !slices.ContainsFunc(o.points, func(p scenario.Point) bool { return p.Legs.Client }) {
		return seal.Papers{}, nil
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return seal.Papers{}, err
	}
	return seal.NewPapers(dir)
}

// say writes to a person; whoever cannot be reached is not told that either.
func say(to io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(to, format, args...) }

// locate finds the programs of the targets and says at once which are missing.
func locate(ctx context.Context, o options, dir string, errs io.Writer) []target.Spec {
	var specs []target.Spec
	for _, name := range o.targets {
		spec := target.Locate(ctx, name, o.sluice, dir)
		if spec.Missing != "" {
			say(errs, "not measured: %s: %s\n", name, spec.Missing)
		}
		specs = append(specs, spec)
	}
	return specs
}

func tell(r *report.Results, o options, out, errs io.Writer) error {
	say(errs, "\n")
	if err := r.Write(out); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if o.json == "" {
		return nil
	}
	if err := r.Save(o.json); err != nil {
		return err
	}
	say(errs, "\nall values: %s\n", o.json)
	return nil
}

// verdict turns results into an exit code.
func verdict(r *report.Results, o options) int {
	switch {
	case len(r.Figures) == 0 || len(r.Failures) > 0:
		return exitFailed
	case !o.check:
		return exitFine
	case report.Count(r.Verdicts, report.Missed) > 0:
		return exitMissed
	case report.Count(r.Verdicts, report.Met) == 0:
		return exitFailed // nothing that was promised could be measured
	}
	return exitFine
}
