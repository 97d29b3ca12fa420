package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Servers say 226 to LIST of a file, of wildcards, and even of names that do not
// exist; some take blanks for the ends of names. MLSD has to be refused then (RFC
// 3659 §7.2): a client that mirrors would delete what it does not see.

func (m *Machine) listingRead(ev messages.ListingRead) {
	if t := m.xfer; t != nil && ev.Transfer == t.id {
		t.second.listed = ev.Directories
	}
}

// believe gives the client the last word on a transfer, unless it is a list that is
// hard to believe: of several directories, or of one that does not tell of itself
// although others did. Where that is not known, an empty list is looked into.
func (m *Machine) believe(t *transfer, r ftp.Reply) {
	s := &t.second
	switch {
	case !r.Positive() || !s.flagged || s.refusal.Code != 0:
	case s.listed == 1:
		m.lists.showsSelf = true
	case s.listed > 1:
		r = m.noDirectory(t, r)
	case isRoot(t.cmd.Arg):
	case m.lists.showsSelf:
		r = m.noDirectory(t, r)
	case t.bytes == 0:
		m.goThere(t, r)
		return
	}
	m.lastReply(t, r)
}

func (m *Machine) noDirectory(t *transfer, r ftp.Reply) ftp.Reply {
	m.do(Note{Level: Info, Text: "what the backend listed is not one directory", Command: t.cmd, Reply: r})
	return ftp.Failed(550, t.cmd.Verb, "No such directory, or it cannot be listed")
}

// isRoot reports a path that is there whatever it is relative to. The root of a FAT
// disk tells of itself nowhere, all its other directories do.
func isRoot(path string) bool {
	path = strings.Trim(path, `./\`)
	return path == "" || strings.HasSuffix(path, ":")
}

// goThere tells an empty directory from one that does not exist: the backend can
// change to it, and back.
func (m *Machine) goThere(t *transfer, r ftp.Reply) {
	there := ftp.Command{Verb: ftp.CWD, Arg: unmistakable(t.cmd.Arg), HasArg: true}
	if t.asides > 0 || m.back.leaving() || !fits(there) {
		m.lastReply(t, r)
		return
	}
	m.ask(ftp.Command{Verb: ftp.PWD}, func(m *Machine, pwd ftp.Reply) {
		home, ok := directoryIn(pwd)
		if !ok {
			m.lastReply(t, r)
			return
		}
		m.ask(there, func(m *Machine, went ftp.Reply) {
			if !went.Positive() {
				m.lastReply(t, m.noDirectory(t, r))
				return
			}
			m.ask(ftp.Command{Verb: ftp.CWD, Arg: home, HasArg: true}, func(m *Machine, back ftp.Reply) {
				if !back.Positive() { // the client would be lost there without knowing it
					m.do(Note{Level: Warn, Text: "backend does not change back to the directory that it said we were in", Reply: back})
					m.farewell(ftp.Closing("Working directory lost"), "working directory lost")
					return
				}
				m.lastReply(t, r)
			})
		})
	})
}

// directoryIn reads the answer to PWD, in which quotes in the name are doubled (RFC
// 959, appendix II).
func directoryIn(r ftp.Reply) (path string, ok bool) {
	_, rest, opened := strings.Cut(r.Text, `"`)
	if r.Code != 257 || !opened {
		return "", false
	}
	for {
		part, after, closed := strings.Cut(rest, `"`)
		path += part
		if !strings.HasPrefix(after, `"`) {
			c := ftp.Command{Verb: ftp.CWD, Arg: path, HasArg: true}
			_, err := c.Append(nil)
			return path, closed && path != "" && err == nil
		}
		path += `"`
		rest = after[1:]
	}
}
