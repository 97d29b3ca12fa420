package warden

import (
	"maps"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// view is what the warden publishes: what is needed to answer AskBan, and to know
// which events are worth a message. It never changes; each change is a new one.
// Most bans stand in a map that many views share, the latest in a small one.
type view struct {
	rules      map[place]*rules
	old, young map[subject][]messages.Ban // one for each server; young counts where it has an entry
}

// place is where rules hold.
type place struct{ server, class string }

// subject is whom a ban is about.
type subject struct {
	kind messages.BanKind
	name string
}

// young bans are copied at each change, so there are few.
const maxYoung = 256

// with is a view in which the bans of one subject are others. all are those of
// everybody, the change included.
func (v *view) with(s subject, all map[subject][]messages.Ban) *view {
	next := &view{rules: v.rules, old: v.old}
	if len(v.young) >= maxYoung {
		next.old = maps.Clone(all)
		return next
	}
	next.young = maps.Clone(v.young)
	if next.young == nil {
		next.young = map[subject][]messages.Ban{}
	}
	next.young[s] = all[s]
	return next
}

func (v *view) of(s subject) []messages.Ban {
	if bans, ok := v.young[s]; ok {
		return bans
	}
	return v.old[s]
}

// rules of one server for one class, by event.
type rules struct {
	messages.BanRules
	on [messages.Misdeeds][]messages.BanRule
}

func newRules(b messages.BanRules) *rules {
	r := &rules{BanRules: b}
	for _, rule := range b.Rules {
		if rule.On < messages.Misdeeds {
			r.on[rule.On] = append(r.on[rule.On], rule)
		}
	}
	return r
}

// bannedBy is what a rule about an event bans, where that is not the host.
var bannedBy = map[messages.Misdeed]messages.BanKind{
	messages.MaxClientsPerClass:       messages.ClassBan,
	messages.MaxClientsPerUser:        messages.UserBan,
	messages.MaxHostsPerUser:          messages.UserBan,
	messages.MaxLoginAttemptsFromUser: messages.PairBan,
}

var kinds = [...]messages.BanKind{messages.HostBan, messages.UserBan, messages.ClassBan, messages.PairBan}

// maxName bounds the names that are counted and banned. Nobody has a longer one.
const maxName = 255

// subjectOf is what a ban of a kind calls a visitor; false: that is not known of it.
func subjectOf(kind messages.BanKind, by messages.Visitor) (subject, bool) {
	s := subject{kind: kind}
	switch kind {
	case messages.HostBan:
		s.name = hostName(by.Host)
	case messages.UserBan:
		s.name = by.User
	case messages.ClassBan:
		s.name = by.Class
	case messages.PairBan:
		if host := hostName(by.Host); by.User != "" && host != "" {
			s.name = by.User + "@" + host
		}
	}
	return s, s.name != "" && len(s.name) <= maxName
}

// banned finds the ban that keeps a visitor out.
func (v *view) banned(by messages.Visitor, now time.Time) (messages.Ban, *rules, bool) {
	r := v.rules[place{by.Server, by.Class}]
	if r == nil || len(v.old)+len(v.young) == 0 {
		return messages.Ban{}, nil, false
	}
	for _, kind := range kinds {
		s, ok := subjectOf(kind, by)
		if !ok {
			continue
		}
		for _, b := range v.of(s) {
			if (b.Server == "" || b.Server == by.Server || r.AnyServer) && inForce(b, now) {
				return b, r, true
			}
		}
	}
	return messages.Ban{}, nil, false
}

func inForce(b messages.Ban, now time.Time) bool { return b.Until.IsZero() || now.Before(b.Until) }

// told is what a banned visitor hears: the text of the rule, or BanMessage, in
// which %a, %u and %c are its address, its user name and its class.
func told(text string, by messages.Visitor) string {
	if !strings.Contains(text, "%") {
		return text
	}
	return strings.NewReplacer("%a", orNone(addrText(by.Host)), "%u", orNone(printable(by.User)), "%c", orNone(by.Class)).Replace(text)
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
