package dialogue

import (
	"net/netip"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Rules say what a client may do, and what it is shown. Their rules:
//
//   - A rule about users knows a client's name once it is logged in, not before:
//     anybody can say a name. One about groups knows them where the gateway has
//     checked the password.
//   - In the forward role the client is who logged in at the gateway, if it had to:
//     the name at the destination is the destination's.
//   - What is refused never reaches a backend.
//   - Who is logged in stays that: a backend that lets its clients change their names
//     would let them out of their rules.
//
// A nil Rules has none. Sessions share them.
type Rules struct {
	// Personal says that they depend on who the client is, or did until it logged in.
	Personal bool
	// Refuses tells which <Limit> keeps a command ("STOR", "SITE_CHMOD", "LOGIN") from
	// a client; empty: it may use it. nil: everybody may use everything.
	Refuses func(command string, by Caller) string
	Args    Filter // AllowFilter, DenyFilter
	Paths   Filter // PathAllowFilter, PathDenyFilter

	GrantMsg   string   // AccessGrantMsg: what a login at the gateway is told; %u is the user
	AfterLogin []string // DisplayLogin
	AtQuit     []string // DisplayQuit

	// Later gives the settings for who has logged in (<IfUser>, <IfGroup>,
	// <IfAuthenticated>), nil if they are those that count already; nil: there are no
	// others.
	Later func(Caller) *Config
}

// Caller is the client as rules see it.
type Caller struct {
	Addr   netip.Addr
	Name   string   // in DNS; empty: it has none, or nobody looked
	User   string   // empty: not known yet
	Groups []string // nil: not known
}

// account is a login at the gateway itself.
type account struct {
	user   string // as the client wrote it
	group  string // the primary one
	groups []string
}

// Identified says who the client is, from when on the settings for it count. It
// comes before anything else that is done for this client.
type Identified struct{ By Caller }

func (Identified) action() {}

// Filter is a pair of expressions for texts. Without one everything passes.
type Filter struct {
	Name        string            // "" or "Path", for logs: as in PathDenyFilter
	Allow, Deny func(string) bool // match; nil: there is none
}

// stops names the directive that refuses a text; empty: it passes.
func (f *Filter) stops(text string) string {
	switch {
	case f.Allow != nil && !f.Allow(text):
		return f.Name + "AllowFilter"
	case f.Deny != nil && f.Deny(text):
		return f.Name + "DenyFilter"
	}
	return ""
}

// caller is the client as far as it is known.
func (m *Machine) caller() Caller {
	by := Caller{Addr: m.cfg.Client.Addr(), Name: m.cfg.ClientName}
	switch known := m.login.known; {
	case m.journey.guest != nil:
		by.User, by.Groups = m.journey.guest.user, m.journey.guest.groups
	case m.phase != loggedIn:
	case known != nil:
		by.User, by.Groups = known.user, known.groups
	default:
		by.User = m.login.user
	}
	return by
}

// forbidden is what a command is answered that rules refuse, and why they do; "":
// they do not.
func (m *Machine) forbidden(c ftp.Command) (r ftp.Reply, why string) {
	rules := m.cfg.Rules
	if rules == nil {
		return r, ""
	}
	if c.Arg != "" && !c.Secret() {
		if why = rules.Args.stops(c.Arg); why != "" {
			return ftp.ForbiddenArgument(c.Arg), why
		}
	}
	if rules.Refuses != nil {
		if why = rules.Refuses(limited(c), m.caller()); why != "" {
			return ftp.NotPermitted(c.Verb), why
		}
	}
	if path := namedPath(c); path != "" {
		if why = rules.Paths.stops(path); why != "" {
			return ftp.ForbiddenFilename(path), why
		}
	}
	return r, ""
}

// unlessKnown refuses what would make another of a client whom rules concern.
func unlessKnown(h handler) handler {
	return func(m *Machine, c ftp.Command) {
		if m.cfg.Rules != nil && m.cfg.Rules.Personal {
			m.note(Info, "rules concern this client, it cannot log in as somebody else", nil)
			m.answer(ftp.LoggedInAlready())
			return
		}
		h(m, c)
	}
}

// ruledOut answers a command that rules refuse.
func (m *Machine) ruledOut(c ftp.Command) bool {
	r, why := m.forbidden(c)
	if why == "" {
		return false
	}
	m.do(Note{Level: Info, Text: "refused by " + why, Command: c})
	m.answer(r)
	return true
}

// barsLogin reports whether a <Limit LOGIN> keeps a user out. Where the gateway
// checks passwords, that is left to whoever does.
func (m *Machine) barsLogin(user string) bool {
	rules := m.cfg.Rules
	if rules == nil || rules.Refuses == nil || m.cfg.Selection == AtPass || m.journey.guest != nil {
		return false
	}
	why := rules.Refuses("LOGIN", Caller{Addr: m.cfg.Client.Addr(), Name: m.cfg.ClientName, User: user})
	if why == "" {
		return false
	}
	m.note(Info, "USER "+printable(user)+" (Login failed): Limit configuration denies login: "+why, nil)
	return true
}

// limited is the name that <Limit> has for a command.
func limited(c ftp.Command) string {
	if c.Verb != ftp.SITE {
		return c.Verb
	}
	sub, _ := word(c.Arg)
	if sub == "" {
		return c.Verb
	}
	return c.Verb + "_" + strings.ToUpper(sub)
}

// word cuts the first word off, as lenient servers see it.
func word(s string) (first, rest string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

// namedPath is the path of a command that changes what is there; empty: it names
// none.
func namedPath(c ftp.Command) string {
	switch ftp.Canonical(c.Verb) {
	case ftp.STOR, ftp.STOU, ftp.APPE, ftp.MKD, ftp.RMD, ftp.DELE, ftp.RNFR, ftp.RNTO:
		return c.Arg
	case ftp.MFMT, ftp.MFCT, ftp.MFF:
		_, path := word(c.Arg)
		return path
	case ftp.SITE:
		switch limited(c) {
		case "SITE_CHMOD", "SITE_CHGRP":
			_, args := word(c.Arg)
			_, path := word(args)
			return path
		}
	}
	return ""
}

// identify has the settings for who has logged in count from here on.
func (m *Machine) identify() {
	if m.cfg.Rules == nil || m.cfg.Rules.Later == nil {
		return
	}
	by := m.caller()
	if cfg := m.cfg.Rules.Later(by); cfg != nil {
		m.do(Identified{by})
		m.adopt(*cfg)
	}
}

// adopt takes other settings.
func (m *Machine) adopt(cfg Config) { m.cfg = m.cfg.Changed(cfg) }

// Changed is to, but for what of cfg has been settled with the peers by the time
// that a client has logged in, and what has done its work by then. Which directives
// are left, config.afterLogin says.
func (cfg *Config) Changed(to Config) Config {
	to.Client, to.ClientName, to.Local = cfg.Client, cfg.ClientName, cfg.Local
	to.ServerNames, to.UseIPv6 = cfg.ServerNames, cfg.UseIPv6
	to.Selection, to.Forward.Method, to.Greeting = cfg.Selection, cfg.Forward.Method, cfg.Greeting
	to.DenyMsg, to.MaxLoginAttempts, to.LimitLogins, to.TimeoutLogin = cfg.DenyMsg, cfg.MaxLoginAttempts, cfg.LimitLogins, cfg.TimeoutLogin
	to.RetryCount, to.TimeoutConnect = cfg.RetryCount, cfg.TimeoutConnect
	to.TLS, to.BackendTLS, to.Protection = cfg.TLS, cfg.BackendTLS, cfg.Protection
	to.Direct.On, to.ShowFeatures, to.IgnoreForeign, to.AllowForeign = cfg.Direct.On, cfg.ShowFeatures, cfg.IgnoreForeign, cfg.AllowForeign
	to.AsciiDefault, to.OwnListener, to.DataRefused = cfg.AsciiDefault, cfg.OwnListener, cfg.DataRefused
	return to
}
