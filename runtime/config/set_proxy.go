package config

import (
	"net/netip"
	"strings"
)

// Parsers of the Proxy directives whose arguments are of no common kind.

var roles = keywords[Role]{{"reverse", RoleReverse}, {"forward", RoleForward}}

func parseRole(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	role, ok := roles.find(c.arg(0))
	if !ok {
		c.errorf(c.at(0), "unknown proxy role '%s': expected forward or reverse", c.arg(0))
	}
	return set(func(s *Settings) { s.Proxy.Role, s.Proxy.RoleSet = role, true })
}

func parseDatastore(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	switch kind := c.arg(0); {
	case strings.EqualFold(kind, "SQLite"):
		return set(func(p *Process) { p.Datastore = DatastoreLocal })
	case !strings.EqualFold(kind, "Redis"):
		c.errorf(c.at(0), "unsupported ProxyDatastore: %s: expected SQLite or Redis", kind)
	case len(c.args) < 2 || c.arg(1) == "":
		c.errorf(c.pos, "missing required Redis key prefix: write ProxyDatastore Redis some-prefix.")
	}
	prefix := c.arg(1)
	return set(func(p *Process) { p.Datastore, p.DatastorePrefix = DatastoreRedis, prefix })
}

func parseRetryCount(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	if strings.HasPrefix(c.arg(0), "-") || c.arg(0) == "0" {
		c.errorf(c.at(0), "retry count must be one or more, not %s", c.arg(0))
		return effect{}
	}
	n, _ := c.integer(0, 1, 10000)
	return set(func(s *Settings) { s.Proxy.RetryCount = n })
}

func parseListPolicy(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	policy, ok := keywords[ListPolicy]{{"client", ListClient}, {"LIST", ListLIST}, {"MLSD", ListMLSD}}.find(c.arg(0))
	if !ok {
		c.errorf(c.at(0), "unsupported DirectoryListPolicy: %s: expected client, LIST or MLSD", c.arg(0))
	}
	slink := false
	for i := 1; i < len(c.args); i++ {
		if !strings.EqualFold(c.arg(i), "UseSlink") {
			c.errorf(c.at(i), "unknown DirectoryListPolicy option: %s: expected UseSlink", c.arg(i))
		} else if policy == ListMLSD {
			c.errorf(c.at(i), "UseSlink is an option of DirectoryListPolicy LIST: lists made of MLSD show where links lead anyway")
		}
		slink = true
	}
	return set(func(s *Settings) { s.Proxy.ListPolicy, s.Proxy.UseSlink = policy, slink })
}

func parseSourceAddress(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	text := c.arg(0)
	if _, err := netip.ParseAddr(text); err != nil && !hostName(text) {
		c.errorf(c.at(0), "'%s' is neither an address, a host name nor a network device", text)
	}
	return set(func(s *Settings) { s.Proxy.SourceAddress = text })
}

func parseForwardTo(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	p := c.pattern(0, c.caseFlag(1))
	return set(func(s *Settings) { s.Proxy.ForwardTo = append(s.Proxy.ForwardTo, p) })
}

func parseForwardEnabled(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	on, _ := c.boolean(0)
	return set(func(class *Class) { class.ForwardSet, class.ForwardEnabled = true, on })
}
