package gateway

import (
	"os"
	"slices"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/logformat"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/logfile"
)

// extendedLogs are the logs of commands that the sessions of a server keep.
func (g *Gateway) extendedLogs(set *config.Settings) ftpsession.Books {
	b := ftpsession.Books{Host: g.logs.host, Version: g.opts.Version, PID: os.Getpid()}
	for _, log := range set.Logs.Extended {
		name := extendedLogName(log.Target)
		if name == "" {
			continue
		}
		wants := logformat.Select(words(log.Classes))
		format := logformat.JSON()
		if !log.JSON {
			// What it does not understand was said when the configuration was read.
			format, _ = logformat.Compile(log.Format, g.opts.LookupEnv)
		}
		b.Logs = append(b.Logs, messages.ExtendedLog{Log: name, Wants: &wants, Format: format})
	}
	return b
}

// extendedLogName is what the journal knows a log by; empty: there is none.
func extendedLogName(t config.LogTarget) string {
	switch {
	case t.Off:
		return ""
	case t.Syslog != "":
		return logfile.SyslogPrefix + t.Syslog
	}
	return t.Path
}

func words(classes []config.LogClass) []logformat.Word {
	list := make([]logformat.Word, len(classes))
	for i, c := range classes {
		list[i] = logformat.Word{Name: c.Name, Negate: c.Negate}
	}
	return list
}

// extendedLogPaths are the files among the logs of commands, for all settings that clients may have.
func extendedLogPaths(cfg *config.Config) []string {
	var paths []string
	for _, server := range cfg.Servers {
		for _, set := range everySettings(cfg, server) {
			for _, log := range set.Logs.Extended {
				if path := log.Target.Path; path != "" && !log.Target.Off && !slices.Contains(paths, path) {
					paths = append(paths, path)
				}
			}
		}
	}
	return paths
}
