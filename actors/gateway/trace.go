package gateway

import (
	"os"
	"strings"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/logfile"
)

// tracer has the events of one log written to a TraceLog as well, those of them that Trace asks for.
type tracer struct {
	main  zerolog.LevelWriter // nil: the log is off
	least zerolog.Level       // of what main gets
	base  string              // channel, see logfile.TraceChannel
	trace zerolog.LevelWriter
	asked []config.TraceLevel
}

// traced is a logger to main, and to the server's TraceLog if it has one.
func (b *logbook) traced(set *config.Settings, base string, main zerolog.LevelWriter) zerolog.Logger {
	target := set.Logs.TraceLog
	if target.Path == "" || target.Off || len(set.Logs.Trace) == 0 {
		if main == nil {
			return zerolog.Nop()
		}
		return zerolog.New(main).Level(b.opts.Level)
	}
	file, err := b.open(target.Path, b.rules)
	if err != nil {
		b.system.Error().Err(err).Msg("opening TraceLog, nothing is traced")
		set = &config.Settings{}
		return b.traced(set, base, main)
	}
	return zerolog.New(&tracer{
		main: main, least: b.opts.Level, base: base, asked: set.Logs.Trace,
		trace: b.queue.Sink(file, logfile.TraceFormat{PID: os.Getpid(), Base: base}),
	})
}

// Write takes an event without a level.
func (t *tracer) Write(p []byte) (int, error) { return t.WriteLevel(zerolog.NoLevel, p) }

// WriteLevel takes one event. Writing to a log never fails for the one who logs.
func (t *tracer) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	if t.main != nil && level >= t.least {
		_, _ = t.main.WriteLevel(level, p) // a Sink returns no errors
	}
	if t.wants(logfile.TraceChannel(t.base, logfile.TraceMessage(p)), logfile.TraceLevel(level)) {
		_, _ = t.trace.WriteLevel(level, p) // as above
	}
	return len(p), nil
}

// wants finds what was asked of a channel: under its own name, else under that of the nearest it stems
// from, else under DEFAULT. The last word on a name counts.
func (t *tracer) wants(channel string, level int) bool {
	for name := channel; name != ""; name = stem(name) {
		if a, found := t.about(name); found {
			return level >= a.Low && level <= a.High
		}
	}
	a, found := t.about("DEFAULT")
	return found && level >= a.Low && level <= a.High
}

func (t *tracer) about(name string) (a config.TraceLevel, found bool) {
	for i := len(t.asked) - 1; i >= 0; i-- {
		if strings.EqualFold(t.asked[i].Channel, name) {
			return t.asked[i], true
		}
	}
	return config.TraceLevel{}, false
}

// stem is the channel that another stems from: "proxy.ftp" of "proxy.ftp.ctrl"; empty: there is none.
func stem(channel string) string {
	at := strings.LastIndexByte(channel, '.')
	if at < 0 {
		return ""
	}
	return channel[:at]
}
