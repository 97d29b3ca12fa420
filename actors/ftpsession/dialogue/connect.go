package dialogue

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// backend is what the dialogue knows of the other end. The wire order of a
// connect is: TCP, banner, FEAT, TLS (protect.go), (banner to the client,) HOST,
// and where the client was there first, its USER (selection.go).
type backend struct {
	attempt   uint32 // current attempt, 0 before the first
	earlier   uint32 // attempts with another server's backends
	live      bool   // it has not failed: what it says counts
	backend   messages.Backend
	tried     []string // URL keys of failed attempts
	began     time.Time
	remote    netip.AddrPort
	local     netip.AddrPort
	banner    ftp.Reply
	reason    string // what a client may be told of why it could not be reached
	bound     bool   // the client has heard its word: no other backend will do now
	features  ftp.Features
	noEPSV    bool // refused once under a passive policy: PASV from then on
	noEPRT    bool
	noSize    bool        // it does not know SIZE
	typed     string      // the TYPE that it was told; empty: none
	restart   ftp.Command // the REST or RANG that its next transfer begins with
	offset    int64       // … and where that is
	deflates  bool        // MODE Z is agreed on
	noDeflate bool        // … and was refused
	link      link        // its protection
	lost      bool        // its control connection is gone
	parting   ftp.Reply   // the 421 it said in mid transfer
}

// is reports whether news of an attempt are of the one that counts. A failed
// one may have said more before it heard that it was dropped.
func (b *backend) is(attempt uint32) bool { return b.live && attempt == b.attempt }

// leaving reports that nothing more can be asked of the backend.
func (b *backend) leaving() bool { return b.lost || b.parting.Code != 0 }

// Errors of an attempt that reached the backend.
var (
	errSilent  = errors.New("no answer in time (ProxyTimeoutConnect)")
	errNoRoom  = errors.New("backend closed the connection")
	errRefused = errors.New("backend refuses service")
)

func (m *Machine) pick() {
	m.do(PickBackend{User: m.login.user, Group: m.Group(), Tried: m.back.tried})
}

// picked starts an attempt with the backend that policy chose.
func (m *Machine) picked(ev messages.BackendPicked) {
	if m.phase != connecting {
		return
	}
	if ev.Err != nil {
		level := Error
		if errors.Is(ev.Err, ErrUnlisted) {
			level = Info // anybody may give any name
		}
		m.note(level, "error selecting backend server", ev.Err)
		m.withoutBackend("no backend to choose", ev.Err)
		return
	}
	m.note(Info, "selected backend server '"+ev.Backend.URL.String()+"'", nil)
	m.attempt(ev.Backend)
}

// attempt connects to a backend.
func (m *Machine) attempt(to messages.Backend) {
	b := &m.back
	b.attempt++
	b.live, b.backend, b.began = true, to, m.now
	var err error
	if b.link.wish, err = m.wishFor(to.URL); err != nil {
		m.attemptFailed(err)
		return
	}
	implicit := b.link.wish == beginInTLS
	if !implicit { // a handshake has its own limit
		m.clock.step(m.now, m.cfg.TimeoutConnect)
	}
	m.do(DialBackend{Attempt: b.attempt, Backend: to, Implicit: implicit})
}

// withoutBackend ends a session that no backend serves, unless the client may try
// as somebody else. One that was not greeted yet hears nothing.
func (m *Machine) withoutBackend(reason string, err error) {
	if m.cfg.Selection != AtConnect {
		m.unreached(err)
		return
	}
	if m.greeted {
		m.tell(ftp.Closing("Unable to connect to server"))
	}
	m.end(reason)
}

// backendConnected waits for the banner, within the same limit.
func (m *Machine) backendConnected(ev messages.BackendConnected) {
	m.back.local, m.back.remote = unmapped(ev.Local), unmapped(ev.Remote)
	if m.back.link.wish == beginInTLS {
		m.back.link.secure = true
		m.clock.step(m.now, m.cfg.TimeoutConnect)
	}
	m.await, m.shown = (*Machine).bannerReply, false // 120, ready in some minutes: the limit decides
}

func (m *Machine) bannerReply(r ftp.Reply) {
	m.back.banner = r
	if !r.Positive() {
		m.do(Note{Level: Warn, Text: "received banner from backend, DISCONNECTING", Addr: m.back.remote, Reply: r})
		m.attemptFailed(fmt.Errorf("%w: %d", errRefused, r.Code))
		return
	}
	m.do(Note{Level: Debug, Text: "received banner from backend", Addr: m.back.remote, Reply: r})
	m.report(ReportConnected{Took: m.now.Sub(m.back.began)})
	m.askStep(ftp.Command{Verb: ftp.FEAT}, func(m *Machine, r ftp.Reply) {
		m.back.features = ftp.ParseFeatures(r)
		m.protect()
	})
}

// askStep asks something on the way to a backend that will do, within the limit
// of a step. A backend that says 421 has changed its mind; another one may not.
func (m *Machine) askStep(c ftp.Command, then func(*Machine, ftp.Reply)) {
	m.clock.step(m.now, m.cfg.TimeoutConnect)
	m.ask(c, func(m *Machine, r ftp.Reply) {
		if r.Code == 421 {
			m.attemptFailed(fmt.Errorf("%w: %d", errRefused, r.Code))
			return
		}
		then(m, r)
	})
}

// greet shows the client the banner, where it was waiting for one, and tells the
// backend its name.
func (m *Machine) greet() {
	if m.cfg.Selection == AtConnect {
		if !m.front.moved {
			m.tell(m.back.banner)
		}
		m.greeted, m.back.bound = true, true
	}
	if !m.cfg.Forward.ShowBanner {
		m.back.banner = ftp.Reply{} // an idle session need not keep it
	}
	if host := m.back.backend.URL.Host; m.back.features.Has(ftp.HOST) && host != "" {
		if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
			host = "[" + host + "]"
		}
		m.askStep(ftp.Command{Verb: ftp.HOST, Arg: host, HasArg: true}, (*Machine).hostReply)
		return
	}
	m.ready()
}

// hostReply swallows the answer to HOST: a refusal changes nothing.
func (m *Machine) hostReply(ftp.Reply) { m.ready() }

func (m *Machine) ready() {
	m.clock.stepDone()
	if m.cfg.Selection != AtConnect {
		m.replay()
		return
	}
	m.commit()
	m.next()
}

// attemptFailed gives the lease back and tries another backend, as often as
// ProxyRetryCount allows; a destination that the client named is tried once. Once the client has heard the backend's word there is
// no second try: it is in the middle of a dialogue with that one.
func (m *Machine) attemptFailed(err error) {
	m.await = nil
	m.back.live = false
	m.clock.stepDone()
	m.do(DropBackend{})
	if m.forwards() {
		m.notTaken(err)
		return
	}
	m.do(ReportFailed{err})
	b := &m.back
	m.do(Note{Level: Warn, Err: err, Addr: b.remote,
		Text: fmt.Sprintf("error connecting to backend '%s', attempt %d of %d", b.backend.URL, b.attempt-b.earlier, m.cfg.RetryCount)})
	if int(b.attempt-b.earlier) >= m.cfg.RetryCount {
		m.note(Error, fmt.Sprintf("ProxyRetryCount %d reached with no successful connection, failing", m.cfg.RetryCount), nil)
		m.withoutBackend("no backend could be reached", err)
		return
	}
	b.tried = append(b.tried, b.backend.URL.Key())
	b.remote, b.local, b.banner, b.link = netip.AddrPort{}, netip.AddrPort{}, ftp.Reply{}, link{}
	m.pick()
}

// backendLost ends an attempt, a transfer or the session, whatever was on.
func (m *Machine) backendLost(err error) {
	switch {
	case !m.back.bound:
		switch {
		case m.back.link.securing:
			err = fmt.Errorf("error enabling TLS on control connection to backend server: %w", err)
		case err == nil || isEOF(err):
			err = errNoRoom
		}
		m.attemptFailed(err)
		return
	case m.xfer != nil:
		m.reportLost(err)
		m.back.lost = true
		m.note(Warn, "backend control connection closed in mid transfer", err)
		m.transferLostBackend()
		return
	}
	m.reportLost(err)
	m.note(Warn, "backend control connection closed, closing proxy session", err)
	switch {
	case m.await != nil && m.asked.Verb == ftp.QUIT:
		m.farewell(ftp.Goodbye(), "client quit")
	case m.await != nil && m.asked.Verb == ftp.PASS && m.phase == connected:
		m.note(Warn, "lost backend connection handling PASS command", err)
		m.farewell(ftp.LoginIncorrect(), "backend lost at login")
	case m.await != nil && isMalformed(err):
		// Where the next reply begins is anybody's guess, so there is none.
		m.tell(ftp.Failed(500, m.asked.Verb, "Invalid argument"))
		m.farewell(lostReply(), "backend sent a malformed reply")
	default:
		m.farewell(lostReply(), "backend lost")
	}
}

// reportLost tells policy, unless either side had said that it would leave.
func (m *Machine) reportLost(err error) {
	t := m.xfer
	quitting := m.await != nil && m.asked.Verb == ftp.QUIT
	if !quitting && m.back.parting.Code == 0 && (t == nil || t.goodbye == "") {
		m.report(ReportLost{err})
	}
}

func isMalformed(err error) bool {
	var malformed *ftp.ReplyError
	return errors.As(err, &malformed)
}

func lostReply() ftp.Reply { return ftp.Closing("Lost connection to server") }

// replyReceived hands a reply of the backend to whoever waits for it.
func (m *Machine) replyReceived(r ftp.Reply) {
	switch {
	case m.xfer != nil && m.xfer.direct:
		m.directReply(r)
	case m.xfer != nil:
		m.transferReply(r)
	case r.Code == 421 && m.back.bound: // answers anything, and is the last word
		m.do(Note{Level: Warn, Text: "backend closes the session", Reply: m.discreet(r)})
		m.farewell(r, "backend closed the session")
	case m.await == nil:
		m.unsolicited(r)
	case r.Preliminary():
		m.settleDoubt() // no final reply precedes a preliminary one of the same command
		if m.shown && m.late.missing == 0 {
			m.tell(r)
		}
	default:
		m.sortOut(r)
	}
}

// deliver gives a final reply to what waits for it.
func (m *Machine) deliver(r ftp.Reply) {
	if m.xfer != nil { // a direct one
		m.transferReply(r)
		return
	}
	then := m.await
	m.await = nil
	then(m, r)
}

// unsolicited drops a reply that nobody asked for. Passed on, it would be taken
// for the answer to the client's next command and put the two out of step.
func (m *Machine) unsolicited(r ftp.Reply) {
	m.late.came(r)
	m.do(Note{Level: Warn, Text: "backend sent a reply that nobody asked for, dropped", Reply: r})
}
