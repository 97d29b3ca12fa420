package embedded

import (
	"context"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// verb is how one command is served.
type verb struct {
	early bool // may come before login
	bare  bool // needs no argument
	do    func(*session, context.Context, ftp.Command)
}

// verbTable is everything the server understands, by canonical verb.
func verbTable() map[string]verb {
	return map[string]verb{
		ftp.USER: {early: true, do: (*session).cmdUser},
		ftp.PASS: {early: true, bare: true, do: (*session).cmdPass},
		ftp.QUIT: {early: true, bare: true, do: (*session).cmdQuit},
		ftp.NOOP: {early: true, bare: true, do: answer(ftp.NewReply(200, "NOOP command successful"))},
		ftp.SYST: {early: true, bare: true, do: answer(ftp.SystemType())},
		ftp.FEAT: {early: true, bare: true, do: answer(ftp.FeaturesReply(features))},
		ftp.HELP: {early: true, bare: true, do: (*session).cmdHelp},
		ftp.OPTS: {early: true, do: (*session).cmdOpts},
		ftp.STAT: {bare: true, do: (*session).cmdStat},
		ftp.SITE: {bare: true, do: answer(ftp.NewReply(202, "There are no SITE commands here"))},
		ftp.ALLO: {bare: true, do: answer(ftp.NewReply(202, "No storage allocation is necessary"))},

		ftp.TYPE: {do: (*session).cmdType},
		ftp.STRU: {do: only("F")},
		ftp.MODE: {do: only("S")},
		ftp.REST: {do: (*session).cmdRest},

		ftp.PASV: {bare: true, do: (*session).cmdPasv},
		ftp.EPSV: {bare: true, do: (*session).cmdEpsv},
		ftp.PORT: {do: (*session).cmdPort},
		ftp.EPRT: {do: (*session).cmdEprt},

		ftp.PWD:  {bare: true, do: (*session).cmdPwd},
		ftp.CWD:  {do: (*session).cmdCwd},
		ftp.CDUP: {bare: true, do: (*session).cmdCdup},
		ftp.MKD:  {do: (*session).cmdMkd},
		ftp.RMD:  {do: (*session).cmdRmd},
		ftp.DELE: {do: (*session).cmdDele},
		ftp.RNFR: {do: (*session).cmdRnfr},
		ftp.RNTO: {do: (*session).cmdRnto},
		ftp.SIZE: {do: (*session).cmdSize},
		ftp.MDTM: {do: (*session).cmdMdtm},
		ftp.MLST: {bare: true, do: (*session).cmdMlst},

		ftp.LIST: {bare: true, do: (*session).cmdList},
		ftp.NLST: {bare: true, do: (*session).cmdNlst},
		ftp.MLSD: {bare: true, do: (*session).cmdMlsd},
		ftp.RETR: {do: (*session).cmdRetr},
		ftp.STOR: {do: (*session).cmdStor},
		ftp.APPE: {do: (*session).cmdAppe},
		ftp.STOU: {bare: true, do: (*session).cmdStou},
		ftp.ABOR: {bare: true, do: (*session).cmdAbor},
	}
}

// features are those of FEAT, RFC 2389; EPRT and EPSV are listed by custom.
var features = []string{"EPRT", "EPSV", "MDTM", "MLST " + factList(allFacts, allFacts), "REST STREAM", "SIZE", "TVFS", "UTF8"}

// obey serves one command.
func (s *session) obey(ctx context.Context, c ftp.Command) {
	name := ftp.Canonical(c.Verb)
	v, ok := s.verbs[name]
	switch {
	case !ok && ftp.Known(c.Verb):
		s.reply(ftp.NewReply(502, c.Verb+" is not implemented"))
	case !ok:
		s.reply(ftp.NotUnderstood(c.Verb))
	case !v.early && !s.loggedIn:
		s.reply(ftp.PleaseLogin())
	case !v.bare && c.Arg == "":
		s.reply(ftp.NewReply(501, c.Verb+" needs an argument"))
	default:
		// REST and RNFR speak about the very next command (RFC 959 §4.1.3),
		// but opening a data connection may come between REST and its transfer.
		if name != ftp.RNTO {
			s.rename = ""
		}
		if !slices.Contains(keepRestart, name) {
			defer func() { s.restart = 0 }()
		}
		v.do(s, ctx, c)
	}
}

var keepRestart = []string{ftp.REST, ftp.PASV, ftp.EPSV, ftp.PORT, ftp.EPRT, ftp.TYPE, ftp.MODE, ftp.STRU, ftp.NOOP, ftp.SIZE, ftp.STAT}

func answer(r ftp.Reply) func(*session, context.Context, ftp.Command) {
	return func(s *session, _ context.Context, _ ftp.Command) { s.reply(r) }
}

// only accepts the one value of STRU and MODE that is served.
func only(value string) func(*session, context.Context, ftp.Command) {
	return func(s *session, _ context.Context, c ftp.Command) {
		if strings.EqualFold(c.Arg, value) {
			s.reply(ftp.CommandOK(c.Verb))
			return
		}
		s.reply(ftp.NewReply(504, c.Verb+" "+value+" is all there is"))
	}
}

func (s *session) cmdHelp(context.Context, ftp.Command) {
	var names []string
	for name := range s.verbs {
		names = append(names, name)
	}
	slices.Sort(names)
	lines := []string{"Commands of this server:"}
	for part := range slices.Chunk(names, 8) {
		lines = append(lines, " "+strings.Join(part, " "))
	}
	s.reply(ftp.NewReply(214, append(lines, "End of list")...))
}

func (s *session) cmdQuit(context.Context, ftp.Command) { s.goodbye(ftp.Goodbye()) }
