package dialogue

import (
	"errors"
	"strings"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// lateWatch knows what must never happen where backends are chosen late: that a
// name or a password meets a backend that was not chosen for it, or one that
// needed a check and did not have it.
type lateWatch struct {
	checked  CheckLogin // what is being checked
	granted  CheckLogin // what was, and may come in
	group    string     // … as one of
	chosen   string     // for whom the present backend was picked
	admitted bool       // a login at the gateway succeeded, with this server
}

func (l *lateWatch) happened(ev messages.ToSession) {
	if ev, ok := ev.(messages.LoginChecked); ok {
		if l.granted = (CheckLogin{}); ev.Granted && ev.Err == nil {
			l.granted, l.group, l.admitted = l.checked, ev.Group, true
		}
		l.checked = CheckLogin{}
	}
}

func (l *lateWatch) done(m *Machine, a Action) error {
	switch a := a.(type) {
	case CheckLogin:
		if m.cfg.Selection != AtPass && (m.cfg.Selection != AtDestination || !m.loginWanted()) {
			return errors.New("nobody wants that checked")
		}
		l.checked, l.granted = a, CheckLogin{}
	case SwitchServer:
		*l = lateWatch{}
	case SendClient: // another name, or no entry
		if strings.HasPrefix(a.Reply.Text, "Password required for") || a.Reply.Code == 530 {
			l.granted = CheckLogin{}
		}
	case PickBackend:
		return l.picks(m, a)
	case ResolveDestination:
		if wanted := m.cfg.Forward.Method == destination.ProxyUserThenUserAtHost || m.cfg.Forward.Method == destination.ProxyUserAtHostThenUser; wanted && !l.admitted {
			return errors.New("for somebody who has not logged in at the gateway")
		}
		l.chosen = a.To.User
	case SendBackend:
		return l.says(m, a.Command)
	}
	return nil
}

func (l *lateWatch) picks(m *Machine, a PickBackend) error {
	switch {
	case m.cfg.Selection == AtDestination:
		return errors.New("in the forward role")
	case m.cfg.Selection == AtConnect && a.User != "", m.cfg.Selection != AtConnect && a.User == "":
		return errors.New("for the wrong one")
	case m.cfg.Selection == AtPass && (a.User != l.granted.User || a.Group != l.group):
		return errors.New("for somebody who was not let in")
	case m.cfg.Selection == AtUser && a.Group != "":
		return errors.New("of a group that nobody has proved to be in")
	}
	l.chosen = a.User
	return nil
}

// says looks at USER and PASS of clients that are not logged in.
func (l *lateWatch) says(m *Machine, c ftp.Command) error {
	if m.phase == loggedIn || m.cfg.Selection == AtConnect || m.back.backend.URL.HasUser {
		return nil
	}
	switch {
	case c.Verb == ftp.USER && c.Arg != l.chosen:
		return errors.New("to a backend that was picked for " + l.chosen)
	case m.cfg.Selection != AtPass:
	case c.Verb == ftp.USER && c.Arg != l.granted.User, c.Verb == ftp.PASS && c.Arg != l.granted.Password:
		return errors.New("without having been checked")
	}
	return nil
}
