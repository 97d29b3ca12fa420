package ftpsession

import (
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// record has the transfer log written. The journal holds lines, not sessions:
// a full one is waited for, but not for ever.
func (s *Session) record(a dialogue.RecordTransfer) {
	s.transferred(a)
	level := zerolog.InfoLevel
	if !a.Complete {
		level = zerolog.WarnLevel
	}
	s.proxyLog(level).Str("user", a.User).Str("verb", a.Verb).Str("path", a.Path).Int64("bytes", a.Bytes).
		Stringer("took", a.Took.Round(time.Millisecond)).Bool("complete", a.Complete).Msg("transfer finished")
	if s.setup.TransferLog == "" {
		return
	}
	m := messages.RecordTransfer{
		Log: s.setup.TransferLog, Started: a.Began, Took: a.Took, Client: s.client.Addr(), ClientName: s.name,
		Bytes: a.Bytes, Path: a.Path, Type: messages.Binary, Direction: direction(a.Verb),
		Mode: accessMode(a.User), User: a.User, Service: messages.FTP, Complete: a.Complete,
	}
	if a.TLS {
		m.Service = messages.FTPS
	}
	if a.Type == 'A' {
		m.Type = messages.ASCII
	}
	if err := s.setup.Services.Journal.Tell(m, s.setup.Services.waits().tell); err != nil {
		s.proxyLog(zerolog.ErrorLevel).Err(err).Str("path", a.Path).Msg("transfer log line lost")
	}
}

func direction(verb string) messages.TransferDirection {
	switch verb {
	case ftp.RETR:
		return messages.Outgoing
	case ftp.DELE:
		return messages.Deleted
	}
	return messages.Incoming
}

func accessMode(user string) messages.AccessMode {
	if strings.EqualFold(user, "anonymous") || strings.EqualFold(user, "ftp") {
		return messages.Anonymous
	}
	return messages.RealUser
}

// note writes one line of the dialogue to the proxy log, or to that of TLS.
func (s *Session) note(n dialogue.Note) {
	log := &s.setup.ProxyLog
	if n.Front {
		log = &s.setup.TLSLog
	}
	e := s.tag(log.WithLevel([...]zerolog.Level{zerolog.DebugLevel, zerolog.InfoLevel, zerolog.WarnLevel, zerolog.ErrorLevel}[n.Level]))
	if e == nil {
		return
	}
	if n.Err != nil {
		e.Err(n.Err)
	}
	if n.Command.Verb != "" {
		e.Stringer("command", n.Command)
	}
	if n.Addr.IsValid() {
		e.Stringer("addr", n.Addr)
	}
	if n.Level >= dialogue.Warn && s.back.remote.IsValid() {
		e.Stringer("backend", s.back.remote)
	}
	if n.Reply.Code != 0 {
		e.Stringer("reply", n.Reply)
	}
	e.Msg(n.Text)
}
