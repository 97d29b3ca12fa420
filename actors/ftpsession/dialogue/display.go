package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// What the gateway shows clients from files (DisplayConnect, DisplayLogin,
// DisplayQuit), where the answer is its own. What holds for all clients was put in
// when the file was read; the rest is put in here, and can break no reply: a name
// that the client made up is shown without its control characters.

// display puts in what differs from client to client.
func (m *Machine) display(lines []string, user string) []string {
	if len(lines) == 0 {
		return nil
	}
	pairs := []string{
		"%L", m.ourAddress().String(),
		"%R", m.cfg.Client.Addr().String(),
		"%T", m.now.Format("Mon Jan _2 15:04:05 2006"),
	}
	if user != "" {
		pairs = append(pairs, "%U", printable(user))
	}
	put := strings.NewReplacer(pairs...)
	all := make([]string, len(lines), len(lines)+1)
	for i, line := range lines {
		all[i] = put.Replace(line)
	}
	return all
}

// welcomed is what a login at the gateway itself is told.
func (m *Machine) welcomed(user string) ftp.Reply {
	r := ftp.LoggedIn(user)
	rules := m.cfg.Rules
	if rules == nil {
		return r
	}
	if rules.GrantMsg != "" {
		r.Text = strings.ReplaceAll(rules.GrantMsg, "%u", printable(user))
	}
	return ftp.NewReply(r.Code, append(m.display(rules.AfterLogin, user), r.Text)...)
}

// goodbye is what a client is told that leaves while it is alone with us.
func (m *Machine) goodbye() ftp.Reply {
	r := ftp.Goodbye()
	if m.cfg.Rules == nil {
		return r
	}
	return ftp.NewReply(r.Code, append(m.display(m.cfg.Rules.AtQuit, m.caller().User), r.Text)...)
}
