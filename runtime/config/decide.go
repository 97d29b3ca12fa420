package config

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/conf"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Deciding whether a <Limit> lets a command pass. The rules, in short:
//
//   - a section that names the command counts before one that names its other
//     spelling (MKD and XMKD mean the same), that before one for its group, and
//     that before one for ALL; ALL does not include LOGIN;
//   - of several LOGIN sections the last one of the innermost place counts, of
//     others the first that says anything about this client;
//   - "allow,deny" asks the allow rules first and lets pass by default,
//     "deny,allow" asks the deny rules first and refuses by default;
//   - rules about users and groups are passed over while those are unknown;
//   - some commands are never limited.

// commandGroups are the groups of commands that <Limit> knows.
var commandGroups = map[string][]string{
	"READ":  {"RETR", "SIZE"},
	"WRITE": {"APPE", "DELE", "MFCT", "MFF", "MFMT", "MKD", "RMD", "RNFR", "RNTO", "STOR", "STOU", "XMKD", "XRMD"},
	"DIRS": {"CDUP", "CWD", "LIST", "MDTM", "MLSD", "MLST", "NLST", "PWD", "RNFR", "STAT",
		"XCUP", "XCWD", "XPWD"},
}

// neverLimited are commands that no <Limit> concerns: those that lead to a login
// (there is LOGIN for them), to data connections and to TLS, what clients ask for
// at their beginning, and the way out.
var neverLimited = []string{"ACCT", "EPRT", "EPSV", "FEAT", "OPTS", "PASS", "PASV", "PORT", "QUIT", "SYST", "USER",
	"AUTH", "ADAT", "CCC", "CONF", "ENC", "MIC", "PBSZ", "PROT", "SSCN"}

// login is the pseudo-command of <Limit LOGIN>.
const login = "LOGIN"

// Ruling is what the <Limit> sections say to a command.
type Ruling struct {
	Denied bool
	At     conf.Pos // of the section that denies
}

// Judge says whether a client may use a command, given in upper case ("STOR",
// "SITE_CHMOD", "LOGIN").
func (a *Access) Judge(command string, c Client) Ruling {
	if slices.Contains(neverLimited, command) {
		return Ruling{}
	}
	sections := a.about(command)
	if command == login {
		sections = lastInnermost(sections)
	}
	for _, s := range sections {
		switch s.verdict(c) {
		case allowed:
			return Ruling{}
		case denied:
			return Ruling{Denied: true, At: s.Pos}
		}
	}
	return Ruling{}
}

// Allows reports whether a client may use a command.
func (a *Access) Allows(command string, c Client) bool { return !a.Judge(command, c).Denied }

// JudgeConnect says whether a client may connect at all, as far as that can be
// told before it names a user: a LOGIN section with rules about users or groups
// decides now only if it denies the address or class.
func (a *Access) JudgeConnect(c Client) Ruling {
	sections := lastInnermost(a.about(login))
	if len(sections) == 0 {
		return Ruling{}
	}
	s := sections[0]
	c.User, c.Groups = "", nil
	if len(s.AllowUser)+len(s.DenyUser)+len(s.AllowGroup)+len(s.DenyGroup) > 0 {
		return Ruling{Denied: s.deniesPlace(c), At: s.Pos}
	}
	return Ruling{Denied: s.verdict(c) == denied, At: s.Pos}
}

// lastInnermost leaves the one LOGIN section that counts.
func lastInnermost(sections []*LimitSection) []*LimitSection {
	if len(sections) == 0 {
		return nil
	}
	best := sections[0]
	for _, s := range sections[1:] {
		if s.depth >= best.depth {
			best = s
		}
	}
	return []*LimitSection{best}
}

// about picks the most specific sections for a command, in file order.
func (a *Access) about(command string) []*LimitSection {
	levels := [5][]*LimitSection{}
	site, _, ofSite := strings.Cut(command, "_")
	for i := range a.Limits {
		s := &a.Limits[i]
		switch {
		case slices.Contains(s.Commands, command):
			levels[0] = append(levels[0], s)
		case slices.ContainsFunc(s.Commands, func(c string) bool { return ftp.Canonical(c) == ftp.Canonical(command) }):
			levels[1] = append(levels[1], s)
		case ofSite && slices.Contains(s.Commands, site):
			levels[2] = append(levels[2], s)
		case s.coversGroup(command):
			levels[3] = append(levels[3], s)
		case command != login && slices.Contains(s.Commands, "ALL"):
			levels[4] = append(levels[4], s)
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
