package gateway

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// Who may do what (<Limit>, the filters, <IfUser> and its kin). Its rules:
//
//   - Everything is read with the configuration. At a login nothing is opened,
//     resolved or waited for: settings for a user are put together from parts.
//   - Users to whom the same sections apply share a setup, whatever their number. A
//     server keeps so many of those; beyond them a session has one of its own.

// regime is what a site says about the clients of one class.
type regime struct {
	gateway *Gateway // nil: there are no rules to enforce
	cfg     *config.Config
	server  *config.Server
	files   displays
	class   string
}

func (r regime) of(class string) regime {
	r.class = class
	return r
}

// enforce gives a setup the rules for clients of its class.
func (r regime) enforce(own *ftpsession.Setup) {
	if r.gateway == nil {
		return
	}
	if last := len(own.Dialogue.Greeting) - 1; last > 0 {
		own.Dialogue.Greeting = append(replaced(own.Dialogue.Greeting[:last], "%x", r.class), own.Dialogue.Greeting[last])
	}
	set := r.server.Settings(r.class)
	rules := r.rules(set)
	if len(r.server.Overlays) > 0 {
		own.Later = r.later(own)
		rules = personal(rules)
		rules.Later = dialogueLater(own.Later)
	}
	own.Dialogue.Rules = rules
	if before := own.Admits; len(set.Access.Limits) > 0 {
		own.Admits = func(client netip.Addr, name string) error {
			if v := set.Access.JudgeConnect(config.Client{Addr: client, Name: name, Class: r.class}); v.Denied {
				return fmt.Errorf("<Limit LOGIN> at %s keeps this client out", v.At)
			}
			if before == nil {
				return nil
			}
			return before(client, name)
		}
	}
}

func dialogueLater(later func(dialogue.Caller) *ftpsession.Setup) func(dialogue.Caller) *dialogue.Config {
	return func(by dialogue.Caller) *dialogue.Config {
		if setup := later(by); setup != nil {
			return &setup.Dialogue
		}
		return nil
	}
}

// rules are those of some settings; nil: there are none.
func (r regime) rules(set *config.Settings) *dialogue.Rules {
	l, b := set.Limits, set.Banner
	rules := &dialogue.Rules{
		Args:       filter("", l.AllowFilter, l.DenyFilter),
		Paths:      filter("Path", l.PathAllowFilter, l.PathDenyFilter),
		GrantMsg:   b.AccessGrantMsg,
		AfterLogin: r.shown(set, b.DisplayLogin),
		AtQuit:     r.shown(set, b.DisplayQuit),
	}
	some := l.AllowFilter != nil || l.DenyFilter != nil || l.PathAllowFilter != nil || l.PathDenyFilter != nil
	some = some || b.AccessGrantMsg != "" || len(rules.AfterLogin)+len(rules.AtQuit) > 0
	if len(set.Access.Limits) > 0 {
		rules.Refuses, some = refuses(&set.Access, r.class), true
		rules = personal(rules)
	}
	if !some {
		return nil
	}
	return rules
}

// personal are rules that depend on who the client is.
func personal(rules *dialogue.Rules) *dialogue.Rules {
	if rules == nil {
		rules = &dialogue.Rules{}
	}
	rules.Personal = true
	return rules
}

// shown are the lines of a file, with what holds for all clients of the class.
func (r regime) shown(set *config.Settings, path string) []string {
	return replaced(r.gateway.filled(r.files[path], r.server, set), "%x", r.class)
}

func refuses(access *config.Access, class string) func(string, dialogue.Caller) string {
	return func(command string, by dialogue.Caller) string {
		v := access.Judge(command, config.Client{Addr: by.Addr, Name: by.Name, Class: class, User: by.User, Groups: by.Groups})
		if !v.Denied {
			return ""
		}
		return "<Limit> at " + v.At.String()
	}
}

func filter(name string, allow, deny *config.Pattern) dialogue.Filter {
	f := dialogue.Filter{Name: name}
	if allow != nil {
		f.Allow = allow.Match
	}
	if deny != nil {
		f.Deny = deny.Match
	}
	return f
}

// mostVariants bounds the setups that a server keeps for its users.
const mostVariants = 1024

// later finds the setup for who has logged in.
func (r regime) later(own *ftpsession.Setup) func(dialogue.Caller) *ftpsession.Setup {
	var mu sync.Mutex
	made := map[string]*ftpsession.Setup{} // by the sections that apply
	return func(by dialogue.Caller) *ftpsession.Setup {
		which := r.server.Matching(config.Client{Addr: by.Addr, Name: by.Name, Class: r.class, User: by.User, Groups: by.Groups})
		if len(which) == 0 {
			return nil
		}
		var key []byte
		for _, i := range which {
			key = binary.AppendUvarint(key, uint64(i))
		}
		mu.Lock()
		defer mu.Unlock()
		if setup := made[string(key)]; setup != nil {
			return setup
		}
		setup := r.variant(own, r.server.With(r.class, which))
		if len(made) < mostVariants {
			made[string(key)] = setup
		}
		return setup
	}
}

// variant is a setup with other settings, as far as those can still change after a
// login. A masquerade that would have to be looked up stays as it was.
func (r regime) variant(own *ftpsession.Setup, set *config.Settings) *ftpsession.Setup {
	next := *own
	next.Of, next.Later = own, nil
	d := dialogueOf(r.cfg, r.server, set)
	d.Masquerade = literal(set.Data.Masquerade, own.Dialogue.Masquerade)
	d.TLSMasquerade = literal(set.TLS.MasqueradeAddress, own.Dialogue.TLSMasquerade)
	d.Rules = personal(r.rules(set))
	next.Dialogue = own.Dialogue.Changed(d)
	next.PassivePorts = data.Ports{Low: set.Data.PassivePorts.Low, High: set.Data.PassivePorts.High}
	next.Stalled, next.TransferLog, next.Books = set.Timeouts.Stalled, set.Logs.Transfer.Path, r.gateway.extendedLogs(set)
	if own.Guard != nil {
		next.Guard = r.gateway.guard(set.Proxy.ForwardTo)
	}
	return &next
}

func literal(text string, otherwise netip.Addr) netip.Addr {
	if a, err := netip.ParseAddr(text); err == nil && a.Unmap().Is4() {
		return a.Unmap()
	}
	return otherwise
}

// everySettings are those that clients of a server may have: by class, and with
// each section for users.
func everySettings(cfg *config.Config, server *config.Server) []*config.Settings {
	var all []*config.Settings
	for _, class := range classNames(cfg.Process.Classes) {
		if set := server.Settings(class); !slices.Contains(all, set) {
			all = append(all, set)
		}
	}
	for i := range server.Overlays {
		all = append(all, server.With("", []int{i}))
	}
	return all
}
