package gateway

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/actors/warden"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/logfile"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/stores"
)

// newWarden makes the actor that bans. Its bans are where the balance is kept, so
// that gateways with a store in common share them.
func (g *Gateway) newWarden() *warden.Actor {
	log, err := g.logs.logger(g.cfg.Servers[0].Settings("").Ban.Log, logfile.SystemFormat{Host: g.logs.host, PID: os.Getpid()}, g.log)
	if err != nil {
		g.log.Error().Err(err).Msg("opening BanLog, logging here instead")
	}
	return warden.New(warden.Config{Store: func() stores.Store { return g.choice.store }, Log: g.log, Bans: log})
}

// bansOf are the rules of one server, for each class that it bans clients of.
func bansOf(cfg *config.Config, server *config.Server) (all []messages.BanRules) {
	for _, class := range classNames(cfg.Process.Classes) {
		ban := server.Settings(class).Ban
		if !ban.Engine {
			continue
		}
		rules := messages.BanRules{
			Server: serverID(server), Name: server.Name, Class: class, Text: ban.Message, AnyServer: ban.MatchAnyServer,
		}
		for _, e := range ban.Events {
			if on, known := messages.MisdeedNamed(e.Event); known {
				rules.Rules = append(rules.Rules, messages.BanRule{On: on, Count: e.Count, Window: e.Window, Length: e.Ban, Text: e.Message})
			}
		}
		all = append(all, rules)
	}
	return all
}

// ban has a layout's rules count, and bans of an earlier process hold, before
// anybody is let in.
func (g *Gateway) ban(ctx context.Context, l *layout) error {
	_, err := mailbox.Ask(ctx, g.warden.Mailbox(), installTimeout, func(done chan<- struct{}) messages.ToWarden {
		return messages.ConfigureBans{Servers: l.bans, Done: done}
	})
	if err != nil {
		return fmt.Errorf("telling the warden the rules of bans: %w", err)
	}
	return nil
}

// limitLogins gives a door the limits on logins of users and classes.
func limitLogins(d *reception.Door, cfg *config.Config, l config.Limits) {
	d.PerUser, d.HostsPerUser = capOf(l.MaxClientsPerUser), capOf(l.MaxHostsPerUser)
	d.Class = func(host netip.Addr, name string) string { return classOf(cfg, host, name) }
	d.PerClass = map[string]reception.Cap{}
	for _, c := range l.MaxClientsPerClass {
		d.PerClass[c.Class] = capOf(c.Cap)
	}
}

// limitsLogins reports whether clients have to ask before they log in: because of
// a limit, or because they may be banned.
func limitsLogins(set *config.Settings) bool {
	l := set.Limits
	return set.Ban.Engine || l.MaxClients.Max > 0 || l.MaxClientsPerUser.Max > 0 || l.MaxHostsPerUser.Max > 0 || len(l.MaxClientsPerClass) > 0
}
