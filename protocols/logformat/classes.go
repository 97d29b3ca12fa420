package logformat

import "github.com/sluice-gateway/sluice/protocols/ftp"

// Classes are the classes of commands that ExtendedLog chooses from.
type Classes uint16

// The classes. EXIT and DISCONNECT are two words for one.
const (
	Auth Classes = 1 << iota
	Info
	Dirs
	Read
	Write
	Misc
	Sec
	SSH
	SFTP
	Connect
	Exit
	Event
	failures // ERROR: no class of commands, but of what became of them

	All = Auth | Info | Dirs | Read | Write | Misc | Sec | SSH | SFTP | Connect | Exit
)

// words are the classes by name.
var words = map[string]Classes{
	"ALL": All, "AUTH": Auth, "INFO": Info, "DIRS": Dirs, "READ": Read, "WRITE": Write, "MISC": Misc,
	"SEC": Sec, "SSH": SSH, "SFTP": SFTP, "CONNECT": Connect, "EXIT": Exit, "DISCONNECT": Exit,
	"EVENT": Event, "ERROR": failures,
}

// none takes back everything that was chosen before it.
const none = "NONE"

// verbs are the classes of commands, by canonical verb. A command that is not here is one of MISC.
var verbs = map[string]Classes{
	ftp.USER: Auth, ftp.PASS: Auth, ftp.ACCT: Auth, ftp.REIN: Auth, ftp.HOST: Auth,

	ftp.AUTH: Sec, ftp.CCC: Sec, ftp.PBSZ: Sec, ftp.PROT: Sec, ftp.SSCN: Sec,
	ftp.ADAT: Sec, ftp.CONF: Sec, ftp.ENC: Sec, ftp.MIC: Sec,

	ftp.HELP: Info, ftp.SYST: Info, ftp.FEAT: Info, ftp.STAT: Info, ftp.SIZE: Info, ftp.MDTM: Info,
	ftp.QUIT: Info, ftp.CLNT: Info, ftp.CSID: Info,

	ftp.PWD: Info | Dirs, ftp.CWD: Dirs, ftp.CDUP: Dirs, ftp.LIST: Dirs, ftp.NLST: Dirs, ftp.MLSD: Dirs, ftp.MLST: Dirs,
	ftp.MKD: Dirs | Write, ftp.RMD: Dirs | Write,

	ftp.RETR: Read,
	ftp.STOR: Write, ftp.STOU: Write, ftp.APPE: Write, ftp.DELE: Write, ftp.MFMT: Write, ftp.MFF: Write,
	ftp.RNFR: Misc | Write, ftp.RNTO: Misc | Write,
}

// ClassesOf are the classes of a command.
func ClassesOf(verb string) Classes {
	if c, ok := verbs[ftp.Canonical(verb)]; ok {
		return c
	}
	return Misc
}

// Word is one part of an ExtendedLog's selection: a class or a single verb in upper case, to be logged or
// to be left out.
type Word struct {
	Name   string
	Negate bool
}

// Selection is what an ExtendedLog wants. The zero value wants nothing.
type Selection struct {
	with, without Classes
	verbs         map[string]bool // single commands: wanted, or not
}

// Select reads a selection. Words count in their order, the last one about a class or verb wins; a
// selection that begins with what to leave out, and one without any words, begins with everything.
func Select(list []Word) Selection {
	var s Selection
	if len(list) == 0 || list[0].Negate {
		s.with = All
	}
	for _, w := range list {
		class, isClass := words[w.Name]
		switch {
		case w.Name == none && !w.Negate:
			s = Selection{}
		case w.Name == none:
		case isClass && w.Negate:
			s.with, s.without = s.with&^class, s.without|class
		case isClass:
			s.with, s.without = s.with|class, s.without&^class
		default:
			if s.verbs == nil {
				s.verbs = map[string]bool{}
			}
			s.verbs[w.Name] = !w.Negate
		}
	}
	return s
}

// Wants reports whether a record belongs into the log. A command that was named decides over its classes;
// a class that was left out decides over others of the same command.
func (s *Selection) Wants(r *Record) bool {
	classes := r.Of
	if classes == 0 {
		if wanted, named := s.named(r.Command.Verb); named {
			return wanted
		}
		classes = ClassesOf(r.Command.Verb)
	}
	if r.Reply.Negative() {
		classes |= failures
	}
	return classes&s.with != 0 && classes&s.without == 0
}

// named finds what was said about a single command, under its own name or that of its older form.
func (s *Selection) named(verb string) (wanted, named bool) {
	if s.verbs == nil {
		return false, false
	}
	if wanted, named = s.verbs[verb]; !named {
		wanted, named = s.verbs[ftp.Canonical(verb)]
	}
	return wanted, named
}
