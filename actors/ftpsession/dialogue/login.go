package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// login is what the client said about itself.
type login struct {
	user    string // as the client wrote it
	account bool   // the backend wants ACCT before it lets the client in
	asking  bool   // AskLogin is not answered yet
}

// user relays USER, if there is room for one more client.
func (m *Machine) user(c ftp.Command) {
	m.login.user, m.login.account = c.Arg, false
	if m.cfg.LimitLogins {
		m.login.asking = true
		m.do(AskLogin{c.Arg})
		return
	}
	m.relayUser(c)
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
	m.relayUser(m.asked)
}

// relayUser passes USER on, with the name of the backend URL where it has one.
func (m *Machine) relayUser(c ftp.Command) {
	m.forward(m.withUser(c), func(m *Machine, r ftp.Reply) {
		if r.Code == 230 || r.Code == 232 { // 232: RFC 2228, the TLS certificate sufficed
			m.enter()
		}
		m.login.account = r.Code == 332
		m.answer(m.withoutURLName(r))
	})
}

// withUser puts the backend URL's user name in place of the client's.
func (m *Machine) withUser(c ftp.Command) ftp.Command {
	if u := m.back.backend.URL; u.HasUser {
		c.Arg, c.HasArg = u.User, true
	}
	return c
}

// withoutURLName gives the client its own name back in the answers to its
// login, as the name in the URL is none of its business.
func (m *Machine) withoutURLName(r ftp.Reply) ftp.Reply {
	if u := m.back.backend.URL; u.HasUser {
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
	switch {
	case r.Positive():
		m.enter()
	case r.Negative():
		m.do(Note{Level: Info, Text: "backend refused the login", Reply: r})
	}
	m.login.account = r.Code == 332
	m.answer(m.withoutURLName(r))
}

// enter marks the login as done.
func (m *Machine) enter() {
	if m.phase == connected {
		m.phase = loggedIn
		m.clock.loggedIn(m.now)
		m.do(LoggedIn{m.login.user})
	}
}
