package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// cmdMlst tells the facts of one name on the control connection (RFC 3659 §7.2).
func (s *session) cmdMlst(_ context.Context, c ftp.Command) {
	name, ok := s.resolve(c.Arg)
	info, err := s.root.Stat(name)
	if !ok || err != nil {
		s.reply(missing(c))
		return
	}
	p := s.absolute(c.Arg)
	s.reply(ftp.NewReply(250, "Listing "+p, " "+string(s.factLine()(nil, info, p)), "End"))
}

// cmdStat tells of the session, or lists like LIST on the control connection.
func (s *session) cmdStat(_ context.Context, c ftp.Command) {
	if s.running != nil || c.Arg == "" {
		s.reply(s.status())
		return
	}
	arg := withoutOptions(c.Arg)
	l, err := s.look(arg)
	if err != nil {
		s.reply(ftp.NewReply(550, arg+": "+reason(err)))
		return
	}
	defer l.release()
	l.line = longLine
	lines := []string{"Status of " + s.absolute(arg)}
	err = l.each(func(b []byte) error {
		for line := range bytes.Lines(b) {
			lines = append(lines, " "+strings.TrimRight(string(line), "\r\n"))
		}
		if len(lines) > batch {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		lines = append(lines, " and more: use LIST")
	case err != nil:
		s.reply(ftp.Failed(451, c.Verb, "Local error in processing"))
		return
	}
	s.reply(ftp.NewReply(213, append(lines, "End of status")...))
}

var errEnough = errors.New("enough for one reply")

func (s *session) status() ftp.Reply {
	doing := "No transfer is running"
	if s.running != nil {
		doing = s.running.verb + " is running"
	}
	return ftp.NewReply(211, s.cfg.Name,
		" Connected from "+s.peer.Addr().String(),
		" Logged in as "+s.user,
		fmt.Sprintf(" Since %s ago, TYPE %s, MODE S, STRU F", time.Since(s.started).Round(time.Second), s.mode()),
		" "+doing,
		"End of status")
}
