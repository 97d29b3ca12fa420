package reception

import (
	"net/netip"

	"github.com/sluice-gateway/sluice/messages"
)

// Who may log in: nobody who is banned, and no more than the limits of the server,
// of the client's class and of the user allow. What a session has taken is given
// back once, when it ends, or when it names another user.

// Bans is who knows which clients are kept out, and counts what they do. Neither
// method may keep the caller waiting for more than a moment.
type Bans interface {
	Banned(messages.AskBan) messages.BanAnswered
	Happened(messages.EventHappened)
}

// nobodyBanned is Bans where there is no such thing.
type nobodyBanned struct{}

func (nobodyBanned) Banned(messages.AskBan) messages.BanAnswered { return messages.BanAnswered{} }
func (nobodyBanned) Happened(messages.EventHappened)             {}

// account is a user of one server, ward a class of its clients.
type (
	account struct{ server, user string }
	ward    struct{ server, class string }
)

// claim is what a session has taken of the limits on logins.
type claim struct {
	door    *Door   // whose MaxClients and MaxClientsPerClass it counts towards; nil: it has not logged in
	class   string  // of the client, at that server
	account account // whose MaxClientsPerUser and MaxHostsPerUser it counts towards
}

// visitor is a client as bans see it.
func (d *Door) visitor(host netip.Addr, name, user string) messages.Visitor {
	v := messages.Visitor{Server: d.Server, Host: host, User: user}
	if d.Class != nil {
		v.Class = d.Class(host, name)
	}
	return v
}

// shutOut turns a client away that is banned. Others count, by the way they come.
func (r *Reception) shutOut(m messages.AdmitClient, door *Door, by messages.Visitor) bool {
	if b := r.cfg.Bans.Banned(messages.AskBan{Visitor: by}); b.Banned {
		r.turnAway(m, door.refusal(b.Text), b.Why)
		return true
	}
	r.misdeed(messages.ClientConnectRate, by)
	return false
}

func (r *Reception) misdeed(what messages.Misdeed, by messages.Visitor) {
	r.cfg.Bans.Happened(messages.EventHappened{What: what, By: by})
}

// login lets a client try to log in, or says why not.
func (r *Reception) login(m messages.AskLogin) messages.LoginAnswered {
	g, ok := r.sessions[m.Session]
	if !ok {
		return messages.LoginAnswered{}
	}
	door := g.door
	if behind := door.Behind[m.Server]; behind != nil {
		door = behind
	}
	by := door.visitor(g.place.host, g.name, m.User)
	if b := r.cfg.Bans.Banned(messages.AskBan{Visitor: by}); b.Banned {
		if b.Text == "" { // who has come so far is owed an answer
			b.Text = "Login incorrect."
		}
		return r.refuse(g, by, b.Text, b.Why)
	}
	for _, l := range r.limits(g, door, by) {
		if !l.cap.full(l.count) {
			continue
		}
		if l.counts {
			r.misdeed(l.what, by)
		}
		return r.refuse(g, by, l.cap.text(), l.name+" reached")
	}
	r.claim(g, door, by)
	return messages.LoginAnswered{}
}

func (r *Reception) refuse(g *guest, by messages.Visitor, text, why string) messages.LoginAnswered {
	r.refused++
	r.cfg.Log.Warn().Stringer("session", g.session).Str("user", by.User).Str("reason", why).Msg("login refused")
	return messages.LoginAnswered{Refusal: text}
}

// limit is one of those on logins, and how much of it is taken.
type limit struct {
	name   string
	cap    Cap
	count  int
	what   messages.Misdeed
	counts bool // what is to be told where bans are kept
}

// limits lists those that a login has to pass, in the order of the directives. A
// session that was let in passes those of the server and the class again.
func (r *Reception) limits(g *guest, door *Door, by messages.Visitor) (all []limit) {
	if g.claim.door == nil {
		all = append(all,
			limit{name: "MaxClients", cap: door.MaxLogins, count: r.logins[door.Server]},
			limit{"MaxClientsPerClass", door.PerClass[by.Class], r.classes[ward{door.Server, by.Class}], messages.MaxClientsPerClass, true})
	}
	if by.User == "" || door.PerUser.Max == 0 && door.HostsPerUser.Max == 0 {
		return all
	}
	clients, hosts := r.company(g, account{door.Server, by.User})
	return append(all,
		limit{"MaxClientsPerUser", door.PerUser, clients, messages.MaxClientsPerUser, true},
		limit{"MaxHostsPerUser", door.HostsPerUser, hosts, messages.MaxHostsPerUser, true})
}

// company counts the other clients of a user, and their hosts other than this one's.
// From elsewhere only those count who are logged in: nobody can lock a user out by
// merely using the name.
func (r *Reception) company(g *guest, of account) (clients, hosts int) {
	var seen map[netip.Addr]bool
	for other := range r.users[of] {
		if other == g || other.place.host != g.place.host && !other.session.LoggedIn() {
			continue
		}
		if clients++; seen == nil {
			seen = map[netip.Addr]bool{}
		}
		seen[other.place.host] = true
	}
	if seen[g.place.host] {
		return clients, 0 // it is one of those that have passed
	}
	return clients, len(seen)
}

// claim books a login.
func (r *Reception) claim(g *guest, door *Door, by messages.Visitor) {
	if g.claim.door == nil {
		g.claim.door, g.claim.class = door, by.Class
		r.logins[door.Server]++
		r.classes[ward{door.Server, by.Class}]++
	}
	r.leaveUser(g)
	if by.User == "" {
		return
	}
	g.claim.account = account{door.Server, by.User}
	if r.users[g.claim.account] == nil {
		r.users[g.claim.account] = map[*guest]struct{}{}
	}
	r.users[g.claim.account][g] = struct{}{}
}

// unclaim gives back what a session has taken.
func (r *Reception) unclaim(g *guest) {
	r.leaveUser(g)
	if g.claim.door == nil {
		return
	}
	server := g.claim.door.Server
	giveBack(r.logins, server)
	giveBack(r.classes, ward{server, g.claim.class})
	g.claim = claim{}
}

func (r *Reception) leaveUser(g *guest) {
	of := g.claim.account
	delete(r.users[of], g)
	if len(r.users[of]) == 0 {
		delete(r.users, of)
	}
	g.claim.account = account{}
}

func giveBack[K comparable](counts map[K]int, k K) {
	if counts[k]--; counts[k] <= 0 {
		delete(counts, k)
	}
}
