package dialogue

import (
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/destination"
)

// handshakes are the good ends of those under way.
func (wd *world) handshakes() []event {
	var can []event
	t := &wd.w.tls
	if t.securing {
		can = append(can, func() error {
			names := []string{"", "", "other.example", "nobody.example"}
			if wd.m.forwards() && wd.m.cfg.Forward.Method == destination.UserAtSNI {
				names = []string{"b1", "b1", "b1:990", ""}
			}
			return wd.step(messages.FrontendSecured{TLS: tls13(names[wd.choose(len(names))])})
		})
	}
	if t.clearing {
		can = append(can, func() error { return wd.step(messages.FrontendCleared{}) })
	}
	if t.linkSecuring {
		can = append(can, func() error {
			return wd.step(messages.BackendSecured{Attempt: wd.w.dialled, TLS: tls13("")})
		})
	}
	return can
}

// scheme is mostly ftp, which leaves the choice of TLS to the configuration.
func (wd *world) scheme() backendurl.Scheme {
	return []backendurl.Scheme{backendurl.FTP, backendurl.FTP, backendurl.FTPS}[wd.choose(3)]
}

// moved answers SwitchServer.
func (wd *world) moved() error {
	cfg := otherServer(wd.w.cfg)
	cfg.Selection = Selection(wd.choose(int(AtDestination) + 1))
	switch wd.choose(4) {
	case 2:
		return wd.see(messages.TimeReached{}, wd.m.Switch(nil, wd.now))
	case 3:
		return wd.see(messages.TimeReached{}, wd.m.Stay(wd.now))
	}
	return wd.see(messages.TimeReached{}, wd.m.Switch(&cfg, wd.now))
}
