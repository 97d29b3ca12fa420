package ftpsession

import (
	"net/netip"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/logformat"
)

// What ExtendedLogs are told of a session: one record for each command once it is answered, one for the
// begin (CONNECT, answered by the banner) and one for the end (EXIT). The rules:
//
//   - Replies come in the order of commands, but for what is said in mid transfer: ABOR goes ahead of what
//     waits, and STAT and NOOP may be answered before the transfer is (pending.go).
//   - A command that is still open when the session ends is recorded then, without a reply.
//   - Without an ExtendedLog there are no books, and nothing of this costs anything.

// Books are the logs of a server's commands, and what all their lines share.
type Books struct {
	Logs    []messages.ExtendedLog
	Host    string // this machine's name
	Version string
	PID     int
}

// books are what one session knows for its records.
type books struct {
	open     pending
	tls      messages.TLSInfo
	port     uint16 // of the data connection that was agreed on last
	restart  bool   // the next transfer begins in mid file
	renaming string // the name that RNFR gave
	in, out  int64  // bytes, but for those that TLS adds

	attempt uint32 // that url belongs to
	url     string
	last    netip.AddrPort // backend
	curt    bool           // the journal did not listen: it is not waited for again until it does
}

// curtWait is how long a journal that did not listen is waited for.
const curtWait = 5 * time.Millisecond

// openBooks begins a session's books, if anybody is to read them.
func (s *Session) openBooks() {
	if len(s.setup.Books.Logs) > 0 {
		s.books = &books{}
		s.books.open.push(entry{cmd: ftp.Command{Verb: "CONNECT"}, of: logformat.Connect, at: s.opened})
	}
}

// hear notes what an event says, before the dialogue hears it.
func (s *Session) hear(ev messages.ToSession) {
	if s.books == nil {
		if len(s.setup.Books.Logs) == 0 {
			return
		}
		s.books = &books{} // the client has moved here from another server
	}
	b := s.books
	switch ev := ev.(type) {
	case messages.CommandReceived:
		cmd := ev.Command
		if line, bad := lineVerb(ev.Err); bad {
			cmd = ftp.Command{Verb: line}
		}
		b.in += int64(len(cmd.Verb) + len(cmd.Arg) + len(" \r\n"))
		b.open.push(entry{cmd: cmd, at: time.Now()})
	case messages.FrontendSecured:
		b.tls = ev.TLS
	case messages.TransferFinished:
		b.open.finished(ev, time.Now())
	}
}

// answered notes a reply to the client. A final one closes the entry of its command.
func (s *Session) answered(r ftp.Reply) {
	b := s.books
	if b == nil {
		return
	}
	b.out += int64(len(r.Text) + len("ddd \r\n")*(1+strings.Count(r.Text, "\n")))
	e, found := b.open.take(r)
	if !found {
		return // preliminary, or nobody asked for it
	}
	b.learn(&e, r)
	s.write(e, r)
}

// transferred notes what the dialogue says of a transfer, which knows better than the data channel.
func (s *Session) transferred(a dialogue.RecordTransfer) {
	if s.books != nil {
		s.books.open.recorded(a)
	}
}

// closeBooks records what is still open, and the end.
func (s *Session) closeBooks() {
	b := s.books
	if b == nil || s.mind == nil {
		return
	}
	for _, e := range b.open.list {
		s.write(e, ftp.Reply{})
	}
	s.write(entry{cmd: ftp.Command{Verb: "EXIT"}, of: logformat.Exit, at: s.opened}, ftp.Reply{})
}

// learn takes from an answered command what later ones, or its own record, need to know.
func (b *books) learn(e *entry, r ftp.Reply) {
	switch verb := ftp.Canonical(e.cmd.Verb); {
	case transfers[verb]:
		e.transfer.Port = b.port
		e.settle(r, b.restart)
		if uploads[verb] {
			b.in += e.transfer.Bytes
		} else {
			b.out += e.transfer.Bytes
		}
		b.port, b.restart = 0, false
	case r.Negative():
	case verb == ftp.REST:
		b.restart = e.cmd.Arg != "0"
	case verb == ftp.RNFR:
		b.renaming = e.cmd.Arg
	default:
		b.agree(verb, e.cmd.Arg, r)
	}
}

// agree notes the port of a data connection to come.
func (b *books) agree(verb, arg string, r ftp.Reply) {
	var at netip.AddrPort
	var err error
	switch verb {
	case ftp.PASV:
		at, err = ftp.ParsePASVReply(r.Text)
	case ftp.EPSV:
		var port uint16
		port, err = ftp.ParseEPSVReply(r.Text)
		at = netip.AddrPortFrom(netip.Addr{}, port)
	case ftp.PORT:
		at, err = ftp.ParsePORT(arg)
	case ftp.EPRT:
		at, _, err = ftp.ParseEPRT(arg)
	default:
		return
	}
	if err == nil { // else it is no agreement on a port: EPSV ALL
		b.port = at.Port()
	}
}

// write sends a record to the journal, if a log wants it. The journal holds lines, not sessions: a full
// one is waited for, but not for ever, and not by every command.
func (s *Session) write(e entry, r ftp.Reply) {
	b, about := s.books, &s.setup.Books
	m := messages.RecordCommand{Logs: about.Logs, At: time.Now()}
	m.Record = logformat.Record{Command: e.cmd, Reply: r, Of: e.of, Transfer: e.transfer}
	if !wanted(about.Logs, &m.Record) {
		return
	}
	m.Record.Millis = m.At.Sub(e.at).Milliseconds()
	s.describe(&m.Record)
	m.Record.Reply = ftp.Discreet(m.Record.Reply, s.back.url.Password)
	hide(&m.Record)
	wait := s.setup.Services.waits().tell
	if b.curt {
		wait = curtWait
	}
	err := s.setup.Services.Journal.Tell(m, wait)
	if b.curt = err != nil; b.curt {
		s.proxyLog(zerolog.ErrorLevel).Err(err).Stringer("command", m.Record.Command).Stringer("reply", m.Record.Reply).
			Msg("line of an ExtendedLog lost, as the journal does not take it")
	}
}

func wanted(logs []messages.ExtendedLog, r *logformat.Record) bool {
	for i := range logs {
		if logs[i].Wants.Wants(r) {
			return true
		}
	}
	return false
}

// describe fills in who and where.
func (s *Session) describe(r *logformat.Record) {
	b, about := s.books, &s.setup.Books
	r.Session, r.Server, r.Class = uint64(s.id), s.setup.Server, s.setup.Class
	r.Host, r.PID, r.Version = about.Host, about.PID, about.Version
	r.Client, r.ClientName, r.Local = s.client, s.name, s.local
	r.UserSent, r.Group, r.Protocol = s.mind.User(), s.mind.Group(), string(messages.FTP)
	if s.loggedIn.Load() {
		r.User = r.UserSent
	}
	if s.mind.FTPS() {
		r.Protocol = string(messages.FTPS)
	}
	r.TLSVersion, r.TLSCipher, r.Vars = b.tls.Version, b.tls.Cipher, s.secrecy.vars
	r.RawIn, r.RawOut = b.in, b.out
	if ftp.Canonical(r.Command.Verb) == ftp.RNTO {
		r.RenameFrom = b.renaming
	}
	if s.back.remote.IsValid() {
		b.last = s.back.remote
	}
	if b.attempt != s.back.attempt {
		b.attempt, b.url = s.back.attempt, s.back.url.String() // without its password
	}
	r.Backend, r.BackendURL = s.back.remote, b.url
	if r.Of == logformat.Exit {
		r.Reason, r.Backend = s.reason, b.last
	}
}

// hide takes a password out before the record leaves the session. The formats would not show it either.
func hide(r *logformat.Record) {
	if r.Command.Secret() && r.Command.Arg != "" {
		r.Reply = ftp.Discreet(r.Reply, r.Command.Arg)
		r.Command.Arg = "(hidden)"
	}
}
