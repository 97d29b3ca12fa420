package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// load reads the configuration and says what it found.
func (g *Gateway) load() (*config.Config, error) {
	cfg, report := config.Load(g.opts.ConfigPath, config.Options{Defines: g.opts.Defines, Getenv: g.opts.LookupEnv})
	for _, p := range report.Problems {
		if _, err := fmt.Fprintln(g.opts.Stderr, p); err != nil {
			return nil, err
		}
	}
	if cfg == nil {
		return nil, fmt.Errorf("%w: %d errors, %d warnings in %s", ErrConfig, report.Errors(), report.Warnings(), g.opts.ConfigPath)
	}
	return cfg, nil
}

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
		g.log.Info().Strs("listening", g.layout.names()).Dur("took", time.Since(began)).Msg("configuration reloaded")
	}
	g.notified(g.notify.Ready(fmt.Sprintf("Serving on %d listeners", len(g.layout.addresses))))
}

// adopt makes a freshly read configuration the one in force.
func (g *Gateway) adopt(ctx context.Context) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	next, err := g.lay(ctx, cfg)
	if err != nil {
		return err
	}
	open := map[string]bool{}
	for _, name := range g.layout.names() {
		open[name] = true
	}
	fresh, err := openSockets(ctx, next.addresses, open)
	if err != nil {
		return err
	}
	if err := g.install(ctx, next, fresh); err != nil {
		return err
	}
	g.cfg, g.layout = cfg, next
	return nil
}

const installTimeout = 10 * time.Second

// install hands a layout to the actors: pools first, so that no client finds a
// pool missing, listeners last.
func (g *Gateway) install(ctx context.Context, l *layout, fresh []messages.OpenSocket) error {
	err := g.policy.Mailbox().Tell(messages.ConfigurePools{Pools: l.pools}, installTimeout)
	if err != nil {
		closeSockets(fresh)
		return fmt.Errorf("telling policy the pools: %w", err)
	}
	g.reception.Adopt(l.plan)
	sockets := fresh
	for _, name := range l.names() {
		sockets = append(sockets, messages.OpenSocket{Name: name}) // those that are open stay
	}
	_, err = mailbox.Ask(ctx, g.doors.inbox, installTimeout, func(done chan<- struct{}) messages.ToDoors {
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
