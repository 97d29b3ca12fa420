package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/actors/gateway"
	"github.com/sluice-gateway/sluice/runtime/service"
)

const serveHelp = `Serve reads a configuration and stands between clients and backends until it
is told to stop. It stays in the foreground and is meant to be run by a service
manager; see the systemd unit that comes with it.

Signals:
  SIGHUP            read the configuration again and reopen the logs; running
                    sessions keep what they were opened with
  SIGTERM, SIGINT   stop accepting, let running transfers end (--drain), stop;
                    a second one stops at once

Started as root it binds its ports and opens its logs first, then becomes the
User and Group of the configuration for good. A reload is done as that user,
which therefore has to be able to read the configuration.

Half of the processors are left to the kernel, which moves the bytes, unless
much is to be encrypted; the environment variable GOMAXPROCS overrides that.

Logs go to the files of SystemLog, ProxyLog and TransferLog; what has no file
goes to standard error.`

type serveFlags struct {
	config  string
	defines []string
	level   string
	json    bool
	drain   time.Duration
}

func newServe() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:     "serve -c FILE",
		Short:   "Run the gateway",
		Long:    serveHelp + "\n\n" + exitHelp,
		Example: "  sluice check -c /etc/sluice/sluice.conf && sluice serve -c /etc/sluice/sluice.conf",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), f, cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "configuration `file`")
	flags.StringArrayVarP(&f.defines, "define", "D", nil, "a `name` for <IfDefine>; may be repeated")
	flags.StringVar(&f.level, "log-level", "info", "least `level` that is logged: debug, info, warn or error")
	flags.BoolVar(&f.json, "log-json", false, "write system and proxy logs as JSON lines")
	flags.DurationVar(&f.drain, "drain", 30*time.Second, "how `long` running sessions may take to end at a stop")
	if err := cmd.MarkFlagRequired("config"); err != nil {
		panic(err) // the flag is defined three lines above
	}
	return cmd
}

func serve(ctx context.Context, f serveFlags, stderr io.Writer) error {
	level, err := zerolog.ParseLevel(f.level)
	if err != nil || f.level == "" {
		return usageError{fmt.Errorf("--log-level %q: expected debug, info, warn or error", f.level)}
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal is deadly

	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)

	g, err := gateway.Start(ctx, gateway.Options{
		ConfigPath: f.config,
		Defines:    f.defines,
		Version:    versionText(),
		Stderr:     stderr,
		Color:      isTerminal(stderr),
		JSON:       f.json,
		Level:      level,
		Drain:      f.drain,
		Getenv:     os.Getenv,
		LookupEnv:  os.LookupEnv,
		Processors: service.ShareProcessors(os.Getenv),
	})
	if errors.Is(err, gateway.ErrConfig) {
		_, _ = fmt.Fprintf(stderr, "sluice: %v\n", err)
		return configError{}
	}
	if err != nil {
		return err
	}
	return g.Run(ctx, reload)
}

// isTerminal reports whether w is a terminal, where colours help.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
