package dialogue

import (
	"errors"
	"fmt"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// In the forward role (ProxyRole) clients name the server that they are taken to.
// The rules, besides those of a late choice (selection.go):
//
//   - A name is judged as it was typed (Forward.Permit), its addresses when they
//     are known; what is dialled are those addresses, once.
//   - Where the gateway wants a login of its own, nothing is looked up and nobody is
//     connected to before it.
//   - Whoever is refused stays, and may name another destination. What the client
//     is at fault for counts as a refused login; a server that is down does not.

// Forward is what the forward role needs to know.
type Forward struct {
	Method destination.Method // ProxyForwardMethod
	// Permit says why a client may not be taken to what it named (ProxyForwardTo);
	// nil: it may.
	Permit func(destination.Destination) error
	// ShowBanner has clients see the destination's banner, before what it says to
	// their USER: their only greeting until then is ours.
	ShowBanner bool // ProxyOptions ShowBanner
}

// ResolveDestination asks for the addresses of a destination that clients may be
// taken to; the answer is messages.DestinationResolved.
type ResolveDestination struct{ To destination.Destination }

func (ResolveDestination) action() {}

// journey is where a client of the forward role wants to be taken.
type journey struct {
	guest  *account                // who has logged in at the gateway, if that is wanted; nil: nobody
	to     destination.Destination // what it named last
	asking bool                    // ResolveDestination is not answered yet
}

// forwards reports whether this is the forward role.
func (m *Machine) forwards() bool { return m.cfg.Selection == AtDestination }

// checksLogins reports whether a PASS that no backend gets is for us to check.
func (m *Machine) checksLogins() bool {
	switch m.cfg.Selection {
	case AtPass:
		return true
	case AtDestination:
		return m.loginWanted()
	}
	return false
}

// loginWanted reports whether the client has to log in at the gateway first.
func (m *Machine) loginWanted() bool {
	switch m.cfg.Forward.Method {
	case destination.ProxyUserThenUserAtHost, destination.ProxyUserAtHostThenUser:
		return m.journey.guest == nil
	}
	return false
}

// userForward takes a USER: the gateway's, the destination's, or both.
func (m *Machine) userForward(c ftp.Command) {
	m.leaveBackend()
	m.phase = alone
	d, there := m.journey.to, m.cfg.Forward.Method == destination.ProxyUserAtHostThenUser
	switch {
	case m.loginWanted() && !there:
		m.answer(ftp.PasswordRequired(c.Arg))
		return
	case there && m.journey.guest != nil:
		if d.User = c.Arg; !m.stillPermitted(d) {
			return
		}
	default:
		var err error
		if d, err = m.destination(c.Arg); err != nil {
			m.note(Warn, printable(err.Error()), nil)
			m.deny(m.denial())
			return
		}
	}
	m.journey.to = d
	if m.loginWanted() {
		m.login.user = d.ProxyUser
		m.answer(ftp.PasswordRequired(d.ProxyUser))
		return
	}
	m.login.user = d.User
	if m.barsLogin(d.User) {
		m.bar(d.User)
		return
	}
	m.phase, m.journey.asking = connecting, true
	m.resume() // that may take its time, and the client may leave
	m.do(ResolveDestination{d})
}

// destination reads what a client named, and judges it.
func (m *Machine) destination(arg string) (destination.Destination, error) {
	d, err := destination.Parse(m.cfg.Forward.Method, arg, m.front.sni)
	if err != nil {
		return d, fmt.Errorf("rejecting the destination of USER: %w", err)
	}
	if m.cfg.Forward.Permit != nil {
		err = m.cfg.Forward.Permit(d)
	}
	return d, err
}

// admit lets a client on that has logged in at the gateway.
func (m *Machine) admit(guest *account) {
	m.journey.guest, m.login = guest, login{}
	m.note(Info, "USER "+printable(guest.user)+": logged in at the gateway", nil)
	m.identify()
	m.answer(m.welcomed(guest.user))
}

// stillPermitted judges a destination again that was named before the login at the
// gateway: settings for who that was may say otherwise.
func (m *Machine) stillPermitted(d destination.Destination) bool {
	if m.cfg.Forward.Permit == nil {
		return true
	}
	err := m.cfg.Forward.Permit(d)
	if err != nil {
		m.note(Warn, "rejecting the destination of USER", err)
		m.deny(m.denial())
	}
	return err == nil
}

// destinationResolved begins the one attempt that there is.
func (m *Machine) destinationResolved(ev messages.DestinationResolved) {
	if !m.journey.asking {
		return
	}
	m.journey.asking = false
	to := m.journey.to
	var refused *destination.Refused
	switch {
	case errors.As(ev.Err, &refused) && refused.Reason == destination.OwnListener:
		m.note(Warn, "rejecting the destination '"+to.String()+"'", ev.Err)
		m.deny(ftp.UnableToConnect(to.String(), notPermitted))
	case refused != nil:
		m.note(Warn, "rejecting the destination '"+to.String()+"'", ev.Err)
		m.deny(m.denial())
	case ev.Err != nil:
		m.note(Warn, "error looking up the destination '"+to.String()+"'", ev.Err)
		m.turnAway(m.denial())
	default:
		url := backendurl.URL{Scheme: backendurl.FTP, Host: to.Host, Port: to.Port, ExplicitPort: true, Implicit: to.Implicit, Weight: 1}
		m.attempt(messages.Backend{URL: url, Endpoints: ev.Endpoints})
	}
}

// What clients are told where the system has no words for it, or none that they
// should hear.
const notPermitted = "Operation not permitted"

// notTaken answers a client that could not be taken to its destination.
func (m *Machine) notTaken(err error) {
	to := m.journey.to.String()
	m.do(Note{Level: Warn, Text: "error connecting to the destination '" + to + "'", Err: err, Addr: m.back.remote})
	reply := ftp.UnableToConnect(to, notPermitted)
	switch banner := m.back.banner; {
	case banner.Code != 0 && !banner.Positive():
		reply = ftp.Reply{Code: 530, Text: banner.Text}
	case m.back.reason != "":
		reply = ftp.UnableToConnect(to, m.back.reason)
	case errors.Is(err, errSilent):
		reply = ftp.UnableToConnect(to, "Connection timed out")
	}
	m.turnAway(reply)
}

// introduced puts the destination's banner, as far as clients are to see it, before
// its first words to them. A refusal stays what it is.
func (m *Machine) introduced(r ftp.Reply) ftp.Reply {
	banner := m.back.banner
	if !m.forwards() || banner.Code == 0 {
		return r
	}
	m.back.banner = ftp.Reply{}
	if !r.Negative() {
		r.Text = banner.Text + "\n" + r.Text
	}
	return r
}

// directory answers what is about directories before there is a destination.
func (m *Machine) directory(c ftp.Command) {
	if m.journey.guest != nil {
		m.accessDenied(c)
		return
	}
	m.loginFirst(c)
}

// report tells policy of a backend that policy has chosen.
func (m *Machine) report(a Action) {
	if !m.forwards() {
		m.do(a)
	}
}
