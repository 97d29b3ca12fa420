package config

import (
	"net/netip"
	"regexp"
	"slices"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// Access is the tree of <Limit> sections, in file order.
type Access struct {
	Limits []LimitSection
}

// LimitSection is one <Limit>.
type LimitSection struct {
	Commands       []string // upper case: verbs, "SITE_CHMOD", READ, WRITE, DIRS, LOGIN, ALL
	OrderDenyAllow bool     // denied unless allowed; the default is allowed unless denied
	AllowAll       bool
	DenyAll        bool
	Allow, Deny    []AddressRule

	AllowUser, DenyUser   []NameExpr
	AllowGroup, DenyGroup []NameExpr
	AllowClass, DenyClass []NameExpr
	IgnoreHidden          bool
	Pos                   conf.Pos

	depth uint8 // how far in it stands: <Global>, the server, a section for some clients
}

// Client is who asks. Groups are known only if the gateway authenticated.
type Client struct {
	Addr   netip.Addr
	Name   string // DNS name, may be empty
	Class  string
	User   string // empty before USER: rules about users are skipped
	Groups []string
}

// ExprMode tells how the names of a NameExpr are combined.
type ExprMode uint8

// The modes.
const (
	ExprAnd ExprMode = iota
	ExprOr
	ExprRegex
)

// NameExpr is a condition on names of users, groups or classes.
type NameExpr struct {
	Mode    ExprMode
	Names   []ExprName // not for ExprRegex
	Pattern *Pattern   // for ExprRegex
}

// ExprName is a name, or with Negate everybody else.
type ExprName struct {
	Name   string
	Negate bool
}

// Match evaluates the condition for somebody who carries the given names (a
// user has one, the groups of a user are many).
func (e NameExpr) Match(has ...string) bool {
	switch e.Mode {
	case ExprRegex:
		return e.Pattern != nil && slices.ContainsFunc(has, e.Pattern.Match)
	case ExprOr:
		return slices.ContainsFunc(e.Names, func(n ExprName) bool { return n.fits(has) })
	default:
		for _, n := range e.Names {
			if !n.fits(has) {
				return false
			}
		}
		return len(e.Names) > 0
	}
}

// fits: "*" stands for everybody, as the peer's group and user lists have it.
func (n ExprName) fits(has []string) bool {
	return (n.Name == "*" || slices.Contains(has, n.Name)) != n.Negate
}

// Pattern is a regular expression of the configuration, unanchored.
type Pattern struct {
	Source string // as written, without a leading "!"
	Negate bool
	Fold   bool // case does not matter
	re     *regexp.Regexp
}

// Match applies the pattern, its negation included.
func (p *Pattern) Match(s string) bool {
	return p.re.MatchString(s) != p.Negate
}

// Submatches gives the text of the whole match and of each group, or nil if
// the expression itself (negation aside) does not match.
func (p *Pattern) Submatches(s string) []string {
	return p.re.FindStringSubmatch(s)
}

// String shows the pattern as the configuration writes it.
func (p *Pattern) String() string {
	if p.Negate {
		return "!" + p.Source
	}
	return p.Source
}

func newPattern(source string, fold bool) (*Pattern, error) {
	p := &Pattern{Source: source, Fold: fold}
	if len(source) > 1 && source[0] == '!' {
		p.Negate, p.Source = true, source[1:]
	}
	expr := p.Source
	if fold {
		expr = "(?i)" + expr
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	p.re = re
	return p, nil
}
