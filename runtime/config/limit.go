package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/conf"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// limitRow stands for <Limit> sections among the directives of a scope; each
// of them counts.
var limitRow = &Directive{Name: "<Limit>", many: true}

// limit reads a <Limit> section.
func (l *loader) limit(n conf.Node, sc *scope) {
	section := LimitSection{Pos: n.Pos, depth: sc.depth()}
	for _, a := range n.Args {
		for verb := range strings.FieldsFuncSeq(a.Text, func(r rune) bool { return r == ',' }) {
			section.Commands = append(section.Commands, strings.ToUpper(verb))
			l.checkLimited(a.Pos, strings.ToUpper(verb))
		}
	}
	if len(section.Commands) == 0 {
		l.report(Error, n.Pos, "<Limit>", "missing parameters: expected commands or groups, such as <Limit WRITE>")
	}
	for _, child := range n.Children {
		if child.Section {
			l.report(Error, child.Pos, "<"+child.Name+">", "may not stand inside <Limit>")
			continue
		}
		it, ok := l.directive(child, sc, InLimit)
		if ok && it.effect.limit != nil {
			it.effect.limit(&section)
		}
	}
	if section.AllowAll && section.DenyAll {
		l.report(Warning, n.Pos, "<Limit>", "has both AllowAll and DenyAll; DenyAll counts")
	}
	sc.items = append(sc.items, item{row: limitRow, pos: n.Pos, effect: set(func(s *Settings) {
		s.Access.Limits = joined(s.Access.Limits, section)
	})})
	l.noteLimit(n.Pos)
}

// checkLimited tells of commands that a <Limit> cannot stop.
func (l *loader) checkLimited(at conf.Pos, command string) {
	switch _, group := commandGroups[command]; {
	case slices.Contains(neverLimited, command):
		hint := ""
		if command == ftp.USER || command == ftp.PASS {
			hint = ": write <Limit LOGIN>"
		}
		l.report(Warning, at, limitRow.Name, fmt.Sprintf("%s is never limited%s", command, hint))
	case group, command == login, command == "ALL", strings.HasPrefix(command, "SITE_"), ftp.Known(command):
	default:
		l.report(Warning, at, limitRow.Name, fmt.Sprintf(
			"'%s' is no command that is known here, and no group: those are READ, WRITE, DIRS, LOGIN and ALL", command))
	}
}

// innermost is the depth of sections for some clients.
const innermost = 2

// depth orders the places where a <Limit> may stand, the outermost first.
func (sc *scope) depth() uint8 {
	switch {
	case sc.client:
		return innermost
	case sc.place == InGlobal:
		return 0
	}
	return 1
}

func (l *loader) noteLimit(at conf.Pos) {
	for _, name := range active {
		if name == limitRow.Name {
			return
		}
	}
	l.out.NoEffectYet = append(l.out.NoEffectYet, Note{Pos: at, Directive: limitRow.Name, Reason: EffectNotYet.String()})
}

// limitNames reads a condition on names inside <Limit>.
func limitNames(mode ExprMode, field func(*LimitSection) *[]NameExpr) parser {
	return func(c *call) effect {
		e, problem := nameExpr(c.args, mode)
		if problem != "" {
			c.errorf(c.at(0), "%s", problem)
		}
		if e.Mode == ExprAnd && len(e.Names) > 1 && c.row.Name == "AllowUser" && !anyNegated(e) {
			c.warnf(c.at(0), "all of these names must match at once, so nobody does: %s",
				fmt.Sprintf("write one %s per name, or %s OR …", c.row.Name, c.row.Name))
		}
		return set(func(s *LimitSection) { *field(s) = joined(*field(s), e) })
	}
}

func anyNegated(e NameExpr) bool {
	for _, n := range e.Names {
		if n.Negate {
			return true
		}
	}
	return false
}
