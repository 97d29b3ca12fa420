package dialogue

import (
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Where users have backends of their own, a name that has none must not be told
// from one that has: by no reply, and not by its time. What a backend says to those
// who are not logged in is its own, and passed on as it is; so it is the gateway
// that talks like the backends, to those whom no backend is there for. The rules:
//
//   - What the gateway answers itself, it answers them as if there was a backend.
//   - What a backend would answer is as backends answered others (Likeness), and
//     after as long a time.
//   - As long as nobody has been answered it is answered at once, in our own words.
//
// What is left to see is named in Likeness.

// Likeness remembers how backends answer those who are not logged in. Its methods
// are called from several goroutines and must not block.
//
// It cannot help against somebody who knows the backends of all names, or who
// compares what only one of them says; nor does it make up for a backend that
// refuses some names at USER, or is down.
type Likeness interface {
	// Saw notes what a backend, by its key, said to a user's command and after
	// what time. Whatever the reply may hold of the user is still in it.
	Saw(backend, command, user string, r ftp.Reply, took time.Duration)
	// Like is how a backend would answer, and after what time; false: not known.
	Like(command, user string) (r ftp.Reply, took time.Duration, known bool)
}

// ownWords has the commands that a backend answers before a login, and what is
// said to them as long as nothing is known.
var ownWords = map[string]func(*Machine) ftp.Reply{
	ftp.USER: func(m *Machine) ftp.Reply { return ftp.PasswordRequired(m.login.user) },
	ftp.PASS: (*Machine).denial,
	ftp.QUIT: func(*Machine) ftp.Reply { return ftp.Goodbye() },
	ftp.ABOR: pleaseLogin, ftp.TYPE: pleaseLogin,
	ftp.PASV: pleaseLogin, ftp.EPSV: pleaseLogin, ftp.PORT: pleaseLogin, ftp.EPRT: pleaseLogin,
	ftp.LIST: pleaseLogin, ftp.NLST: pleaseLogin, ftp.MLSD: pleaseLogin,
	ftp.RETR: pleaseLogin, ftp.STOR: pleaseLogin, ftp.STOU: pleaseLogin, ftp.APPE: pleaseLogin,
}

func pleaseLogin(*Machine) ftp.Reply { return ftp.PleaseLogin() }

// likened is the name under which the present command's answers are known: a
// password after one that was refused is answered otherwise than the first, and
// each type in its own words.
func (m *Machine) likened() string {
	verb := ftp.Canonical(m.asked.Verb)
	switch arg := strings.ToUpper(m.asked.Arg); {
	case verb == ftp.PASS && m.again:
		return "PASS again"
	case verb == ftp.TYPE && (arg == "A" || arg == "I"):
		return verb + " " + arg
	}
	return verb
}

// observe takes note of what a client hears of a backend before its login.
func (m *Machine) observe(r ftp.Reply) {
	if m.cfg.Likeness == nil || m.phase != connected || r.Code == 421 {
		return
	}
	worth := r.Negative()
	switch verb := ftp.Canonical(m.asked.Verb); verb {
	case ftp.USER:
		worth = r.Intermediate()
	case ftp.QUIT, ftp.TYPE, ftp.ABOR:
		worth = worth || r.Positive()
	default:
		worth = worth && ownWords[verb] != nil
	}
	if worth {
		m.cfg.Likeness.Saw(m.back.backend.URL.Key(), m.likened(), m.login.user, m.discreet(r), m.now.Sub(m.since))
	}
}

// pretend answers somebody as if there was a backend.
func (m *Machine) pretend(r row, c ftp.Command) {
	own := ownWords[ftp.Canonical(c.Verb)]
	switch {
	case c.Verb == ftp.USER || own == nil && (c.Verb != ftp.FEAT || !m.cfg.ShowFeatures):
		r.connected(m, c) // which is our own affair
	case own == nil:
		r.alone(m, c)
	default:
		m.feign(own(m))
	}
}

// lateness is how late an idle process wakes: its timers are as fine as a
// millisecond.
const lateness = time.Millisecond / 2

// feign answers like a backend, or in our own words.
func (m *Machine) feign(own ftp.Reply) {
	m.feint = own
	if l := m.cfg.Likeness; l != nil {
		r, took, known := l.Like(m.likened(), m.login.user)
		if wait := took - m.now.Sub(m.since) - lateness; known && wait > 0 {
			m.feint, m.clock.feintEnds = r, m.now.Add(wait)
			m.resume() // the client may leave
			return
		}
		if known {
			m.feint = r
		}
	}
	m.feigned()
}

// feigned gives the answer, which counts like one.
func (m *Machine) feigned() {
	r := m.feint
	m.feint, m.clock.feintEnds = ftp.Reply{}, time.Time{}
	switch {
	case m.asked.Verb == ftp.QUIT:
		m.farewell(r, "client quit")
	case m.asked.Verb == ftp.PASS && refusesLogin(r):
		m.deny(r)
	default:
		m.answer(r)
	}
}
