package dialogue

import (
	"errors"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// handler deals with one client command. It either answers or makes the
// machine busy; whoever clears that calls next.
type handler func(*Machine, ftp.Command)

// row says what a verb means before there is a backend, with it before the
// login, and after that.
type row struct {
	alone     handler
	connected handler
	loggedIn  handler
}

// lookUp returns what a verb means. Verbs that are not in the table are the
// backend's business, after login.
func lookUp(verb string) row {
	if r, ok := rows[ftp.Canonical(verb)]; ok {
		return r
	}
	return row{(*Machine).unhandled, (*Machine).loginFirst, (*Machine).relayUnknown}
}

// rows is the whole command table. Verbs are canonical (ftp.Canonical). It is
// filled by init because the handlers lead back to it.
var rows map[string]row

func init() { //nolint:gochecknoinits // as said above
	local := func(h handler) row { return row{h, h, h} }
	// data is for what needs a backend that lets the client in.
	data := func(h handler) row { return row{(*Machine).accessDenied, unlessForward(h), h} }
	rows = map[string]row{
		ftp.USER: {(*Machine).user, (*Machine).user, unlessKnown((*Machine).relay)},
		ftp.PASS: {(*Machine).passAlone, (*Machine).passAgain, (*Machine).relay},
		ftp.ACCT: {(*Machine).loginFirst, (*Machine).account, (*Machine).relay},
		ftp.HOST: local((*Machine).host),
		ftp.FEAT: {(*Machine).ownFeat, (*Machine).feat, (*Machine).feat},
		ftp.QUIT: {(*Machine).quitAlone, (*Machine).quit, (*Machine).quit},
		ftp.ABOR: {(*Machine).nothingToAbort, (*Machine).relay, (*Machine).relay},
		ftp.TYPE: {(*Machine).typeAlone, (*Machine).setType, (*Machine).setType},

		// Protection is ours (tls.go); other mechanisms than TLS are not spoken.
		ftp.AUTH: local(withTLS((*Machine).auth)),
		ftp.PBSZ: local(withTLS((*Machine).pbsz)),
		ftp.PROT: local(withTLS((*Machine).prot)),
		ftp.CCC:  local(withTLS((*Machine).ccc)),
		ftp.SSCN: local(withTLS((*Machine).sscn)),
		ftp.ADAT: local((*Machine).notUnderstood),
		ftp.CONF: local((*Machine).notUnderstood),
		ftp.ENC:  local((*Machine).notUnderstood),
		ftp.MIC:  local((*Machine).notUnderstood),

		// Other ways to arrange a data connection would lead past us, or have
		// the backend connect to whomever the client names (RFC 2577, bounce).
		ftp.LPRT: local((*Machine).notUnderstood),
		ftp.LPSV: local((*Machine).notUnderstood),
		ftp.CPSV: local((*Machine).notUnderstood),
		ftp.SPSV: local((*Machine).notUnderstood),
		ftp.ESTA: local((*Machine).notUnderstood),
		ftp.ESTP: local((*Machine).notUnderstood),

		ftp.PASV: data((*Machine).pasv),
		ftp.EPSV: data((*Machine).epsv),
		ftp.PORT: data((*Machine).port),
		ftp.EPRT: data((*Machine).eprt),

		ftp.LIST: data((*Machine).download),
		ftp.NLST: data((*Machine).download),
		ftp.MLSD: data((*Machine).download),
		ftp.RETR: data((*Machine).download),
		ftp.STOR: data((*Machine).upload),
		ftp.STOU: data((*Machine).upload),
		ftp.APPE: data((*Machine).upload),
		ftp.DELE: {(*Machine).loginFirst, (*Machine).loginFirst, (*Machine).remove},
		ftp.MODE: {(*Machine).loginFirst, (*Machine).loginFirst, (*Machine).mode},
		ftp.REST: {(*Machine).loginFirst, (*Machine).loginFirst, (*Machine).restart},
		ftp.RANG: {(*Machine).loginFirst, (*Machine).loginFirst, (*Machine).restart},
		ftp.REIN: {(*Machine).loginFirst, (*Machine).loginFirst, unlessKnown((*Machine).reinitialise)},
	}
	for verb, h := range answeredAlone {
		rows[verb] = row{h, (*Machine).loginFirst, (*Machine).relay}
	}
	rows[ftp.OPTS] = row{(*Machine).optsAlone, (*Machine).loginFirst, (*Machine).opts}
	for _, verb := range []string{ftp.CWD, ftp.CDUP, ftp.PWD, ftp.MKD, ftp.RMD} {
		rows[verb] = row{(*Machine).directory, (*Machine).loginFirst, (*Machine).relay}
	}
	for _, verb := range needLogin {
		rows[verb] = row{(*Machine).loginFirst, (*Machine).loginFirst, (*Machine).relay}
	}
}

// badVerb carries a line that is no command through the queue: it cannot come
// from a client, whose verbs hold no blank.
const badVerb = " bad line"

func badLine(err error) ftp.Command { return ftp.Command{Verb: badVerb, Arg: lineText(err)} }

// suspect logs what no client sends by mistake: the beginning of another command
// within one.
func (m *Machine) suspect(err error) {
	if line, ok := lineError(err); ok && errors.Is(err, ftp.ErrForbiddenByte) {
		m.do(Note{Level: Warn, Command: ftp.Command{Verb: line.Verb},
			Text: "Refused a command with CR, LF or NUL in it, possible injection of another"})
	}
}

func lineError(err error) (*ftp.LineError, bool) {
	var line *ftp.LineError
	ok := errors.As(err, &line)
	return line, ok
}

// lineText is what a client is told about a line that is no command.
func lineText(err error) string {
	switch {
	case errors.Is(err, ftp.ErrLineTooLong):
		return "Command line too long"
	case errors.Is(err, ftp.ErrForbiddenByte):
		return "Forbidden control character in command"
	}
	return "Invalid command: try being more creative"
}

func (m *Machine) dispatch(c ftp.Command) {
	if c.Verb == badVerb {
		m.answer(ftp.NewReply(500, c.Arg))
		return
	}
	r := lookUp(c.Verb)
	m.asked, m.since, m.again = c, m.now, m.login.denied
	if r, barred := m.barred(c.Verb); barred {
		m.do(Note{Level: Info, Front: true, Text: r.Text + " but absent, denying " + c.Verb + " command"})
		m.answer(r)
		return
	}
	if m.ruledOut(c) {
		return
	}
	switch m.phase {
	case loggedIn:
		r.loggedIn(m, c)
	case alone:
		if m.login.unlisted && m.cfg.Likeness != nil {
			m.pretend(r, c)
			return
		}
		r.alone(m, c)
	default:
		r.connected(m, c)
	}
}

// unlessForward keeps from destinations what comes before the login: in the forward
// role their refusals are ours to give.
func unlessForward(h handler) handler {
	return func(m *Machine, c ftp.Command) {
		if m.forwards() {
			m.loginFirst(c)
			return
		}
		h(m, c)
	}
}

func (m *Machine) loginFirst(ftp.Command) { m.answer(ftp.PleaseLogin()) }

func (m *Machine) notUnderstood(c ftp.Command) { m.answer(ftp.NotUnderstood(c.Verb)) }

// relay passes a command on and its replies back.
func (m *Machine) relay(c ftp.Command) { m.forward(c, (*Machine).answer) }

// quit is relayed, so that the backend ends its session in good order; the
// client gets its farewell even from a backend that is already gone.
func (m *Machine) quit(c ftp.Command) {
	m.forward(c, func(m *Machine, r ftp.Reply) { m.farewell(r, "client quit") })
}

// setType notes the transfer type for the transfer log.
func (m *Machine) setType(c ftp.Command) {
	m.forward(c, func(m *Machine, r ftp.Reply) {
		if r.Positive() {
			m.early, m.back.typed = "", c.Arg
			m.noteType(c.Arg)
		}
		m.answer(r)
	})
}

func (m *Machine) noteType(arg string) {
	if arg == "" {
		return
	}
	switch arg[0] {
	case 'A', 'a', 'E', 'e':
		m.type_ = 'A'
	case 'I', 'i', 'L', 'l':
		m.type_ = 'I'
	}
}

// remove relays DELE and logs what was deleted.
func (m *Machine) remove(c ftp.Command) {
	m.forward(c, func(m *Machine, r ftp.Reply) {
		m.do(RecordTransfer{Verb: c.Verb, Path: c.Arg, User: m.login.user, Type: m.type_,
			Began: m.now, Complete: r.Positive(), TLS: m.front.ftps()})
		m.answer(r)
	})
}
