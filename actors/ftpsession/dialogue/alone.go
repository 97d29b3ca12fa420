package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// What the gateway answers before there is a backend, as ProFTPD itself does
// before a login: little, and nothing that a backend would have to know of.

// answeredAlone are commands that need neither a login nor a backend.
var answeredAlone = map[string]handler{
	ftp.SYST: say(ftp.SystemType()),
	ftp.NOOP: say(ftp.CommandOK(ftp.NOOP)),
	ftp.CLNT: say(ftp.Accepted()),
	ftp.CSID: say(ftp.Accepted()),
	ftp.HELP: say(ftp.NewReply(214, "The following commands are recognized:",
		" USER PASS ACCT HOST FEAT AUTH PBSZ PROT CCC QUIT NOOP SYST HELP TYPE OPTS CLNT LANG", "All others need a login first")),
	ftp.LANG: (*Machine).langAlone,
	ftp.OPTS: (*Machine).optsAlone,
}

// needLogin are commands that ProFTPD knows, and keeps for those who are logged
// in. Of the others it says that it does not understand them.
var needLogin = []string{ftp.SMNT, ftp.SITE, ftp.STAT,
	ftp.STRU, ftp.ALLO, ftp.RNFR, ftp.RNTO, ftp.SIZE, ftp.MDTM, ftp.MLST, ftp.MFMT, ftp.MFF}

func say(r ftp.Reply) handler {
	return func(m *Machine, _ ftp.Command) { m.answer(r) }
}

func (m *Machine) accessDenied(ftp.Command) { m.answer(ftp.AccessDenied()) }

func (m *Machine) quitAlone(ftp.Command) { m.farewell(m.goodbye(), "client quit") }

func (m *Machine) nothingToAbort(ftp.Command) {
	m.answer(ftp.Failed(500, ftp.ABOR, "Invalid argument"))
}

// typeAlone takes the transfer type in, for the backend to hear of it after the
// login (Machine.enter).
func (m *Machine) typeAlone(c ftp.Command) {
	switch strings.ToUpper(c.Arg) {
	case "":
		m.answer(ftp.NotUnderstood("'" + c.Verb + "'"))
	case "A", "A N", "I", "L 8":
		m.early = strings.ToUpper(c.Arg)
		m.noteType(m.early)
		m.answer(ftp.NewReply(200, "Type set to "+m.early[:1]))
	default:
		m.answer(ftp.NewReply(504, c.Verb+" not implemented for '"+printable(c.Arg)+"' parameter"))
	}
}

// optsAlone agrees to UTF-8, which passes through us anyway. All other options
// are the backend's.
func (m *Machine) optsAlone(c ftp.Command) {
	switch strings.ToUpper(c.Arg) {
	case "UTF8", "UTF8 ON":
		m.answer(ftp.NewReply(200, "UTF8 set to on"))
	default:
		m.loginFirst(c)
	}
}

// langAlone knows the language of our own replies.
func (m *Machine) langAlone(c ftp.Command) {
	switch lang := strings.ToLower(c.Arg); {
	case lang == "", lang == "en", strings.HasPrefix(lang, "en-"), strings.HasPrefix(lang, "en_"):
		m.answer(ftp.NewReply(200, "Using default language en_US"))
	default:
		m.answer(ftp.NewReply(504, printable(c.Arg)+": Language not supported"))
	}
}
