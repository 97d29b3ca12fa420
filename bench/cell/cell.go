//go:build unix

// Package cell measures one point on one target in a process of its own, which is where the load runs.
// The process that orders it (Run) and the one that does it (Main) are the same program.
package cell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-gateway/sluice/bench/backend"
	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/crowd"
	"github.com/sluice-gateway/sluice/bench/isolate"
	"github.com/sluice-gateway/sluice/bench/measure"
	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/scenario"
	"github.com/sluice-gateway/sluice/bench/seal"
	"github.com/sluice-gateway/sluice/bench/target"
)

// Job is one measurement.
type Job struct {
	Point    string         `json:"point"`
	Target   target.Spec    `json:"target"`
	Scale    scenario.Scale `json:"scale"`
	Isolated bool           `json:"isolated"` // in namespaces of its own
	Backend  []string       `json:"backend"`  // arguments that make this program a backend
	Papers   seal.Papers    `json:"papers"`   // certificates of a point that speaks TLS
	Chatty   bool           `json:"chatty"`   // name the gateway's process
}

// Outcome is what came of a Job.
type Outcome struct {
	Samples []measure.Sample `json:"samples,omitempty"`
	Error   string           `json:"error,omitempty"`
}

// stopTimeout bounds how long a cell that shall end may take to stop what it started.
const stopTimeout = 20 * time.Second

// Run does the job in a new process, started with args, which must lead to Main. It ends with ctx.
func Run(ctx context.Context, job Job, args ...string) ([]measure.Sample, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the bench's own program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr, cmd.WaitDelay = os.Stderr, stopTimeout
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if job.Isolated {
		isolate.Prepare(cmd)
	}
	in, err := cmd.StdinPipe() // stays open as long as we live, which the cell watches
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the process that measures: %w", err)
	}
	outcome, err := converse(in, out, job)
	err = errors.Join(err, cmd.Wait())
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case outcome.Error != "":
		return nil, errors.New(outcome.Error)
	case err != nil:
		return nil, fmt.Errorf("measure in a process of its own: %w", err)
	}
	return outcome.Samples, nil
}

func converse(in io.Writer, out io.Reader, job Job) (o Outcome, err error) {
	if err := json.NewEncoder(in).Encode(job); err != nil {
		return o, fmt.Errorf("hand over the job: %w", err)
	}
	if err := json.NewDecoder(out).Decode(&o); err != nil {
		return o, fmt.Errorf("read the outcome: %w", err)
	}
	return o, nil
}

// errParentGone ends a cell whose parent is gone.
var errParentGone = errors.New("the process that ordered the measurement is gone")

// garbage is how far the heap may grow over what is in use, in percent: what TLS handshakes leave behind
// is to cost the load as little as can be.
const garbage = 800

// Main is the life of the process that measures: a Job from in, an Outcome to out.
func Main(ctx context.Context, in *os.File, out io.Writer) error {
	debug.SetGCPercent(garbage)
	var job Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	var group errgroup.Group
	group.Go(func() error {
		err := reactor.UntilEOF(ctx, int(in.Fd()))
		select {
		case <-ctx.Done(): // the measurement was done first, as it should be
			return nil
		default:
			stop(errParentGone)
			return err
		}
	})
	var o Outcome
	samples, err := do(ctx, job)
	o.Samples = samples
	if err != nil {
		o.Error = err.Error()
	}
	stop(nil)
	return errors.Join(json.NewEncoder(out).Encode(o), group.Wait())
}

// do brings up backend and target, measures, and takes both down again.
func do(ctx context.Context, job Job) (samples []measure.Sample, err error) {
	if job.Isolated {
		if err := isolate.Settle(); err != nil {
			return nil, err
		}
	}
	if err := liftLimits(); err != nil {
		return nil, err
	}
	points, err := scenario.Select(scenario.All(), []string{job.Point})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the target: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	point := points[0]
	args := job.Backend
	switch {
	case point.Legs.Backend: // only then: a backend with a port for TLS weighs more
		args = append(slices.Clone(args), job.Papers.Backend.Cert, job.Papers.Backend.Key)
	case point.Choice.Any():
		args = append(slices.Clone(args), strconv.Itoa(point.Choice.Backends))
	}
	files, err := backend.Start(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, files.Stop()) }()
	in := target.Setting{Backend: files.Addresses, Legs: point.Legs, Choice: point.Choice, Papers: job.Papers, Dir: dir}
	if point.Choice.Store == choice.Redis && job.Target.Name != target.Direct {
		store, err := peers.LaunchRedis(peers.RedisOptions{})
		if err != nil {
			return nil, err
		}
		defer store.Close()
		in.Redis = store.Address
	}
	var known crowd.Settled
	if point.Crowded {
		if in.At, err = target.FreePort(ctx); err != nil {
			return nil, err
		}
		if known, err = crowd.Settle(ctx, job.Target, in, job.Scale.Crowd); err != nil {
			return nil, err
		}
	}
	gateway, err := target.Open(ctx, job.Target, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, gateway.Close()) }()
	if job.Chatty && gateway.PID != 0 {
		fmt.Fprintf(os.Stderr, "\n  %s is process %d, with its files in %s\n", job.Target.Name, gateway.PID, dir)
	}
	return point.Run(ctx, gateway, job.Scale, known)
}

// liftLimits lets this process and its children open as many files as the system allows.
func liftLimits() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}
