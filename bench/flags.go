//go:build unix

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/bench/campaign"
	"github.com/sluice-gateway/sluice/bench/isolate"
	"github.com/sluice-gateway/sluice/bench/scenario"
	"github.com/sluice-gateway/sluice/bench/target"
)

// options are the flags, checked.
type options struct {
	rounds   int
	points   []scenario.Point
	targets  []string
	scale    scenario.Scale
	json     string
	sluice   string
	check    bool
	isolated bool
	chatty   bool
}

// errHelped ends a run that was asked for help only.
var errHelped = errors.New("help was given")

const introduction = `Measures the gateway beside its peers: the same load and the same backend for each, in turn, in one run.

  go run ./bench                             everything, about three quarters of an hour
  go run ./bench -quick                      a try of a minute; its figures say little
  go run ./bench -only retr,pwd-16 -rounds 3
  go run ./bench -targets sluice,haproxy -only retr-8
  go run ./bench -only tls-                  FTPS alone
  go run ./bench -only choose-               what it costs to choose one of many backends
  go run ./bench -check                      exit 1 when the project misses one of its goals

Figures depend on the machine and its mood; compare ratios within one run, never figures of two.
The peers come from .ci/peers; those that are missing are named and left out.

FTPS is measured with TLS 1.3 and AES-128-GCM on every leg, RSA 2048 as the gateway's certificate, P-256
as the backend's, PROT P, verification of the backend, and the gateways' defaults for everything else.
Every login is a full handshake of the client; towards the backend a gateway may resume sessions.

To choose a backend, every target reads the same list from a file; mod_proxy keeps its state in SQLite where
ours is in Badger. The latency of a login is the time from its connect to its 230 while 50 logins begin each
second, which no gateway should find hard; who cannot keep that pace is named in the report. With Redis, its
own processor time is not counted as the gateway's. For choose-million the gateway itself writes what it keeps
of one user, and the bench copies that for a million; 200 of them must then be sent where that says.

To see where the gateway spends its time, let one point run long and look at it meanwhile:
  go run ./bench -v -targets sluice -only retr-8 -rounds 1 -span 60s -isolate=false
  perf record -g -p PID -- sleep 20          -v prints PID

Flags:
`

const ending = `
Points:
%s
Targets: %s

Exit codes: 0 done, 1 a goal was missed (with -check), 2 wrong usage, 3 something could not be run.
`

// parse reads the flags. Without -only and -targets, everything is measured.
func parse(args []string, errs io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() { usage(f, errs) }
	only := f.String("only", "", "measure only these `points`, separated by commas; a word before a dash names all of its kind")
	targets := f.String("targets", strings.Join(target.Names(), ","), "measure only these `targets`, separated by commas")
	quick := f.Bool("quick", false, "one short round: to see that everything works")
	span := f.Duration("span", 0, "counted `time` of one measurement that goes by time (default 3s)")
	f.IntVar(&o.rounds, "rounds", 0, "how many `times` each point is measured on each target; the median counts (default 5)")
	f.StringVar(&o.json, "json", filepath.Join("bench", "out", time.Now().Format("2006-01-02T150405")+".json"), "`file` for all values as JSON; empty for none")
	f.StringVar(&o.sluice, "sluice", "", "a `binary` of the gateway, instead of building ./cmd/sluice")
	f.BoolVar(&o.check, "check", false, "exit 1 when a goal is missed")
	f.BoolVar(&o.isolated, "isolate", isolate.Possible(), "take every measurement in namespaces of its own (Linux, as root)")
	f.BoolVar(&o.chatty, "v", false, "name the process of each gateway")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, errHelped
	} else if err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q: only flags are taken, see -help", f.Arg(0))
	}
	return o.settle(*only, *targets, *quick, *span)
}

// settle turns the raw flags into what they mean.
func (o options) settle(only, targets string, quick bool, span time.Duration) (options, error) {
	if o.isolated && !isolate.Possible() {
		return o, errors.New("-isolate needs Linux and root; leave it away or run as root")
	}
	if span < 0 || o.rounds < 0 {
		return o, errors.New("-span and -rounds cannot be negative")
	}
	o.scale = scenario.Full()
	rounds := 5
	if quick {
		o.scale, rounds = scenario.Quick(), 1
	}
	if span > 0 {
		o.scale.Span = span
	}
	if o.rounds == 0 {
		o.rounds = rounds
	}
	o.points = scenario.All()
	if only != "" {
		var err error
		if o.points, err = scenario.Select(o.points, strings.Split(only, ",")); err != nil {
			return o, fmt.Errorf("-only: %w; see -help", err)
		}
	}
	for _, name := range strings.Split(targets, ",") {
		if !slices.Contains(target.Names(), name) {
			return o, fmt.Errorf("-targets: no target is called %q; there are %s", name, strings.Join(target.Names(), ", "))
		}
		if !slices.Contains(o.targets, name) {
			o.targets = append(o.targets, name)
		}
	}
	return o, nil
}

func (o options) plan(progress io.Writer) campaign.Plan {
	return campaign.Plan{
		Rounds: o.rounds, Points: o.points, Scale: o.scale,
		Isolated: o.isolated, Chatty: o.chatty, Progress: progress,
		Cell: []string{asCell}, Backend: []string{asBackend},
	}
}

func usage(f *flag.FlagSet, w io.Writer) {
	say(w, introduction)
	f.PrintDefaults()
	var points strings.Builder
	for _, p := range scenario.All() {
		fmt.Fprintf(&points, "  %-29s %s\n", p.Name, p.Title)
	}
	say(w, ending, points.String(), strings.Join(target.Names(), ", "))
}
