package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// A directory may be visited on behalf of a client: to see whether it is there, and to
// list it by no name, where its name is one that LIST may misread. The client's next
// command waits until the backend is back where the client thinks it is.

// visit changes to a directory. Then hears what the backend said to that; without a
// home nothing was done, as there would have been no way back.
func (m *Machine) visit(path string, then func(m *Machine, home string, went ftp.Reply)) {
	there := ftp.Command{Verb: ftp.CWD, Arg: unmistakable(path), HasArg: true}
	if !fits(there) {
		then(m, "", ftp.Reply{})
		return
	}
	m.ask(ftp.Command{Verb: ftp.PWD}, func(m *Machine, r ftp.Reply) {
		home, ok := directoryIn(r)
		if !ok {
			then(m, "", ftp.Reply{})
			return
		}
		m.ask(there, func(m *Machine, r ftp.Reply) {
			if r.Positive() {
				m.home = home
			}
			then(m, home, r)
		})
	})
}

// returns goes back from a visit before anything else is done.
func (m *Machine) returns() bool {
	if m.home == "" || m.busy() || m.phase == ended {
		return false
	}
	home := ftp.Command{Verb: ftp.CWD, Arg: m.home, HasArg: true}
	m.home = ""
	m.ask(home, func(m *Machine, r ftp.Reply) {
		if !r.Positive() { // the client would be lost there without knowing it
			m.do(Note{Level: Warn, Text: "backend does not change back to the directory that it said it was in", Reply: r})
			m.farewell(ftp.Closing("Working directory lost"), "working directory lost")
			return
		}
		m.next()
	})
	return true
}

// ambiguous reports a path that LIST may take for several names, or for a pattern. (To
// vsftpd and ProFTPD it is the name of what is there, but not to all.)
func ambiguous(path string) bool { return strings.ContainsAny(path, " *?[{") }

// listFromWithin has an MLSD of such a path served by a visit.
func (m *Machine) listFromWithin(p *preparation) {
	m.visit(p.cmd.Arg, func(m *Machine, home string, went ftp.Reply) {
		switch {
		case home == "":
		case went.Negative():
			m.callOff(went)
			return
		case went.Positive():
			p.wire, p.shape, p.second = m.listForMLSD(ftp.Command{Verb: ftp.MLSD})
			p.second.within = true
		}
		m.prepare(p)
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
