package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/actors/embedded"
	"github.com/sluice-gateway/sluice/actors/gateway"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

const demoHelp = `Demo runs two small FTP servers with sample files and a gateway before them,
all in this one process and on 127.0.0.1 only, and prints commands to try.

Everything lives in a temporary directory (about 64 MiB), which is removed at
the end. Stop with ^C.

`

// demoDrain is how long running transfers may take to end at ^C.
const demoDrain = 2 * time.Second

// demoBackends are the names of the two servers behind the gateway.
var demoBackends = []string{"alder", "birch"}

type demoFlags struct {
	port       int
	portChosen bool
	lifetime   time.Duration
	keep       bool
	showConfig bool
}

func newDemo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Try a gateway before two servers, with nothing to set up",
		Long:    demoHelp + exitHelp,
		Example: "  sluice demo\n  sluice demo --port 0 --for 30s --show-config",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.portChosen = cmd.Flags().Changed("port")
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.IntVarP(&f.port, "port", "p", 2121, "`port` of the gateway; 0 means any free one")
	flags.DurationVar(&f.lifetime, "for", 0, "stop after this `time`, such as 30s; 0 means at ^C")
	flags.BoolVar(&f.keep, "keep", false, "keep the files and logs at the end")
	flags.BoolVar(&f.showConfig, "show-config", false, "print the gateway's configuration as well")
	return cmd
}

func (f demoFlags) run(ctx context.Context, out, errs io.Writer) (err error) {
	if f.port < 0 || f.port > 65535 {
		return usageError{fmt.Errorf("--port %d: expected 0 to 65535", f.port)}
	}
	if f.lifetime < 0 {
		return usageError{fmt.Errorf("--for %s: expected a positive time", f.lifetime)}
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second signal is deadly
	signal.Ignore(syscall.SIGPIPE) // output that nobody reads is no reason to leave files behind

	p := &printer{out: out}
	port, err := demoPort(ctx, p, f.port, f.portChosen)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sluice-demo-")
	if err != nil {
		return fmt.Errorf("making a directory for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, f.tidy(p, dir)) }()
	d := &demo{dir: dir, port: port, flags: f, print: p, errs: errs}
	if err := d.prepare(ctx, isTerminal(out)); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return err
	}
	if f.lifetime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.lifetime)
		defer cancel()
	}
	if err := d.run(ctx); err != nil {
		return err
	}
	return p.err
}

// tidy removes everything, unless it is to be kept.
func (f demoFlags) tidy(p *printer, dir string) error {
	if f.keep {
		p.line("Stopped. Everything is kept in %s", dir)
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the files of the demo, please remove %s yourself: %w", dir, err)
	}
	p.line("Stopped, and %s removed.", dir)
	return nil
}

// demo is one run of the demonstration.
type demo struct {
	dir   string
	port  int
	flags demoFlags
	print *printer
	errs  io.Writer

	backends []*embedded.Server
}

func (d *demo) config() string          { return filepath.Join(d.dir, "sluice.conf") }
func (d *demo) home(name string) string { return filepath.Join(d.dir, "backends", name) }
func (d *demo) logs() string            { return filepath.Join(d.dir, "logs") }
func (d *demo) gateway() string         { return fmt.Sprintf("127.0.0.1:%d", d.port) }

// prepare writes the sample files.
func (d *demo) prepare(ctx context.Context, terminal bool) error {
	progress := newProgress(d.print, "Preparing sample files", demoFileSize*int64(len(demoBackends)), terminal)
	for _, name := range demoBackends {
		if err := writeSamples(ctx, d.home(name), name, progress); err != nil {
			return fmt.Errorf("writing the sample files of %s: %w", name, err)
		}
	}
	progress.done()
	return os.Mkdir(d.logs(), 0o755)
}

// run keeps backends and gateway going until ctx ends. The gateway stops
// first: its sessions need the backends until they end.
func (d *demo) run(ctx context.Context) (err error) {
	kids := supervise.NewGroup(len(demoBackends) + 1)
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer kids.Wait()
	defer stopBehind()
	if err := d.open(behind, kids); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ready := make(chan struct{}, 1)
	g, err := gateway.Start(ctx, gateway.Options{
		ConfigPath: d.config(),
		Version:    versionText(),
		Stderr:     d.errs,
		Color:      isTerminal(d.errs),
		Level:      zerolog.InfoLevel,
		Drain:      demoDrain,
		Getenv:     os.Getenv,
		LookupEnv:  os.LookupEnv,
		Ready: func([]string) {
			select {
			case ready <- struct{}{}:
			default: // it was up before
			}
		},
	})
	if err != nil && ctx.Err() != nil {
		return nil // stopped before it began
	}
	if err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	kids.Go(ctx, supervise.Func("guide", func(ctx context.Context) error { // ends once all is said
		err := d.guide(ctx, ready)
		if err != nil && ctx.Err() == nil {
			stop(err) // a demonstration that does not work is over
		}
		return nil
	}))
	err = g.Run(ctx, nil)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = errors.Join(err, cause)
	}
	return err
}

// open starts the backends, whose ports then go into the configuration.
func (d *demo) open(ctx context.Context, kids *supervise.Group) error {
	var addrs []netip.AddrPort
	for _, name := range demoBackends {
		s, err := embedded.New(ctx, embedded.Config{Name: name, Dir: d.home(name), Log: zerolog.Nop()})
		if err != nil {
			return fmt.Errorf("starting backend %s: %w", name, err)
		}
		d.backends = append(d.backends, s)
		addrs = append(addrs, s.Addr())
		kids.Go(ctx, s) // ends when the gateway has
	}
	text := demoConfig(d.dir, d.logs(), d.port, addrs)
	if err := os.WriteFile(d.config(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the gateway's configuration: %w", err)
	}
	if d.flags.showConfig {
		d.print.line("\n%s", text)
	}
	return nil
}
