package warden_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/warden"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise/supervisetest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; it is only used up by a failing one.
const patience = 10 * time.Second

// house is a warden under a supervisor.
type house struct {
	*warden.Actor
	t    testing.TB
	log  *logtest.Lines
	stop func() // ends the actor and waits
}

func start(t testing.TB, cfg warden.Config, servers ...messages.BanRules) *house {
	h := &house{t: t, log: &logtest.Lines{}}
	if cfg.Store == nil {
		cfg.Store = in(memory.New())
	}
	cfg.TakeWithin = patience // no event is to be lost here
	cfg.Log = zerolog.New(h.log).Level(zerolog.InfoLevel)
	cfg.Bans = cfg.Log
	h.Actor = warden.New(cfg)
	h.stop = supervisetest.Run(t, h.Actor, h.Mailbox().Retire, nil)
	h.configure(servers...)
	return h
}

func in(s stores.Store) func() stores.Store { return func() stores.Store { return s } }

func (h *house) configure(servers ...messages.BanRules) {
	h.t.Helper()
	_, err := mailbox.Ask(context.Background(), h.Mailbox(), patience, func(done chan<- struct{}) messages.ToWarden {
		return messages.ConfigureBans{Servers: servers, Done: done}
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) describe() messages.BansDescribed {
	h.t.Helper()
	d, err := mailbox.Ask(context.Background(), h.Mailbox(), patience, func(reply chan<- messages.BansDescribed) messages.ToWarden {
		return messages.DescribeBans{Reply: reply}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

func (h *house) set(b messages.Ban) error {
	h.t.Helper()
	err, asked := mailbox.Ask(context.Background(), h.Mailbox(), patience, func(reply chan<- error) messages.ToWarden {
		return messages.SetBan{Ban: b, Reply: reply}
	})
	if asked != nil {
		h.t.Fatal(asked)
	}
	return err
}

func (h *house) lift(m messages.LiftBan) int {
	h.t.Helper()
	d, err := mailbox.Ask(context.Background(), h.Mailbox(), patience, func(reply chan<- messages.BanLifted) messages.ToWarden {
		m.Reply = reply
		return m
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return d.Lifted
}

// visitor is one of the server "main": "user@host/class", of which parts may lack.
func visitor(who string) messages.Visitor {
	v := messages.Visitor{Server: "main"}
	who, v.Class, _ = strings.Cut(who, "/")
	user, host, _ := strings.Cut(who, "@")
	v.User = user
	if host != "" {
		v.Host = netip.MustParseAddr(host)
	}
	return v
}

// does has an event happen some times.
func (h *house) does(what messages.Misdeed, who string, times int) {
	h.t.Helper()
	for range times {
		h.Happened(messages.EventHappened{What: what, By: visitor(who)})
	}
	h.describe() // it has been counted
}

func (h *house) wantBanned(who string, want bool) messages.BanAnswered {
	h.t.Helper()
	got := h.Banned(messages.AskBan{Visitor: visitor(who)})
	if got.Banned != want {
		h.t.Errorf("%s: banned %v (%s), want %v", who, got.Banned, got.Why, want)
	}
	return got
}

// logins is the rule of most tests: three MaxLoginAttempts in ten seconds bring a
// minute.
var logins = messages.BanRule{On: messages.MaxLoginAttempts, Count: 3, Window: 10 * time.Second, Length: time.Minute}

func mainServer(rules ...messages.BanRule) messages.BanRules {
	return messages.BanRules{Server: "main", Name: "Main", Rules: rules, Text: "%a, %u of %c: come back later"}
}
