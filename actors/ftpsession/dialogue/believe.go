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
		m.lists.misreads = true
		r = m.noDirectory(t, r)
	case isRoot(t.cmd.Arg), s.within:
	case m.lists.showsSelf:
		m.lists.misreads = m.lists.misreads || ambiguous(t.cmd.Arg)
		r = m.noDirectory(t, r)
	case t.bytes == 0 && t.asides == 0 && !m.back.leaving():
		m.visit(t.cmd.Arg, func(m *Machine, home string, went ftp.Reply) {
			if home != "" && !went.Positive() {
				r = m.noDirectory(t, r)
			}
			m.lastReply(t, r)
		})
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
