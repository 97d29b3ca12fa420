package dialogue

import "github.com/sluice-gateway/sluice/protocols/ftp"

// FTPS reports whether the client's control connection is, or was, in TLS: for logs.
func (m *Machine) FTPS() bool { return m.front.ftps() }

// Group is the primary group of the client's account, where the gateway checks logins: for logs.
func (m *Machine) Group() string {
	switch {
	case m.journey.guest != nil:
		return m.journey.guest.group
	case m.login.known != nil:
		return m.login.known.group
	}
	return ""
}

// discreet is a reply for the log, without the passwords that a backend may have repeated in it.
func (m *Machine) discreet(r ftp.Reply) ftp.Reply {
	if m.asked.Secret() {
		r = ftp.Discreet(r, m.asked.Arg)
	}
	return ftp.Discreet(r, m.back.backend.URL.Password)
}
