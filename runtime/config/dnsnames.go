package config

import (
	"fmt"
	"slices"
	"strings"
)

// Rules about clients' names. A name costs a query for each client, so it is looked
// up only where some rule could tell the difference.

// LooksUpNames reports whether clients' names have to be known before they are
// admitted: some rule is about one, and UseReverseDNS is on.
func (c *Config) LooksUpNames() bool {
	if !c.Process.UseReverseDNS {
		return false
	}
	some := false
	c.eachNameRule(func(string, AddressRule) bool {
		some = true
		return false
	})
	return some
}

// eachNameRule calls visit with each rule about a name and the directive that it
// stands in, until that returns false. Sections that several classes of clients have in
// common come several times.
func (c *Config) eachNameRule(visit func(directive string, r AddressRule) bool) {
	among := func(directive string, rules []AddressRule) bool {
		for _, r := range rules {
			if r.AboutName() && !visit(directive, r) {
				return false
			}
		}
		return true
	}
	for _, class := range c.Process.Classes {
		if !among("From", class.From) {
			return
		}
	}
	for _, s := range c.Servers {
		if s.Port == 0 {
			continue // nobody meets its rules
		}
		for _, set := range s.everySettings(c.Process.Classes) {
			for _, limit := range set.Access.Limits {
				if !among("Allow", limit.Allow) || !among("Deny", limit.Deny) {
					return
				}
			}
		}
	}
}

// everySettings are those that clients may have: by class, and with each section for
// users on its own.
func (s *Server) everySettings(classes []*Class) []*Settings {
	all := []*Settings{s.Settings("")}
	for _, class := range classes {
		all = append(all, s.Settings(class.Name))
	}
	for i := range s.Overlays {
		all = append(all, s.With("", []int{i}))
	}
	return all
}

// AboutName reports whether a rule is about clients' names, and not about their
// addresses alone: a domain, a name, or a pattern that no address can be meant by.
func (r AddressRule) AboutName() bool {
	return r.Suffix != "" || r.Glob != "" && !addressGlob(r.Glob)
}

// addressGlob reports whether a pattern is written as addresses are: of digits and
// dots, or with colons. "10.1.*" is about 10.1.2.3 and never about a host that its
// owner has named 10.1.example.com.
func addressGlob(glob string) bool {
	if strings.Contains(glob, ":") {
		return true
	}
	for glob != "" {
		before, choice, found := strings.Cut(glob, "[")
		if strings.Trim(before, "0123456789.*?") != "" {
			return false
		}
		if !found {
			break
		}
		choice, glob, _ = strings.Cut(choice, "]")
		if strings.Trim(choice, "0123456789-^") != "" {
			return false
		}
	}
	return true
}

// String shows the rule as the configuration writes it.
func (r AddressRule) String() string {
	text := r.Suffix + r.Glob
	switch {
	case r.All:
		text = "all"
	case r.None:
		text = "none"
	case r.Prefix.IsValid():
		text = r.Prefix.String()
	}
	if r.Negate {
		return "!" + text
	}
	return text
}

// checkNameRules tells of rules that cannot do what they say, as nobody's name is
// known.
func (l *loader) checkNameRules(c *Config) {
	if c.Process.UseReverseDNS {
		return
	}
	c.eachNameRule(func(directive string, r AddressRule) bool {
		who := "no client"
		if r.Negate {
			who = "every client"
		}
		l.report(Warning, r.Pos, directive, fmt.Sprintf("'%s' is about clients' names, which are not known as UseReverseDNS is off: it fits %s", r, who))
		return true
	})
}

// checkForeignClass tells of a class of data addresses that depends on names: only
// clients have one.
func (l *loader) checkForeignClass(r resolved) {
	for _, class := range l.classes {
		if class.Name != r.Data.AllowForeignClass || !slices.ContainsFunc(class.From, AddressRule.AboutName) {
			continue
		}
		l.report(Warning, r.at("AllowForeignAddress"), "AllowForeignAddress", fmt.Sprintf(
			"class '%s' has rules about names; those of data addresses are not looked up, and count as not known", class.Name))
	}
}
