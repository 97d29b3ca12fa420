package dialogue

import (
	"net/netip"
	"path"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// host answers HOST (RFC 7151). In TLS the name was settled by the handshake,
// whose certificate the client believed.
func (m *Machine) host(c ftp.Command) {
	f := &m.front
	switch name, ok := hostName(c.Arg); {
	case m.phase == loggedIn, f.ftps() && f.name == "":
		m.answer(ftp.BadSequence())
	case !ok:
		m.answer(ftp.HostInvalid(c.Arg))
	case f.ftps() && name != f.name:
		m.answer(ftp.HostUnknown(c.Arg))
	case m.cfg.Serves(name):
		m.do(CalledAs{name})
		m.answer(ftp.HostSelected())
	default:
		m.move(byHost, name)
	}
}

// hostName checks the argument of HOST: a name, an IPv4 address, or an IPv6
// address in brackets.
func hostName(arg string) (string, bool) {
	if arg == "" || len(arg) > 255 || strings.ContainsAny(arg, " /\\\t") {
		return "", false
	}
	if inner, ok := strings.CutPrefix(arg, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return inner, ok && err == nil && a.Is6()
	}
	return strings.ToLower(arg), !strings.Contains(arg, ":")
}

// Serves reports whether a name in lower case, from HOST or SNI, means this
// server: one of its names or globs, or the address it was reached at.
func (cfg *Config) Serves(name string) bool {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Unmap() == cfg.Local.Addr()
	}
	for _, pattern := range cfg.ServerNames {
		if ok, err := path.Match(strings.ToLower(pattern), name); ok && err == nil {
			return true
		}
	}
	return false
}
