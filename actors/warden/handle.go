package warden

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-gateway/sluice/messages"
)

func (a *Actor) handle(m messages.ToWarden) {
	switch m := m.(type) {
	case messages.EventHappened:
		a.count(m)
	case messages.ConfigureBans:
		a.configure(m)
	case messages.SetBan:
		err := a.setBan(m.Ban)
		if m.Reply != nil {
			m.Reply <- err
		}
	case messages.LiftBan:
		n := a.lift(m)
		if m.Reply != nil {
			m.Reply <- messages.BanLifted{Lifted: n}
		}
	case messages.DescribeBans:
		m.Reply <- a.describe()
	default:
		a.log.Error().Type("message", m).Msg("a message that the warden does not know; it is dropped")
	}
	a.wake()
}

// count has an event count against each rule that is about it.
func (a *Actor) count(e messages.EventHappened) {
	r := a.view.Load().rules[place{e.By.Server, e.By.Class}]
	if r == nil || e.What >= messages.Misdeeds {
		return // of a configuration that is gone
	}
	s, ok := subjectOf(bannedBy[e.What], e.By)
	if !ok {
		return
	}
	a.counted++
	now := a.cfg.Now()
	for _, rule := range r.on[e.What] {
		if !a.tallies.reached(counted{e.By.Server, rule, s.name}, now) {
			continue
		}
		b := messages.Ban{
			Kind: s.kind, Server: e.By.Server, Name: s.name, Since: now, Text: rule.Text,
			Why: fmt.Sprintf("%d %v within %v", rule.Count, rule.On, rule.Window),
		}
		if rule.Length > 0 {
			b.Until = now.Add(rule.Length)
		}
		if old, there := a.find(idOf(b)); there && inForce(old, now) && !longer(b, old) {
			continue // it holds at least as long: somebody said so
		}
		if err := a.impose(b); err != nil {
			a.log.Error().Err(err).Msg("a rule could not ban")
		}
	}
}

// longer reports that b ends after old.
func longer(b, old messages.Ban) bool {
	return !old.Until.IsZero() && (b.Until.IsZero() || b.Until.After(old.Until))
}

// configure replaces the rules.
func (a *Actor) configure(m messages.ConfigureBans) {
	all := map[place]*rules{}
	clear(a.names)
	for _, b := range m.Servers {
		all[place{b.Server, b.Class}] = newRules(b)
		a.names[b.Server] = b.Name
	}
	next := *a.view.Load()
	next.rules = all
	a.view.Store(&next)
	if m.Done != nil {
		m.Done <- struct{}{}
	}
}

// nameOf is what people call a server.
func (a *Actor) nameOf(server string) string {
	switch name := a.names[server]; {
	case server == "":
		return "all"
	case name != "":
		return name
	}
	return server
}

var (
	errNobody = errors.New("a ban needs a name of at most 255 bytes: an address, a user, a class, or user@address")
	errPast   = errors.New("the ban would be over already")
)

// setBan bans whom somebody names.
func (a *Actor) setBan(b messages.Ban) error {
	b.Since = a.cfg.Now()
	name, err := canonical(b.Kind, b.Name)
	switch {
	case err != nil:
		return fmt.Errorf("ban %v %q: %w", b.Kind, b.Name, err)
	case !inForce(b, b.Since):
		return fmt.Errorf("ban %v %q until %v: %w", b.Kind, b.Name, b.Until, errPast)
	}
	b.Name = name
	return a.impose(b)
}

// canonical is how bans write a name: hosts have one form only.
func canonical(kind messages.BanKind, name string) (string, error) {
	user, host := "", name
	if kind == messages.PairBan {
		at := strings.LastIndexByte(name, '@')
		if at < 1 {
			return "", errNobody
		}
		user, host = name[:at+1], name[at+1:]
	}
	if kind == messages.HostBan || kind == messages.PairBan {
		host, err := parseHost(host)
		if err != nil {
			return "", err
		}
		name = user + host
	}
	if name == "" || len(name) > maxName || int(kind) >= len(letters) {
		return "", errNobody
	}
	return name, nil
}

// lift ends bans.
func (a *Actor) lift(m messages.LiftBan) (n int) {
	name, err := canonical(m.Kind, m.Name)
	if err != nil {
		return 0
	}
	for _, b := range a.bans[subject{m.Kind, name}] {
		if m.Server != "" && b.Server != m.Server {
			continue
		}
		i := idOf(b)
		a.drop(i)
		a.out.Change(i.key(), nil)
		a.ended(i, m.Why)
		n++
	}
	return n
}

func (a *Actor) describe() messages.BansDescribed {
	now := a.cfg.Now()
	return messages.BansDescribed{
		Bans:    a.all(func(b messages.Ban) bool { return inForce(b, now) }),
		Watched: len(a.tallies.byKey), Counted: a.counted, Passed: a.passed.Load(), Answered: a.answered.Load(),
	}
}
