package dialogue

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Where the backend depends on who the client is, the gateway receives clients
// itself and chooses late. The rules:
//
//   - What one USER brought about ends with the next: another name never meets
//     a backend that was chosen for, or a password that was checked of, the one
//     before. (mod_proxy hands USER and PASS through once a backend is there.)
//   - Until the backend's word reaches the client, or the client's password the
//     backend, one backend is as good as another: each failure leads to the next.
//   - Who is not let in is told the same whatever the reason, and stays, alone
//     with the gateway, until MaxLoginAttempts.

// Greeting composes the lines of our own 220: those of DisplayConnect, then that
// of ServerIdent with the text given, %V and %v in it being dns and server, or the
// usual text without one. What is left of "%L" becomes our address; of display, see
// Machine.display.
func Greeting(display []string, ident, deferred bool, text, server, dns, version string) []string {
	switch {
	case !ident:
		text = "%L FTP server ready"
	case text != "":
		text = strings.NewReplacer("%V", dns, "%v", server, "%{version}", version).Replace(text)
	case deferred: // DeferWelcome
		text = "ProFTPD Server ready."
	default:
		text = "ProFTPD Server (" + server + ") [%L]"
	}
	return append(append([]string(nil), display...), text)
}

func (m *Machine) welcome() ftp.Reply {
	last := len(m.cfg.Greeting) - 1
	if last < 0 {
		return ftp.AnonymousBanner(m.ourAddress())
	}
	ident := strings.ReplaceAll(m.cfg.Greeting[last], "%L", m.ourAddress().String())
	return ftp.Banner(append(m.display(m.cfg.Greeting[:last], ""), ident)...)
}

// ourAddress is where clients believe us to be.
func (m *Machine) ourAddress() netip.Addr {
	if m.cfg.Masquerade.IsValid() {
		return m.cfg.Masquerade
	}
	return m.cfg.Local.Addr()
}

// receive begins with a client that has come to this server: by looking for a
// backend, or by a greeting of our own.
func (m *Machine) receive() {
	if m.cfg.Selection == AtConnect {
		m.phase = connecting
		if m.front.moved || !m.greeted {
			m.resume() // nothing is owed to the client, but its leaving must be noticed
		}
		m.pick()
		return
	}
	m.phase = alone
	if !m.front.moved {
		m.tell(m.welcome())
	}
	m.greeted = true
	m.next()
}

// leaveBackend parts from the present backend, if there is one, and forgets it.
func (m *Machine) leaveBackend() {
	if m.offer != (offer{}) {
		m.do(DropOffers{})
	}
	if m.back.live {
		m.do(DropBackend{})
		m.report(ReturnLease{})
	}
	m.offer, m.late = offer{}, late{}
	m.back = backend{attempt: m.back.attempt, earlier: m.back.attempt}
}

// announced goes on with a USER that may come in.
func (m *Machine) announced(c ftp.Command) {
	if !m.forwards() && m.barsLogin(c.Arg) {
		m.bar(c.Arg)
		return
	}
	switch m.cfg.Selection {
	case AtConnect:
		m.forward(m.withUser(c), (*Machine).userReply)
	case AtUser:
		m.leaveBackend()
		m.reach()
	case AtDestination:
		m.userForward(c)
	case AtPass:
		m.leaveBackend()
		m.phase = alone
		m.answer(ftp.PasswordRequired(c.Arg))
	}
}

// passAlone has the password checked. Without a USER before it, it is wrong.
func (m *Machine) passAlone(c ftp.Command) {
	if m.login.unlisted {
		m.deny(m.denial())
		return
	}
	if !m.checksLogins() || m.login.user == "" {
		m.answer(m.denial())
		return
	}
	m.login.checking = true
	m.do(CheckLogin{User: m.login.user, Password: c.Arg})
	m.resume() // that may take its time, and the client may leave
}

// passAgain takes a PASS for a backend that is there. Where we check passwords, each
// is checked: it was another than this that led to the backend.
func (m *Machine) passAgain(c ftp.Command) {
	if m.login.unlisted {
		m.deny(m.denial())
		return
	}
	if m.cfg.Selection != AtPass {
		m.pass(c)
		return
	}
	m.leaveBackend()
	m.phase, m.login.account = alone, false
	m.passAlone(c)
}

func (m *Machine) loginChecked(ev messages.LoginChecked) {
	if !m.login.checking {
		return
	}
	m.login.checking = false
	switch {
	case ev.Unheard: // it is nobody's fault, and nothing was tried
		m.note(Warn, "USER "+printable(m.login.user)+" is turned away unheard", ev.Err)
		m.farewell(ftp.Closing("Too many logins at once, please try again later"), "too many logins at once")
	case ev.Err != nil:
		m.note(Error, "error checking the login of USER "+m.login.user, ev.Err)
		m.turnAway(m.denial())
	case !ev.Granted:
		m.note(Debug, "USER "+m.login.user+" is not let in: "+ev.Reason, nil) // the porter said it aloud
		m.deny(m.denial())
	case m.forwards():
		m.admit(m.accountOf(ev))
	default:
		m.login.known = m.accountOf(ev)
		m.reach()
	}
}

func (m *Machine) accountOf(ev messages.LoginChecked) *account {
	return &account{user: m.login.user, group: ev.Group, groups: ev.Groups}
}

// bar begins a login that will be refused. Its name is asked for a password as
// everybody's is: else USER alone would tell which names there are.
func (m *Machine) bar(user string) {
	if m.cfg.Selection != AtConnect {
		m.leaveBackend()
		m.phase = alone
	}
	m.login.unlisted = true
	m.feign(ftp.PasswordRequired(user))
}

// denial is what a client hears whom we do not let in.
func (m *Machine) denial() ftp.Reply {
	if m.cfg.DenyMsg == "" {
		return ftp.LoginIncorrect()
	}
	return ftp.LoginRefused(strings.ReplaceAll(m.cfg.DenyMsg, "%u", printable(m.login.user)))
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// deny answers a login that was refused, by us or by the backend.
func (m *Machine) deny(r ftp.Reply) {
	m.refused++
	m.login.denied = true
	m.loginRefused()
	if limit := m.cfg.MaxLoginAttempts; limit > 0 && m.refused >= limit {
		m.note(Warn, fmt.Sprintf("Maximum login attempts (%d) exceeded", limit), nil)
		m.farewell(r, "MaxLoginAttempts reached")
		return
	}
	m.turnAway(r)
}

// turnAway answers a login that came to nothing. The backend of one that we checked
// is left with it.
func (m *Machine) turnAway(r ftp.Reply) {
	if m.phase == connecting || m.cfg.Selection == AtPass {
		m.leaveBackend()
		m.phase = alone
	}
	if m.phase == alone && (!m.login.unlisted || m.cfg.Likeness == nil) {
		m.login = login{}
	}
	m.answer(r)
}

// reach looks for the backend of a client that we know by now.
func (m *Machine) reach() {
	m.phase = connecting
	m.resume() // as at the beginning of a session
	m.pick()
}

// replay tells the backend the name that the client gave us. Nothing of that is
// shown to the client yet.
func (m *Machine) replay() {
	c := m.withUser(ftp.Command{Verb: ftp.USER, Arg: m.login.user, HasArg: true})
	m.ask(c, func(m *Machine, r ftp.Reply) {
		if r.Code == 421 {
			m.attemptFailed(fmt.Errorf("%w: %d", errRefused, r.Code))
			return
		}
		m.commit()
		if m.cfg.Selection == AtPass && r.Intermediate() && r.Code != 332 {
			m.pass(m.asked)
			return
		}
		m.userReply(r)
	})
}

// commit binds the client to the backend.
func (m *Machine) commit() {
	m.phase = connected
	m.back.tried, m.back.bound = nil, true
}

// ErrUnlisted is the reason for a pick without an answer that is the client's own:
// there are no backends for its name. Whoever picks wraps it.
var ErrUnlisted = errors.New("the user has no list of backends")

// unreached tells the client of a login that led to no backend, because of err if
// that is not nil.
func (m *Machine) unreached(err error) {
	tried := m.back.attempt > m.back.earlier
	switch {
	case errors.Is(err, ErrUnlisted) && !tried && m.asked.Verb == ftp.USER:
		m.bar(m.login.user)
	case errors.Is(err, ErrUnlisted) && !tried:
		m.deny(m.denial())
	case m.asked.Verb == ftp.PASS && tried:
		m.turnAway(ftp.OperationNotPermitted(ftp.PASS))
	default:
		m.turnAway(m.denial())
	}
}
