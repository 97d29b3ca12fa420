package embedded

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

func (s *session) cmdUser(_ context.Context, c ftp.Command) {
	s.user, s.loggedIn = c.Arg, false
	s.reply(ftp.PasswordRequired(c.Arg))
}

func (s *session) cmdPass(_ context.Context, c ftp.Command) {
	switch {
	case s.user == "" || s.loggedIn:
		s.reply(ftp.BadSequence())
	case s.cfg.permits(s.user, c.Arg):
		s.loggedIn = true
		s.touch()
		s.reply(ftp.LoggedIn(s.user))
	default:
		s.user = ""
		s.failures++
		s.reply(ftp.LoginIncorrect())
		s.over = s.over || s.failures >= maxFailures
	}
}

// permits compares digests, so that the time it takes tells nothing.
func (c *Config) permits(user, password string) bool {
	if c.Accounts == nil {
		return true
	}
	wanted, known := c.Accounts[user]
	a, b := sha256.Sum256([]byte(wanted)), sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && known
}

// cmdType knows A and I; N (non-print) is the only format of A, L 8 is I
// (RFC 959 §3.1.1).
func (s *session) cmdType(_ context.Context, c ftp.Command) {
	switch strings.ToUpper(c.Arg) {
	case "A", "A N":
		s.ascii = true
	case "I", "L 8", "L8":
		s.ascii = false
	default:
		s.reply(ftp.NewReply(504, "TYPE A and TYPE I are all there is"))
		return
	}
	s.reply(ftp.CommandOK(c.Verb))
}

// cmdRest notes where the next transfer begins. In TYPE A a position in the
// stream is none in the file (RFC 3659 §5.2).
func (s *session) cmdRest(_ context.Context, c ftp.Command) {
	at, err := strconv.ParseInt(c.Arg, 10, 64)
	switch {
	case err != nil || at < 0 || c.Arg[0] == '+':
		s.reply(ftp.NewReply(501, "REST needs a number of bytes"))
	case at > 0 && s.ascii:
		s.reply(ftp.NewReply(501, "REST needs TYPE I"))
	default:
		s.restart = at
		s.reply(ftp.NewReply(350, "Restarting at "+c.Arg+", send STOR or RETR"))
	}
}

// cmdOpts knows UTF8, which is always on, and the facts of MLST (RFC 3659 §7.9).
func (s *session) cmdOpts(_ context.Context, c ftp.Command) {
	what, value, _ := strings.Cut(c.Arg, " ")
	switch strings.ToUpper(what) {
	case "UTF8", "UTF-8":
		if value != "" && !strings.EqualFold(value, "ON") {
			s.reply(ftp.NewReply(504, "Names are UTF-8 here"))
			return
		}
		s.reply(ftp.NewReply(200, "UTF8 is on"))
	case "MLST":
		s.facts = chooseFacts(value)
		s.reply(ftp.NewReply(200, strings.TrimSpace("MLST OPTS "+joinFacts(s.facts))))
	default:
		s.reply(ftp.NewReply(501, "There is no such option"))
	}
}
