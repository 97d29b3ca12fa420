package config

import (
	"fmt"

	"github.com/sluice-gateway/sluice/protocols/conf"
	"github.com/sluice-gateway/sluice/protocols/rewrite"
)

// Checks of what rules of rewriting say of maps and groups, which may stand
// anywhere among the directives of a server.

// Compiled is what rewrite.Compile takes. table gives the lookup of a txt: map.
func (r Rewrite) Compiled(table func(RewriteMap) func(key string) (string, bool)) rewrite.Rules {
	out := rewrite.Rules{MaxReplace: r.MaxReplace}
	for _, m := range r.Maps {
		made := rewrite.Map{Name: m.Name}
		if m.Kind == "int" {
			made.Function = m.Source
		} else {
			made.Lookup = table(m)
		}
		out.Maps = append(out.Maps, made)
	}
	for _, rule := range r.Rules {
		made := rewrite.Rule{Place: rule.Pos.String(), Pattern: rule.Pattern, Subst: rule.Subst, Last: rule.Last}
		for _, c := range rule.Conditions {
			cond := rewrite.Condition{Subject: c.Subject, Test: c.Test, Text: c.Text, Negate: c.Negate, Or: c.Or}
			if c.Pattern != nil {
				cond.Pattern = c.Pattern
			}
			made.Conditions = append(made.Conditions, cond)
		}
		out.Rules = append(out.Rules, made)
	}
	return out
}

func (l *loader) checkRewrite(r resolved) {
	if at, ok := r.origin["RewriteCondition"]; ok && len(r.Rewrite.pending) > 0 {
		l.report(Warning, at, "RewriteCondition", "the last condition is followed by no RewriteRule and has no effect")
	}
	first := map[string]RewriteMap{}
	for _, m := range r.Rewrite.Maps {
		if one, again := first[m.Name]; again {
			l.report(Warning, m.Pos, "RewriteMap", fmt.Sprintf("%s has no effect: the first one, in line %d, counts", m.Name, one.Pos.Line))
			continue
		}
		first[m.Name] = m
	}
	empty := func(string) (string, bool) { return "", false }
	maps := r.Rewrite.Compiled(func(RewriteMap) func(string) (string, bool) { return empty }).Maps
	for _, rule := range r.Rewrite.Rules {
		l.checkRule(rule, maps)
	}
}

func (l *loader) checkRule(rule RewriteRule, maps []rewrite.Map) {
	if len(rule.Conditions) == 0 {
		l.report(Warning, rule.Pos, "RewriteRule", "applies to every command, PASS and paths included: write RewriteCondition %m USER before it")
	}
	own := rule.Pattern.Groups()
	if rule.Pattern.Negate {
		own = 0
	}
	theirs := -1 // groups of the conditions before
	for _, c := range rule.Conditions {
		l.checkRewriteTemplate("RewriteCondition", c.Pos, c.Subject, maps, own, theirs)
		if c.Pattern != nil && !c.Pattern.Negate {
			theirs = max(theirs, c.Pattern.Groups())
		}
	}
	l.checkRewriteTemplate("RewriteRule", rule.SubstPos, rule.Subst, maps, own, theirs)
}

// checkRewriteTemplate checks a text that was parsed without a mistake before.
func (l *loader) checkRewriteTemplate(directive string, at conf.Pos, text string, maps []rewrite.Map, own, theirs int) {
	t, err := rewrite.Parse(text)
	if err == nil {
		err = t.Check(maps)
	}
	if err != nil {
		l.report(Error, at, directive, fmt.Sprintf("'%s': %v", text, err))
		return
	}
	if n := t.RuleGroup(); n > own {
		l.report(Warning, at, directive, fmt.Sprintf("$%d is always empty: the rule's expression has no such group", n))
	}
	if n := t.ConditionGroup(); n > theirs {
		l.report(Warning, at, directive, fmt.Sprintf("%%%d is always empty: no condition before has such a group", n))
	}
}
