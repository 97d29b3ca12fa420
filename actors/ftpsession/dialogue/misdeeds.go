package dialogue

import (
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Misdeed says that the client did what rules may count against it (BanOnEvent).
// It comes before the reply, so that who returns at once finds itself counted.
type Misdeed struct {
	What messages.Misdeed
	User string // of the login under way; empty: none was begun
}

func (Misdeed) action() {}

func (m *Machine) misdeed(what messages.Misdeed) { m.do(Misdeed{what, m.login.user}) }

// loginRefused is told of each refused login, the last that is allowed included.
func (m *Machine) loginRefused() {
	if m.login.user == "root" {
		m.misdeed(messages.RootLogin)
	}
	if m.asked.Verb == ftp.PASS && m.asked.Arg == "" {
		m.misdeed(messages.EmptyPassword)
	}
	if limit := m.cfg.MaxLoginAttempts; limit > 0 && m.refused >= limit {
		m.misdeed(messages.MaxLoginAttempts)
		m.misdeed(messages.MaxLoginAttemptsFromUser)
	}
}

// overstayed is told of each limit of time that is reached.
func (m *Machine) overstayed(l limit) {
	switch l {
	case loginLimit:
		m.misdeed(messages.TimeoutLogin)
	case idleLimit:
		m.misdeed(messages.TimeoutIdle)
	case noTransferLimit:
		m.misdeed(messages.TimeoutNoTransfer)
	}
}

// relayUnknown relays a verb that we do not know. Who tries verbs that the backend
// does not know either is probing.
func (m *Machine) relayUnknown(c ftp.Command) {
	m.forward(c, func(m *Machine, r ftp.Reply) {
		if r.Code == 500 || r.Code == 502 {
			m.misdeed(messages.UnhandledCommand)
		}
		m.answer(r)
	})
}

// unhandled refuses a verb that nobody knows, before there is a backend to ask.
func (m *Machine) unhandled(c ftp.Command) {
	m.misdeed(messages.UnhandledCommand)
	m.notUnderstood(c)
}
