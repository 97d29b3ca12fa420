package dialogue

import (
	"errors"
	"fmt"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// link is the protection of the backend's side. Its rules:
//
//   - Between AUTH and the end of the handshake nothing is written, and the
//     backend's reader stands still behind the reply to AUTH: what a stranger
//     slips in there in clear is never taken for the backend's word.
//   - A handshake that fails ends the attempt, whatever the policy.
//   - A refused AUTH ends it too, unless neither ProxyTLSEngine nor the URL
//     asks for TLS.
type link struct {
	wish     wish
	securing bool // a handshake is under way
	secure   bool // the control connection is in TLS
	private  bool // PROT P was agreed on
}

// exposed reports whether transfers would be in clear although the policy wants
// them protected: the backend, in TLS, refused PROT P. mod_proxy goes on in
// clear then; to refuse is what the policy's name promises.
func (l *link) exposed(p Protection) bool { return p == ProtectRequired && l.secure && !l.private }

// wish is how a backend is to be spoken with.
type wish uint8

const (
	stayClear wish = iota
	tryTLS
	demandTLS
	beginInTLS
)

var errEngineOff = errors.New("a backend of ftps:// or port 990 cannot be spoken with while ProxyTLSEngine is off")

// wishFor follows ProxyTLSEngine and the URL; ftps:// demands TLS by itself.
func (m *Machine) wishFor(u backendurl.URL) (wish, error) {
	engine, ftps := m.cfg.BackendTLS, u.Scheme == backendurl.FTPS
	like := engine == TLSLikeClient && m.front.secure
	switch {
	case engine == NoTLS && (ftps || u.Implicit):
		return stayClear, errEngineOff
	case u.Implicit, like && m.cfg.TLS.Implicit && !m.forwards():
		return beginInTLS, nil
	case ftps, like, engine == TLSAlways:
		return demandTLS, nil
	case engine == TLSIfOffered:
		return tryTLS, nil
	}
	return stayClear, nil
}

// protect brings the backend's side into TLS, as wished. Its list of features
// is not believed: a stranger could have struck AUTH from it.
func (m *Machine) protect() {
	switch l := &m.back.link; {
	case l.wish == stayClear:
		m.greet()
		return
	case l.secure:
		m.size()
		return
	case l.wish == demandTLS && !m.back.features.Has("AUTH TLS"):
		m.note(Info, "backend does not list AUTH TLS, asking all the same", nil)
	}
	m.do(HoldBackend{})
	m.askStep(ftp.Command{Verb: ftp.AUTH, Arg: "TLS", HasArg: true}, (*Machine).authReply)
}

var errNoTLS = errors.New("error enabling TLS on control connection to backend server: AUTH TLS refused")

func (m *Machine) authReply(r ftp.Reply) {
	l := &m.back.link
	switch {
	case r.Positive(): // 334 wants another exchange, which TLS has not
		m.clock.stepDone() // the handshake has its own limit
		l.securing = true
		m.note(Debug, "starting TLS negotiation on control connection", nil)
		m.do(SecureBackend{})
	case l.wish == tryTLS:
		m.do(Note{Level: Debug, Text: "backend does not speak TLS, going on in clear (ProxyTLSEngine auto)", Reply: r})
		m.do(FreeBackend{})
		m.greet()
	default:
		m.attemptFailed(fmt.Errorf("%w: %d", errNoTLS, r.Code))
	}
}

func (m *Machine) backendSecured() {
	if !m.back.link.securing {
		return
	}
	m.back.link.securing, m.back.link.secure = false, true
	m.size()
}

// size sends PBSZ, which has to precede PROT (RFC 4217 §8). A server that
// refuses it may take PROT all the same.
func (m *Machine) size() {
	m.askStep(ftp.Command{Verb: ftp.PBSZ, Arg: "0", HasArg: true}, func(m *Machine, r ftp.Reply) {
		if !r.Positive() {
			m.do(Note{Level: Info, Text: "backend refused PBSZ", Reply: r})
		}
		m.firstProt()
	})
}

// firstProt sends the PROT that does not wait for the client's.
func (m *Machine) firstProt() {
	level := "C"
	switch m.cfg.Protection {
	case ProtectRequired:
		level = "P"
	case ProtectAsClient:
		if (m.front.secure || m.cfg.Direct.On) && !m.front.private {
			m.greet() // in clear until the client says PROT P
			return
		}
		level = "P"
	case ProtectClear:
	}
	m.askStep(ftp.Command{Verb: ftp.PROT, Arg: level, HasArg: true}, func(m *Machine, r ftp.Reply) {
		if !r.Positive() {
			m.do(Note{Level: Warn, Text: "backend refused PROT " + level, Reply: r})
		}
		m.back.link.private = level == "P" && r.Positive()
		m.greet()
	})
}
