package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// login is what the client said about itself, and what came of that.
type login struct {
	user     string   // as the client wrote it
	account  bool     // the backend wants ACCT before it lets the client in
	asking   bool     // AskLogin is not answered yet
	checking bool     // CheckLogin is not answered yet
	unlisted bool     // nobody serves that name, or it is barred: its password is refused, whatever it is
	denied   bool     // a password was refused
	known    *account // whose password the gateway has checked; nil: nobody's
}

// user begins a login, if there is room for one more client.
func (m *Machine) user(c ftp.Command) {
	if c.Arg == "" && m.cfg.Selection != AtConnect {
		m.answer(ftp.Failed(500, ftp.USER, "command requires a parameter"))
		return
	}
	m.login = login{user: c.Arg}
	if m.cfg.LimitLogins {
		m.login.asking = true
		m.do(AskLogin{c.Arg})
		return
	}
	m.announced(c)
}

func (m *Machine) loginAnswered(ev messages.LoginAnswered) {
	if !m.login.asking {
		return
	}
	m.login.asking = false
	if ev.Refusal != "" {
		m.note(Info, "login refused: "+ev.Refusal, nil)
		m.farewell(ftp.LoginRefused(ev.Refusal), "login refused")
		return
	}
	m.announced(m.asked)
}

// userReply passes on what the backend says to USER.
func (m *Machine) userReply(r ftp.Reply) {
	r = m.introduced(r)
	if r.Code == 230 || r.Code == 232 { // 232: RFC 2228, the TLS certificate sufficed
		m.enter(r)
		return
	}
	m.loginReply(r)
}

// withUser puts the backend URL's user name in place of the client's.
func (m *Machine) withUser(c ftp.Command) ftp.Command {
	if u := m.back.backend.URL; u.HasUser {
		c.Arg, c.HasArg = u.User, true
	}
	return c
}

// withoutURLName gives the client its own name back in the answers to its
// login, as the name in the URL, and its password, are none of its business.
func (m *Machine) withoutURLName(r ftp.Reply) ftp.Reply {
	if u := m.back.backend.URL; u.HasUser {
		r = ftp.Discreet(r, u.Password)
		r.Text = strings.ReplaceAll(r.Text, u.User, m.login.user)
	}
	return r
}

// pass relays PASS, with the password of the backend URL where it has one.
func (m *Machine) pass(c ftp.Command) {
	c.HasArg = true // an empty password is an argument all the same
	if u := m.back.backend.URL; u.HasUser && u.Password != "" {
		c.Arg = u.Password
	}
	m.forward(c, (*Machine).passReply)
}

func (m *Machine) account(c ftp.Command) {
	if !m.login.account {
		m.loginFirst(c)
		return
	}
	m.forward(c, (*Machine).passReply)
}

func (m *Machine) passReply(r ftp.Reply) {
	if r.Positive() {
		m.enter(r)
		return
	}
	m.loginReply(r)
}

// loginReply passes on what the backend says to a login that has not succeeded yet.
func (m *Machine) loginReply(r ftp.Reply) {
	m.login.account = r.Code == 332
	shown := m.withoutURLName(r)
	switch {
	case refusesLogin(r):
		m.do(Note{Level: Info, Text: "backend refused the login", Reply: m.discreet(r)})
		m.deny(shown)
	case r.Negative() && m.cfg.Selection == AtPass: // it takes no USER and PASS of ours
		m.turnAway(shown)
	default:
		m.answer(shown)
	}
}

// refusesLogin tells a refusal from complaints about the order or the form of
// commands, by which nobody has been tried.
func refusesLogin(r ftp.Reply) bool {
	return r.Negative() && (r.Code < 500 || r.Code > 504)
}

// enter marks the login as done and tells the client, in the backend's words. The
// transfer type that the client chose while we were alone with it is passed on
// first: it was told that it counts.
func (m *Machine) enter(r ftp.Reply) {
	r = m.withoutURLName(r)
	m.login.account = false
	m.phase = loggedIn
	m.clock.loggedIn(m.now)
	m.identify()
	m.do(LoggedIn{m.login.user})
	if m.early == "" {
		m.answer(r)
		return
	}
	c := ftp.Command{Verb: ftp.TYPE, Arg: m.early, HasArg: true}
	m.early = ""
	m.ask(c, func(m *Machine, typed ftp.Reply) {
		if typed.Positive() {
			m.back.typed = c.Arg
		} else {
			m.do(Note{Level: Warn, Text: "backend refused the TYPE that came before it", Reply: typed})
		}
		m.answer(r)
	})
}
