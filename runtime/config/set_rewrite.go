package config

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/rewrite"
)

// Parsers of mod_rewrite.

// Groups is the number of groups of the expression.
func (p *Pattern) Groups() int { return p.re.NumSubexp() }

// flags reads "[A,B]", which stands at i and may contain blanks.
func (c *call) flags(i int) []string {
	text := c.rest(i)
	if text == "" {
		return nil
	}
	inner, opened := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !opened || !closed {
		c.errorf(c.at(i), "badly formatted flags '%s': expected %s %s; text with blanks needs quotes", text, c.row.Name, c.row.Syntax)
		return nil
	}
	return strings.FieldsFunc(inner, func(r rune) bool { return r == ',' || r == '|' || r == ' ' })
}

func isNoCase(flag string) bool {
	return strings.EqualFold(flag, "NC") || strings.EqualFold(flag, "nocase")
}

// template checks what stands for itself in a subject or substitution; maps and
// groups are known only when all is read.
func (c *call) template(i int) string {
	text := c.arg(i)
	t, err := rewrite.Parse(text)
	if err != nil {
		c.errorf(c.at(i), "'%s': %v", text, err)
		return text
	}
	for _, v := range t.Unknown() {
		if slices.Contains([]string{"%g", "%G", "%w"}, v) {
			c.warnf(c.at(i), "%s is empty: only the backend knows it", v)
			continue
		}
		c.warnf(c.at(i), "%s is no variable and stays as it is", v)
	}
	return text
}

func parseRewriteCondition(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	cond := RewriteCondition{Subject: c.template(0), Pos: c.at(0)}
	fold := false
	for _, f := range c.flags(2) {
		switch {
		case isNoCase(f):
			fold = true
		case strings.EqualFold(f, "OR"), strings.EqualFold(f, "ornext"):
			cond.Or = true
		default:
			c.errorf(c.at(2), "unknown RewriteCondition flag '%s': expected NC or OR", f)
		}
	}
	cond.Test, cond.Negate, cond.Text = rewrite.ReadTest(c.arg(1))
	switch cond.Test {
	case rewrite.Matches:
		cond.Pattern, cond.Negate, cond.Text = c.pattern(1, fold), false, ""
	case rewrite.Below, rewrite.Above:
		c.warnf(c.at(1), "'%s' is judged as documented: < holds for a subject that comes before the text, > for one behind it; "+
			"some releases of ProFTPD have them the other way round", c.arg(1))
	case rewrite.IsFile:
		c.warnf(c.at(1), "'%s' asks for files of the server, and a gateway has none: there never is one", c.arg(1))
	case rewrite.Equals:
	}
	return set(func(s *Settings) {
		s.Rewrite.pending = joined(s.Rewrite.pending, cond)
	})
}

func parseRewriteRule(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	rule := RewriteRule{Subst: c.template(1), Flags: c.flags(2), Pos: c.pos, SubstPos: c.at(1)}
	for _, f := range rule.Flags {
		switch {
		case isNoCase(f):
		case strings.EqualFold(f, "L"), strings.EqualFold(f, "last"):
			rule.Last = true
		default:
			c.warnf(c.at(2), "flag '%s' means nothing: expected NC or L", f)
		}
	}
	rule.Pattern = c.pattern(0, slices.ContainsFunc(rule.Flags, isNoCase))
	if rule.Pattern != nil {
		rule.Pattern.re.Longest() // what POSIX expressions match
	}
	return set(func(s *Settings) {
		rule := rule
		rule.Conditions, s.Rewrite.pending = s.Rewrite.pending, nil
		s.Rewrite.Rules = joined(s.Rewrite.Rules, rule)
	})
}

func parseRewriteMap(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	kind, source, _ := strings.Cut(c.arg(1), ":")
	m := RewriteMap{Name: c.arg(0), Kind: strings.ToLower(kind), Source: source, Pos: c.pos}
	if strings.ContainsAny(m.Name, ":{}|$% \t") || m.Name == "" {
		c.errorf(c.at(0), "'%s' cannot be asked for as ${name:key}: use letters and digits", m.Name)
	}
	switch {
	case source == "":
		c.errorf(c.at(1), "invalid RewriteMap '%s': expected txt:/file or int:function", c.arg(1))
	case m.Kind == "txt":
		c.mapFile(source)
	case m.Kind == "int":
		if !slices.Contains(rewrite.Functions(), source) {
			c.errorf(c.at(1), "unknown internal map function '%s': expected one of %s", source, strings.Join(rewrite.Functions(), ", "))
		}
	case m.Kind == "fifo":
		c.errorf(c.at(1), "fifo: is not supported: one program, asked line by line, would hold up all sessions; "+
			"write its answers to a file for txt:, which is read again when it changes")
	default:
		c.errorf(c.at(1), "invalid RewriteMap '%s': expected txt:/file or int:function", c.arg(1))
	}
	return set(func(s *Settings) { s.Rewrite.Maps = joined(s.Rewrite.Maps, m) })
}

// mapFile checks the file of a txt: map: it decides who logs in as whom.
func (c *call) mapFile(name string) {
	at := c.at(1)
	if !strings.HasPrefix(name, "/") {
		c.errorf(at, "the path of '%s' must be a full path, such as txt:/etc/sluice/users.txt", c.arg(1))
		return
	}
	real, err := c.load.files.EvalSymlinks(name)
	if err != nil {
		c.errorf(at, "error reading RewriteMap '%s': %v", name, err)
		return
	}
	for _, p := range []string{name, real} {
		info, err := c.load.files.Stat(p)
		if err != nil {
			c.errorf(at, "error reading RewriteMap '%s': %v", name, err)
			return
		}
		dir, perm, _ := worldWritableDir(c.load.files, p)
		if err := rewrite.CheckTableRights(name, info.Mode(), dir, perm); err != nil {
			c.errorf(at, "%v", err)
			return
		}
	}
	text, err := c.load.files.ReadFile(name, rewrite.MaxTableBytes)
	if err != nil {
		c.errorf(at, "error reading RewriteMap '%s': %v", name, err)
		return
	}
	table, err := rewrite.ParseTable(text)
	if err != nil {
		c.errorf(at, "error reading RewriteMap '%s': %v", name, err)
		return
	}
	for _, n := range table.Skipped {
		c.warnf(at, "line %d of '%s' is passed over: expected a key and a value", n, name)
	}
}
