package config

import (
	"path"
	"strings"
)

// Parsers of directives about servers and the process.

func parsePort(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	n, _ := c.integer(0, 0, 65535)
	return set(func(s *Server) { s.Port = uint16(n) })
}

func parseDefaultAddress(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	found := Server{}
	for _, a := range c.args {
		c.load.addAddress(&found, a, c.row.Name)
	}
	return set(func(s *Server) {
		s.Addresses = append(s.Addresses, found.Addresses...)
		s.HostNames = append(s.HostNames, found.HostNames...)
	})
}

func parseServerAlias(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	for i := range c.args {
		if _, err := path.Match(c.arg(i), ""); err != nil {
			c.errorf(c.at(i), "'%s' is not a valid pattern", c.arg(i))
		}
	}
	names := c.texts(0)
	return set(func(s *Server) { s.Aliases = append(s.Aliases, names...) })
}

func parseServerType(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	switch strings.ToLower(c.arg(0)) {
	case "standalone":
	case "inetd":
		c.warnf(c.at(0), "inetd is not supported, the service listens by itself: write standalone, or use a systemd socket unit")
	default:
		c.errorf(c.at(0), "type must be either 'inetd' or 'standalone', not '%s'", c.arg(0))
	}
	return effect{}
}

func parseConnectionRate(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	v := ConnRate{PerSeconds: 1}
	v.Max, _ = c.integer(0, 1, 1<<30)
	if len(c.args) > 1 {
		v.PerSeconds, _ = c.integer(1, 1, 86400)
	}
	if len(c.args) > 2 {
		v.Message, v.HasOwnMessage = c.arg(2), true
	}
	return set(func(p *Process) { p.MaxConnRate = v })
}

// parseTimeoutSession reads "duration [user|group|class names]". With a scope it
// is a section of its own for those whom it names.
func parseTimeoutSession(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	d, _ := c.duration(0)
	e := set(func(s *Settings) {
		if !s.Timeouts.sessionSet { // the first that applies counts
			s.Timeouts.Session, s.Timeouts.sessionSet = d, true
		}
	})
	section, known := sessionScopes[strings.ToLower(c.arg(1))]
	switch {
	case len(c.args) == 1:
		return e
	case !known:
		c.errorf(c.at(1), "expected user, group or class, not '%s'", c.arg(1))
		return effect{}
	case c.scope.client:
		c.errorf(c.at(1), "'%s' may not stand in a section that depends on the client", c.arg(1))
		return effect{}
	}
	mode := ExprOr
	if section == "ifgroup" {
		mode = ExprAnd
	}
	match, problem := nameExpr(c.args[2:], mode)
	if problem != "" {
		c.errorf(c.at(1), "%s", problem)
	}
	own := &clientScope{section: section, match: match}
	own.place, own.pos, own.client = c.scope.place, c.pos, true
	own.items = []item{{row: c.row, pos: c.pos, effect: e}}
	c.scope.overlays = append(c.scope.overlays, own)
	return effect{}
}

var sessionScopes = map[string]string{"user": "ifuser", "group": "ifgroup", "class": "ifclass"}
