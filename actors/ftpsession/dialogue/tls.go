package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// front is TLS towards the client (RFC 4217). Its rules:
//
//   - Nothing is written while a handshake is under way (Machine.tell).
//   - A handshake begins only with a reader that stands still and a queue that
//     is empty: what was sent in clear behind AUTH is never carried out.
//   - PROT outlives CCC, which concerns the control connection alone.
type front struct {
	securing bool   // a handshake is under way
	clearing bool   // TLS is being ended (CCC)
	secure   bool   // the control connection is in TLS
	cleared  bool   // it was, until CCC
	implied  bool   // the mechanism implies PROT P
	name     string // of the server, as the client's handshake had it (SNI)
	sni      string // what that said, where it names a destination
	moved    bool   // to the server of that name: its banner is not shown
	sized    bool   // PBSZ was given
	private  bool   // PROT P
}

// ftps reports whether the session is one of FTPS.
func (f *front) ftps() bool { return f.secure || f.cleared }

// withTLS makes a verb of RFC 2228 unknown where TLS is not offered.
func withTLS(h handler) handler {
	return func(m *Machine, c ftp.Command) {
		if !m.cfg.TLS.Enabled {
			m.notUnderstood(c)
			return
		}
		h(m, c)
	}
}

// barred tells whether TLSRequired forbids a command in the present state.
func (m *Machine) barred(verb string) (ftp.Reply, bool) {
	if !m.cfg.TLS.Enabled {
		return ftp.Reply{}, false
	}
	need := m.cfg.TLS.Required
	switch verb {
	case ftp.AUTH, ftp.FEAT, ftp.HOST, ftp.CLNT, ftp.QUIT:
		return ftp.Reply{}, false
	case ftp.USER, ftp.PASS, ftp.ACCT:
		need.Control = need.Control || need.Auth
	}
	if need.Control && !m.front.secure {
		return ftp.ControlNeedsTLS(), true
	}
	switch verb {
	case ftp.LIST, ftp.NLST, ftp.MLSD, ftp.RETR, ftp.STOR, ftp.STOU, ftp.APPE:
		return ftp.DataNeedsTLS(), need.Data && !m.front.private
	}
	return ftp.Reply{}, false
}

// auth begins TLS. Of its names TLS and TLS-C leave the data connections in
// clear until PROT, SSL and TLS-P do not.
func (m *Machine) auth(c ftp.Command) {
	mechanism := strings.ToUpper(c.Arg)
	switch mechanism {
	case "TLS", "TLS-C", "SSL", "TLS-P":
	default:
		mechanism = ""
	}
	switch {
	case m.front.secure:
		m.answer(ftp.AlreadySecure())
	case c.Arg == "":
		m.answer(ftp.AuthMissing())
	case m.front.cleared:
		m.answer(ftp.UnwillingToProtect())
	case mechanism == "":
		m.answer(ftp.AuthUnknown(c.Arg))
	case m.reading || len(m.held) > 0: // it came in the midst of other commands
		m.do(Note{Level: Warn, Front: true, Text: "commands in clear around AUTH, closing"})
		m.farewell(ftp.HandshakeFailed(), "commands in clear around AUTH")
	default:
		m.front.implied = mechanism == "SSL" || mechanism == "TLS-P"
		m.do(Note{Level: Debug, Front: true, Text: mechanism + " requested, starting TLS handshake"})
		m.tell(ftp.AuthAccepted(mechanism))
		m.secureClient()
	}
}

func (m *Machine) secureClient() {
	m.front.securing = true
	m.do(SecureClient{})
}

// frontendSecured goes on in TLS, with the server that the client named.
func (m *Machine) frontendSecured(ev messages.FrontendSecured) {
	f := &m.front
	if !f.securing {
		return
	}
	f.securing, f.secure = false, true
	f.private = (f.implied || m.cfg.TLS.Implicit) && !m.cfg.TLS.Required.NoData
	m.clock.active(m.now)
	switch {
	case m.forwards() && m.cfg.Forward.Method == destination.UserAtSNI:
		f.sni = ev.TLS.Name
	case !m.cfg.TLS.IgnoreSNI:
		f.name = strings.ToLower(strings.TrimSuffix(ev.TLS.Name, "."))
	}
	switch {
	case f.name == "" || m.cfg.Serves(f.name):
		m.secured()
	case m.phase == loggedIn: // as with HOST, it is too late
		m.farewell(ftp.Closing("Logged in to another server"), "client named another server after its login")
	default:
		m.move(bySNI, f.name)
	}
}

// secured turns to what follows a handshake.
func (m *Machine) secured() {
	if m.phase == connecting { // implicit TLS: nobody was greeted yet
		m.receive()
		return
	}
	m.next()
}

// frontendInsecure ends the session: there is no way back into clear text.
func (m *Machine) frontendInsecure(ev messages.FrontendInsecure) {
	m.front.securing = false
	m.misdeed(messages.TLSHandshake)
	m.do(Note{Level: Warn, Front: true, Err: ev.Err, Text: "TLS negotiation failed on control channel"})
	if m.greeted { // a client of implicit TLS understands nothing in clear
		m.tell(ftp.HandshakeFailed())
	}
	m.end("TLS handshake failed")
}

func (m *Machine) pbsz(c ftp.Command) {
	if !m.front.secure {
		m.answer(ftp.NeedsTLS(c.Verb))
		return
	}
	m.front.sized = true
	m.answer(ftp.ProtectionBufferSet())
}

// prot sets the protection of the data connections: the client's, and with
// ProtectAsClient the backend's too, which then decides.
func (m *Machine) prot(c ftp.Command) {
	level, need := strings.ToUpper(c.Arg), m.cfg.TLS.Required
	switch {
	case !m.front.secure:
		m.answer(ftp.NeedsTLS(c.Verb))
	case !m.front.sized:
		m.answer(ftp.ProtectionOrder())
	case level != "C" && level != "P":
		m.answer(ftp.ProtectionUnknown(c.Arg))
	case level == "C" && need.Data, level == "P" && need.NoData:
		m.answer(ftp.UnwillingToProtect())
	case m.cfg.Direct.On && m.phase == loggedIn:
		m.directProt(level == "P", c)
	case m.cfg.Protection == ProtectAsClient && m.back.link.secure:
		m.protBoth(level == "P", c)
	default:
		m.front.private = level == "P"
		m.answer(ftp.ProtectionSet(m.front.private))
	}
}

func (m *Machine) protBoth(private bool, c ftp.Command) {
	if m.phase != loggedIn {
		m.loginFirst(c)
		return
	}
	m.forward(c, func(m *Machine, r ftp.Reply) {
		if r.Positive() {
			m.front.private, m.back.link.private = private, private
		}
		m.answer(r)
	})
}

// ccc ends TLS on the control connection, once the reply is written.
func (m *Machine) ccc(c ftp.Command) {
	switch {
	case !m.front.secure:
		m.answer(ftp.NothingToClear())
	case m.cfg.TLS.Required.Control:
		m.answer(ftp.UnwillingToProtect())
	case m.reading || len(m.held) > 0: // where would clear text begin?
		m.answer(ftp.BadSequence())
	default:
		m.do(Note{Level: Debug, Front: true, Text: "received CCC, clearing control channel protection"})
		m.tell(ftp.ProtectionCleared())
		m.front.clearing = true
		m.do(ClearClient{})
	}
}

func (m *Machine) frontendCleared() {
	f := &m.front
	if !f.clearing {
		return
	}
	f.clearing, f.secure, f.cleared = false, false, true
	m.next()
}

// sscn answers for the one role that we take in a data connection's handshake.
func (m *Machine) sscn(c ftp.Command) {
	switch {
	case !m.front.secure:
		m.answer(ftp.NeedsTLS(c.Verb))
	case c.Arg == "" || strings.EqualFold(c.Arg, "OFF"):
		m.answer(ftp.ServerMethod())
	default:
		m.answer(ftp.MethodUnknown(c.Arg))
	}
}
