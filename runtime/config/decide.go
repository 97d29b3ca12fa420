package config

import "slices"

// Deciding whether a <Limit> lets a command pass. The rules, in short:
//
//   - a section that names the command counts before one that names its
//     group, and that before one for ALL; ALL does not include LOGIN;
//   - of several LOGIN sections the last one counts, of others the first
//     that says anything about this client;
//   - "allow,deny" asks the allow rules first and lets pass by default,
//     "deny,allow" asks the deny rules first and refuses by default;
//   - rules about users and groups are passed over while those are unknown.

// commandGroups are the groups of commands that <Limit> knows.
var commandGroups = map[string][]string{
	"READ":  {"RETR", "SIZE"},
	"WRITE": {"APPE", "DELE", "MKD", "RMD", "RNTO", "STOR", "STOU", "XMKD", "XRMD"},
	"DIRS": {"CDUP", "CWD", "LIST", "MDTM", "MLSD", "MLST", "NLST", "PWD", "RNFR", "STAT",
		"XCUP", "XCWD", "XPWD"},
}

// login is the pseudo-command of <Limit LOGIN>.
const login = "LOGIN"

// Allows reports whether a client may use a command, given in upper case
// ("STOR", "SITE_CHMOD", "LOGIN").
func (a *Access) Allows(command string, c Client) bool {
	sections := a.about(command)
	if command == login && len(sections) > 1 {
		sections = sections[len(sections)-1:]
	}
	for _, s := range sections {
		switch s.verdict(c) {
		case allowed:
			return true
		case denied:
			return false
		}
	}
	return true
}

// AllowsConnect reports whether a client may connect at all, as far as that
// can be told before it names a user: a LOGIN section with rules about users
// or groups decides now only if it denies the address or class.
func (a *Access) AllowsConnect(c Client) bool {
	sections := a.about(login)
	if len(sections) == 0 {
		return true
	}
	s := sections[len(sections)-1]
	c.User, c.Groups = "", nil
	if len(s.AllowUser)+len(s.DenyUser)+len(s.AllowGroup)+len(s.DenyGroup) > 0 {
		return !s.deniesPlace(c)
	}
	return s.verdict(c) != denied
}

// about picks the most specific sections for a command, in file order.
func (a *Access) about(command string) []*LimitSection {
	levels := [3][]*LimitSection{}
	for i := range a.Limits {
		s := &a.Limits[i]
		switch {
		case slices.Contains(s.Commands, command):
			levels[0] = append(levels[0], s)
		case s.coversGroup(command):
			levels[1] = append(levels[1], s)
		case command != login && slices.Contains(s.Commands, "ALL"):
			levels[2] = append(levels[2], s)
		}
	}
	for _, level := range levels {
		if len(level) > 0 {
			return level
		}
	}
	return nil
}

func (s *LimitSection) coversGroup(command string) bool {
	return slices.ContainsFunc(s.Commands, func(group string) bool {
		return slices.Contains(commandGroups[group], command)
	})
}

// verdict of one section.
type verdict uint8

const (
	silent verdict = iota
	allowed
	denied
)

func (s *LimitSection) verdict(c Client) verdict {
	if s.empty() {
		return silent
	}
	if s.OrderDenyAllow {
		if s.denies(c) || !s.allows(c) {
			return denied
		}
		return allowed
	}
	if s.allows(c) || !s.denies(c) {
		return allowed
	}
	return denied
}

func (s *LimitSection) empty() bool {
	return !s.AllowAll && !s.DenyAll && !s.OrderDenyAllow && len(s.Allow)+len(s.Deny)+
		len(s.AllowUser)+len(s.DenyUser)+len(s.AllowGroup)+len(s.DenyGroup)+len(s.AllowClass)+len(s.DenyClass) == 0
}

func (s *LimitSection) allows(c Client) bool {
	return s.AllowAll && !s.DenyAll || anyRule(s.Allow, c) ||
		anyExpr(s.AllowUser, c.User != "", c.User) ||
		anyExpr(s.AllowGroup, len(c.Groups) > 0, c.Groups...) ||
		anyExpr(s.AllowClass, true, c.classes()...)
}

func (s *LimitSection) denies(c Client) bool {
	return s.DenyAll || s.deniesPlace(c) ||
		anyExpr(s.DenyUser, c.User != "", c.User) ||
		anyExpr(s.DenyGroup, len(c.Groups) > 0, c.Groups...)
}

func (s *LimitSection) deniesPlace(c Client) bool {
	return anyRule(s.Deny, c) || anyExpr(s.DenyClass, true, c.classes()...)
}

func (c Client) classes() []string {
	if c.Class == "" {
		return nil
	}
	return []string{c.Class}
}

func anyRule(rules []AddressRule, c Client) bool {
	return slices.ContainsFunc(rules, func(r AddressRule) bool { return r.Match(c.Addr, c.Name) })
}

func anyExpr(exprs []NameExpr, known bool, has ...string) bool {
	return known && slices.ContainsFunc(exprs, func(e NameExpr) bool { return e.Match(has...) })
}
