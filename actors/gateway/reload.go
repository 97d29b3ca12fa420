package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// load reads the configuration and says what it found.
func (g *Gateway) load() (*config.Config, error) {
	cfg, report := config.Load(g.opts.ConfigPath, config.Options{Defines: g.opts.Defines, Getenv: g.opts.LookupEnv})
	hint := ""
	for _, p := range report.Problems {
		if _, err := fmt.Fprintln(g.opts.Stderr, p); err != nil {
			return nil, err
		}
		if p.Severity == config.Error && strings.Contains(p.Text, fs.ErrPermission.Error()) {
			hint = "; " + unreadable
		}
	}
	if cfg == nil {
		return nil, fmt.Errorf("%w: %d errors, %d warnings in %s%s", ErrConfig, report.Errors(), report.Warnings(), g.opts.ConfigPath, hint)
	}
	return cfg, nil
}

// unreadable is what to do about files that root alone may read. At a start as
// root everything can be read; a reload is done by the user that serves.
const unreadable = "files are read as the user that serves, at a reload even where root started it: let that user own keys (chown them to User, mode 600), or hand them over with systemd's LoadCredential="

// reload takes up rotated logs and a changed configuration. Running sessions
// keep what they were opened with; on any error the old configuration stays.
func (g *Gateway) reload(ctx context.Context) {
	g.notified(g.notify.Reloading())
	began := time.Now()
	if err := errors.Join(g.logs.reopen(), g.reopenTransferLogs(ctx)); err != nil {
		g.log.Error().Err(err).Msg("reopening the logs")
	}
	err := g.adopt(ctx)
	if err != nil {
		g.log.Error().Err(err).Msg("reload failed, the old configuration stays in force")
	} else {
		g.log.Info().Str("listening", strings.Join(g.layout.names(), " ")).Stringer("took", time.Since(began).Round(time.Millisecond)).Msg("configuration reloaded")
	}
	g.notified(g.notify.Ready(fmt.Sprintf("Serving on %d listeners", len(g.layout.addresses))))
}

// adopt makes a freshly read configuration the one in force.
func (g *Gateway) adopt(ctx context.Context) (err error) {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	g.choice.resolver.Use(cfg.Process.DNSServers)
	next, err := g.lay(ctx, cfg)
	if err != nil {
		g.choice.resolver.Use(g.cfg.Process.DNSServers)
		return err
	}
	defer func() {
		if err != nil {
			g.choice.resolver.Use(g.cfg.Process.DNSServers)
			err = errors.Join(err, next.close())
		}
	}()
	open := map[string]bool{}
	for _, name := range g.layout.names() {
		open[name] = true
	}
	fresh, err := openSockets(ctx, next.addresses, open)
	if errors.Is(err, syscall.EADDRINUSE) && g.layout.overlaps(next) {
		return fmt.Errorf("%w (by this gateway itself: between one address and all addresses of a port only a restart can change)", err)
	}
	if err != nil {
		return err
	}
	if err := g.install(ctx, next, fresh); err != nil {
		closeSockets(fresh)
		return err
	}
	g.choice.names.Forget() // a reload is also how DNS is asked anew
	g.sayWhatStays(cfg.Process)
	if err := g.choice.retire(g.layout); err != nil {
		g.log.Warn().Err(err).Msg("closing the databases of the configuration before the last")
	}
	g.cfg, g.layout = cfg, next
	return nil
}

// overlaps reports whether another layout has a new listener on a port of ours.
func (l *layout) overlaps(next *layout) bool {
	return slices.ContainsFunc(next.addresses, func(n address) bool {
		return slices.ContainsFunc(l.addresses, func(a address) bool { return a.port == n.port && a.name != n.name })
	})
}

// sayWhatStays names what a reload cannot change.
func (g *Gateway) sayWhatStays(next config.Process) {
	now := g.cfg.Process
	for _, d := range []struct {
		name    string
		changed bool
	}{
		{"User", next.User != now.User},
		{"Group", next.Group != now.Group},
		{"PidFile", next.PidFile != now.PidFile},
		{"SystemLog", next.SystemLog != now.SystemLog},
		{"ProxyTables", next.ProxyTables != now.ProxyTables},
		{"ProxyDatastore", next.Datastore != now.Datastore || next.DatastorePrefix != now.DatastorePrefix},
	} {
		if d.changed {
			g.log.Warn().Str("directive", d.name).Msgf("%s was changed, which takes effect at the next start", d.name)
		}
	}
}

const installTimeout = 10 * time.Second

// install hands a layout to the actors: pools first, so that no client finds a
// pool missing, listeners last. After an error the fresh sockets are the
// caller's still.
func (g *Gateway) install(ctx context.Context, l *layout, fresh []messages.OpenSocket) error {
	if err := g.choice.install(l); err != nil {
		return err
	}
	if err := g.ban(ctx, l); err != nil {
		return err
	}
	g.tryActivePorts(l)
	own := l.ownListeners()
	g.own.Store(&own)
	g.reception.Adopt(l.plan)
	sockets := slices.Clone(fresh)
	for _, name := range l.names() {
		sockets = append(sockets, messages.OpenSocket{Name: name}) // those that are open stay
	}
	_, err := mailbox.Ask(ctx, g.doors.inbox, installTimeout, func(done chan<- struct{}) messages.ToDoors {
		return messages.HangDoors{Sockets: sockets, Done: done}
	})
	if err != nil {
		return fmt.Errorf("changing the listeners: %w", err)
	}
	return nil
}

func (g *Gateway) reopenTransferLogs(ctx context.Context) error {
	done, err := mailbox.Ask(ctx, g.journal.Mailbox(), installTimeout, func(done chan<- messages.LogsReopened) messages.ToJournal {
		return messages.ReopenLogs{Reply: done}
	})
	return errors.Join(err, done.Err)
}

// names of the listeners.
func (l *layout) names() []string {
	names := make([]string, len(l.addresses))
	for i, a := range l.addresses {
		names[i] = a.name
	}
	return names
}
