package gateway

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/logfile"
	"github.com/sluice-gateway/sluice/runtime/service"
)

// logbook keeps the log files of the process, each open once, however many
// servers write to it.
type logbook struct {
	opts   Options
	rules  logfile.Rules
	queue  *logfile.Queue
	host   string
	files  map[string]*logfile.File // by path
	system zerolog.Logger

	systemSink zerolog.LevelWriter // where system writes; nil: SystemLog none
}

func openLogs(opts Options, cfg *config.Config, account service.Account) (*logbook, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	b := &logbook{
		opts:  opts,
		rules: logfile.Rules{AllowSymlinks: cfg.Process.AllowLogSymlinks, UID: account.UID, GID: account.GID},
		queue: logfile.NewQueue(logfile.Config{Fallback: opts.Stderr}),
		host:  host,
		files: map[string]*logfile.File{},
	}
	b.systemSink, err = b.sink(cfg.Process.SystemLog, b.systemFormat(cfg.Servers[0].Settings("").Logs.Options), b.console())
	if err != nil {
		return nil, fmt.Errorf("opening SystemLog: %w", err)
	}
	b.system = zerolog.Nop()
	if b.systemSink != nil {
		b.system = zerolog.New(b.systemSink).Level(opts.Level)
	}
	return b, nil
}

// systemFormat is the format of SystemLog and ServerLog, with the parts that LogOptions leaves.
func (b *logbook) systemFormat(o config.LogOptions) logfile.SystemFormat {
	f := logfile.SystemFormat{PID: os.Getpid(), NoTime: !o.Timestamp, NoServer: !o.VirtualHost}
	if o.Hostname {
		f.Host = b.host
	}
	return f
}

// console logs to standard error: for people, or as JSON for collectors.
func (b *logbook) console() zerolog.LevelWriter {
	var format logfile.Format = logfile.ConsoleFormat{Color: b.opts.Color}
	if b.opts.JSON {
		format = logfile.JSONFormat{}
	}
	return b.queue.Sink(b.opts.Stderr, format)
}

// logger opens the log that a directive names; absent means otherwise.
func (b *logbook) logger(target config.LogTarget, format logfile.Format, otherwise zerolog.Logger) (zerolog.Logger, error) {
	sink, err := b.sink(target, format, nil)
	switch {
	case target.Off:
		return zerolog.Nop(), nil
	case sink == nil:
		return otherwise, err
	}
	return zerolog.New(sink).Level(b.opts.Level), nil
}

// sink is where the lines go that a directive has a log for: nil if that is off,
// otherwise if there is none, or none that can be opened.
func (b *logbook) sink(target config.LogTarget, format logfile.Format, otherwise zerolog.LevelWriter) (zerolog.LevelWriter, error) {
	switch {
	case target.Off:
		return nil, nil
	case target.Path == "":
		return otherwise, nil
	}
	f, err := b.open(target.Path, b.rules)
	if err != nil {
		return otherwise, err
	}
	if b.opts.JSON {
		format = logfile.JSONFormat{}
	}
	return b.queue.Sink(f, format), nil
}

// open opens a log once.
func (b *logbook) open(path string, rules logfile.Rules) (*logfile.File, error) {
	if f, ok := b.files[path]; ok {
		return f, nil
	}
	f, err := logfile.Open(path, rules)
	if err == nil {
		b.files[path] = f
	}
	return f, err
}

// tls returns the log of handshakes with clients, which names who they are by
// their certificates, so it is readable to nobody else. Without one, or where it
// cannot be opened, only failures are logged, in the system log, unless more was
// asked for.
func (b *logbook) tls(t config.TLS, system zerolog.Logger) zerolog.Logger {
	level, otherwise := zerolog.InfoLevel, system.Level(max(zerolog.WarnLevel, system.GetLevel()))
	if t.Options.EnableDiags {
		level, otherwise = zerolog.DebugLevel, system
	}
	switch {
	case t.Log.Off:
		return zerolog.Nop()
	case t.Log.Path == "":
		return otherwise
	}
	private := b.rules
	private.Mode = logfile.ModePrivate
	f, err := b.open(t.Log.Path, private)
	if err != nil {
		b.system.Error().Err(err).Msg("opening TLSLog, logging failures here instead")
		return otherwise
	}
	var format logfile.Format = logfile.SystemFormat{Host: b.host, PID: os.Getpid()}
	if b.opts.JSON {
		format = logfile.JSONFormat{}
	}
	return zerolog.New(b.queue.Sink(f, format)).Level(level)
}

// rewrite returns the log of what was rewritten; one that is not there, or
// cannot be opened, takes nothing.
func (b *logbook) rewrite(r config.Rewrite) zerolog.Logger {
	log, err := b.logger(r.Log, logfile.SystemFormat{Host: b.host, PID: os.Getpid()}, zerolog.Nop())
	if err != nil {
		b.system.Error().Err(err).Msg("opening RewriteLog")
	}
	return log
}

// openTransferLog is for the journal, which calls it from its own goroutine.
func (b *logbook) openTransferLog(path string) (*logfile.File, error) {
	return logfile.Open(path, b.rules)
}

// server returns the two logs of a server. A ProxyLog that cannot be opened
// keeps nobody out; its lines go to the system log.
func (b *logbook) server(set *config.Settings) (system, proxy zerolog.Logger) {
	own, err := b.sink(set.Logs.Server, b.systemFormat(set.Logs.Options), b.systemSink)
	if err != nil {
		b.system.Error().Err(err).Msg("opening ServerLog, logging here instead")
	}
	about, err := b.sink(set.Proxy.Log, logfile.ProxyFormat{Version: b.opts.Version, PID: os.Getpid()}, own)
	if err != nil {
		b.system.Error().Err(err).Msg("opening ProxyLog, logging here instead")
	}
	return b.traced(set, "session", own), b.traced(set, logfile.ProxyChannel, about)
}

// transferLogs opens the logs of transfers and of commands while there still is
// the right to. The journal owns them from then on.
func (b *logbook) transferLogs(cfg *config.Config) []*logfile.File {
	var files []*logfile.File
	for _, path := range slices.Concat(transferLogPaths(cfg), extendedLogPaths(cfg)) {
		if slices.ContainsFunc(files, func(f *logfile.File) bool { return f.Path() == path }) {
			continue
		}
		f, err := b.openTransferLog(path)
		if err != nil {
			b.system.Error().Err(err).Msg("opening TransferLog or ExtendedLog")
			continue
		}
		files = append(files, f)
	}
	return files
}

func transferLogPaths(cfg *config.Config) []string {
	var paths []string
	for _, s := range cfg.Servers {
		for _, set := range everySettings(cfg, s) {
			if path := set.Logs.Transfer.Path; path != "" && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// reopen takes up rotated files.
func (b *logbook) reopen() error {
	var errs []error
	for _, f := range b.files {
		errs = append(errs, f.Reopen())
	}
	return errors.Join(errs...)
}

func (b *logbook) close() {
	for _, f := range b.files {
		if err := f.Close(); err != nil {
			_, _ = io.WriteString(b.opts.Stderr, err.Error()+"\n") // the last place there is
		}
	}
	clear(b.files)
}
