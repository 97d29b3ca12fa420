// Package gateway is the root of the actor tree. It reads the configuration,
// opens what needs opening in the order that privileges dictate, assembles the
// actors, and takes them down again in the reverse order.
//
//	log queue                          first up, last down: everybody logs
//	vault, journal                     services of the sessions
//	policy, health, discovery, porter  those that find each client its backend
//	warden                             knows who is kept out
//	reception                          supervises the sessions, drains them
//	doors                              the listeners: last up, first down
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/journal"
	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/actors/vault"
	"github.com/sluice-gateway/sluice/actors/warden"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/logfile"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/service"
	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/badger"
)

// Options are what the command line decides.
type Options struct {
	ConfigPath string
	Defines    []string
	Version    string
	Stderr     io.Writer     // for people, and for logs without a file
	Color      bool          // of what goes to Stderr
	JSON       bool          // logs as JSON lines
	Level      zerolog.Level // least level that is logged
	Drain      time.Duration // how long sessions may take to end; 0 means 30 s
	Getenv     func(string) string
	LookupEnv  func(string) (string, bool)
	Ready      func(addresses []string) // called once all listeners are up; may be nil
	Processors *service.Processors      // lent to transfers in TLS and to hashes; nil: none are
}

// Gateway is one running gateway.
type Gateway struct {
	opts    Options
	notify  *service.Notifier
	logs    *logbook
	log     zerolog.Logger
	account service.Account
	cfg     *config.Config

	layout       *layout
	own          atomic.Pointer[[]netip.AddrPort] // listeners of the layout in force
	sockets      []messages.OpenSocket            // opened, not yet with the doors
	transferLogs []*logfile.File                  // opened, not yet with the journal

	services  *ftpsession.Services
	choice    *choice
	rewriting *rewriting
	vault     *vault.Vault
	warden    *warden.Actor
	journal   *journal.Journal
	reception *reception.Reception
	doors     *doors
	store     stores.Store // of this gateway alone
	pid       *service.PIDFile

	announced bool // Options.Ready was called; owned by the clerk
}

// ErrConfig is wrapped when the configuration has errors; the report was
// written to Options.Stderr.
var ErrConfig = errors.New("the configuration has errors")

// Start reads the configuration and opens everything that needs privileges,
// then gives those up. Run must follow, or Close.
func Start(ctx context.Context, opts Options) (_ *Gateway, err error) {
	g := &Gateway{opts: opts, notify: service.NewNotifier(opts.Getenv)}
	defer func() {
		if err != nil {
			g.Close()
		}
	}()
	if g.cfg, err = g.load(); err != nil {
		return nil, err
	}
	if g.account, err = service.LookupAccount(g.cfg.Process.User, g.cfg.Process.Group); err != nil {
		return nil, err
	}
	if g.logs, err = openLogs(opts, g.cfg, g.account); err != nil {
		return nil, err
	}
	g.log = g.logs.system
	g.raiseLimit()
	if err := g.openHouse(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

// openHouse does everything between the logs and the tree of actors.
func (g *Gateway) openHouse(ctx context.Context) error {
	p := g.cfg.Process
	tables := p.ProxyTables
	if tables == "" {
		var err error
		if tables, err = service.DefaultStateDir(g.opts.Getenv, os.Geteuid() == 0); err != nil {
			return err
		}
	}
	dir, err := service.PrepareStateDir(tables, g.account)
	if err != nil {
		return err
	}
	g.services = &ftpsession.Services{Pipes: data.NewPipes(), Buffers: new(readiness.Buffers)}
	g.services.Pipes.Processors = g.opts.Processors // lends nothing if it is nil
	// Before the layout, whose parts save in it or ask it; the stores are opened later.
	g.vault = vault.New(vault.Config{Store: func() stores.Store { return g.store }, Log: g.log})
	g.rewriting = newRewriting(g.opts.LookupEnv, g.log)
	g.choice = newChoice(g.cfg.Process, g.opts.Processors, g.log)
	g.warden = g.newWarden()
	if g.layout, err = g.lay(ctx, g.cfg); err != nil {
		return err
	}
	if g.sockets, err = openSockets(ctx, g.layout.addresses, nil); err != nil {
		return err
	}
	g.transferLogs = g.logs.transferLogs(g.cfg)
	if p.PidFile != "" {
		if g.pid, err = service.WritePIDFile(p.PidFile, 0); err != nil {
			return err
		}
	}
	standing, err := service.DropPrivileges(g.account, true)
	if err != nil {
		return err
	}
	if standing.Warning != "" {
		g.log.Warn().Msg(standing.Warning)
	}
	// Only now: its files belong to the user that serves.
	store, err := badger.Open(dir.Store, g.log)
	if err != nil {
		return fmt.Errorf("opening the state in %s: %w", dir.Path, err)
	}
	g.store = store // not before: a store that is none must not be closed
	balance, err := balanceStore(g.cfg, g.store, g.log)
	if err != nil {
		return err
	}
	g.choice.use(balance)
	g.staff()
	return nil
}

// staff makes the other actors.
func (g *Gateway) staff() {
	g.journal = journal.New(journal.Config{
		Files: g.transferLogs,
		Open:  g.logs.openTransferLog,
	}, g.log)
	g.services.Policy = g.choice.policy.Mailbox()
	g.services.Discovery = g.choice.discovery.Mailbox()
	g.services.Porter = g.choice.porter.Mailbox()
	g.services.Journal = g.journal.Mailbox()
	g.services.Misdeed = g.warden.Happened
	g.reception = reception.New(reception.Config{Log: g.log, Drain: g.opts.Drain, Bans: g.warden}, g.layout.plan)
	g.services.Reception = g.reception.Mailbox()
	g.doors = newDoors(g.log, g.reception.Mailbox())
}

// Run serves until ctx ends, reloading whenever reload delivers, then drains
// and stops. It returns nil after an ordered stop.
func (g *Gateway) Run(ctx context.Context, reload <-chan os.Signal) error {
	tree := supervise.NewTree("gateway", supervise.Options{Observe: g.observe})
	tree.Add(supervise.Child{Actor: g.logs.queue})
	tree.Add(supervise.Child{Actor: g.vault, Retire: g.vault.Mailbox().Retire})
	g.choice.plant(tree)
	tree.Add(supervise.Child{Actor: g.warden, Retire: g.warden.Mailbox().Retire})
	tree.Add(supervise.Child{Actor: g.journal, Retire: g.journal.Mailbox().Retire})
	tree.Add(supervise.Child{Actor: g.reception, Retire: g.reception.Mailbox().Retire, Grace: g.drainTime() + 10*time.Second})
	tree.Add(supervise.Child{Actor: g.doors})
	tree.Add(supervise.Child{Actor: &service.Housekeeper{}})
	tree.Add(supervise.Child{Actor: supervise.Func("clerk", func(ctx context.Context) error {
		return g.clerk(ctx, reload)
	})})
	err := tree.Run(ctx)
	g.Close()
	return err
}

// clerk opens the house: pools to policy, sockets to the doors, word to the
// service manager. Then it reloads on request.
func (g *Gateway) clerk(ctx context.Context, reload <-chan os.Signal) error {
	if err := g.install(ctx, g.layout, g.sockets); err != nil {
		return err
	}
	g.sockets = nil
	names := g.layout.names()
	g.log.Info().Str("listening", strings.Join(names, " ")).Str("version", g.opts.Version).Msg("sluice is ready")
	g.notified(g.notify.Ready(fmt.Sprintf("Serving on %d listeners", len(names))))
	if g.opts.Ready != nil && !g.announced {
		g.opts.Ready(names)
	}
	g.announced = true
	for {
		select {
		case <-reload:
			g.reload(ctx)
		case <-ctx.Done():
			g.notified(g.notify.Stopping("Draining sessions"))
			return nil
		}
	}
}

func (g *Gateway) drainTime() time.Duration {
	if g.opts.Drain > 0 {
		return g.opts.Drain
	}
	return 30 * time.Second
}

func (g *Gateway) notified(err error) {
	if err != nil {
		g.log.Warn().Err(err).Msg("telling the service manager")
	}
}

// observe logs what happens in the tree.
func (g *Gateway) observe(e supervise.Event) {
	switch e.Kind {
	case supervise.Started, supervise.Ended:
		if e.Err == nil {
			g.log.Debug().Str("actor", e.Child).Msg(string(e.Kind))
			return
		}
	case supervise.Restarting, supervise.GaveUp, supervise.Lagging:
	}
	line := g.log.Error().Err(e.Err).Str("actor", e.Child)
	if e.Pause > 0 {
		line.Stringer("pause", e.Pause.Round(time.Millisecond))
	}
	var crash *supervise.Crash
	if errors.As(e.Err, &crash) {
		line.Bytes("stack", crash.Stack)
	}
	line.Msg("actor " + string(e.Kind))
}

// Close gives back what Start opened. It is called by Run.
func (g *Gateway) Close() {
	closeSockets(g.sockets)
	g.sockets = nil
	if g.journal == nil {
		for _, f := range g.transferLogs {
			_ = f.Close() // nothing was written to it
		}
	}
	g.transferLogs = nil
	if err := errors.Join(g.layout.close(), g.choice.close(g.store)); err != nil {
		g.log.Error().Err(err).Msg("closing what backends and accounts come from")
	}
	if g.store != nil {
		if err := g.store.Close(); err != nil {
			g.log.Error().Err(err).Msg("closing the state")
		}
		g.store = nil
	}
	if g.journal != nil {
		if err := g.journal.Close(); err != nil {
			g.log.Error().Err(err).Msg("closing the transfer logs")
		}
		g.journal = nil
	}
	if g.services != nil {
		g.services.Pipes.Close()
	}
	if g.pid != nil {
		if err := g.pid.Remove(); err != nil {
			g.log.Warn().Err(err).Msg("removing the PID file")
		}
		g.pid = nil
	}
	if g.logs != nil {
		g.logs.close()
	}
}

func (g *Gateway) raiseLimit() {
	limit, err := service.RaiseFileLimit()
	if err == nil {
		sessions := g.cfg.Process.MaxInstances
		if sessions == 0 {
			sessions = wantedSessions
		}
		err = limit.Check(sessions)
	}
	if err != nil {
		g.log.Warn().Err(err).Msg("limit on open files")
	}
}

// wantedSessions is how many sessions a gateway without MaxInstances should be
// able to carry before it is worth a warning.
const wantedSessions = 2000
