package dialogue

import (
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// moving is why the session wants another server.
type moving uint8

const (
	staying moving = iota
	byHost         // the client said HOST: the new server's greeting answers it
	bySNI          // the client's handshake named it: it had its banner
)

// move asks for the server of a name.
func (m *Machine) move(why moving, name string) {
	m.moving = why
	m.do(SwitchServer{name})
}

// Switch answers SwitchServer with the dialogue template of the server that has
// the name; nil: none has. The backend of the server before is left, and the
// client is received as the new server does that.
func (m *Machine) Switch(cfg *Config, now time.Time) []Action {
	return m.arrive(now, ftp.HostUnknown(m.asked.Arg), cfg)
}

// Stay answers SwitchServer, too: the name is this server's own.
func (m *Machine) Stay(now time.Time) []Action {
	return m.arrive(now, ftp.HostSelected(), nil)
}

// arrive goes on with the server of cfg, or with this one; host is then the
// answer to HOST.
func (m *Machine) arrive(now time.Time, host ftp.Reply, cfg *Config) []Action {
	m.start(now)
	why := m.moving
	m.moving = staying
	switch {
	case m.phase == ended || why == staying:
	case cfg != nil:
		m.settleIn(*cfg, why)
	case why == byHost:
		m.answer(host)
	default: // a handshake that took an unknown name had no others to offer
		m.secured()
	}
	m.checkTime()
	return m.out
}

// settleIn starts over with another server, as far as the client lets us: its
// address, its TLS and its time stay.
func (m *Machine) settleIn(cfg Config, why moving) {
	m.do(Note{Level: Info, Text: "moving to another server, by its name"})
	m.leaveBackend()
	cfg.Client, cfg.ClientName, cfg.Local = m.cfg.Client, m.cfg.ClientName, m.cfg.Local
	m.cfg = cfg
	m.login, m.journey, m.early, m.type_ = login{}, journey{}, "", cfg.firstType()
	m.front.moved = why == bySNI && m.greeted
	m.receive()
}
