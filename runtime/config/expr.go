package config

import (
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// nameExpr reads "[AND|OR|regex] name[,name…] …"; names may begin with "!".
// It returns what is wrong, or "".
func nameExpr(args []conf.Arg, mode ExprMode) (NameExpr, string) {
	e := NameExpr{Mode: mode}
	if len(args) > 0 {
		switch strings.ToLower(args[0].Text) {
		case "and":
			e.Mode, args = ExprAnd, args[1:]
		case "or":
			e.Mode, args = ExprOr, args[1:]
		case "regex":
			e.Mode, args = ExprRegex, args[1:]
		}
	}
	if len(args) == 0 {
		return e, "missing parameters: expected names, such as 'alice,!bob' or 'regex ^team-'"
	}
	if e.Mode == ExprRegex {
		p, err := newPattern(args[0].Text, false)
		if err != nil {
			return e, fmt.Sprintf("'%s' is not a valid regular expression: %v", args[0].Text, err)
		}
		e.Pattern = p
		return e, ""
	}
	for _, a := range args {
		for name := range strings.SplitSeq(a.Text, ",") {
			name, negate := strings.CutPrefix(strings.TrimSpace(name), "!")
			if name != "" {
				e.Names = append(e.Names, ExprName{Name: name, Negate: negate})
			}
		}
	}
	if len(e.Names) == 0 {
		return e, "missing parameters: expected at least one name"
	}
	return e, ""
}

// addressRules reads "[from] spec[,spec…] …".
func (c *call) addressRules() []AddressRule {
	args := c.args
	if len(args) > 0 && strings.EqualFold(args[0].Text, "from") {
		args = args[1:]
	}
	if len(args) == 0 {
		c.errorf(c.pos, "missing parameters: expected %s %s", c.row.Name, c.row.Syntax)
	}
	var rules []AddressRule
	for _, a := range args {
		for spec := range strings.SplitSeq(a.Text, ",") {
			if spec == "" {
				continue
			}
			rule, problem := addressRule(spec)
			if problem != "" {
				c.errorf(a.Pos, "'%s': %s", spec, problem)
			}
			rule.Pos = a.Pos
			rules = append(rules, rule)
		}
	}
	return rules
}

// addressRule reads one item of From, Allow or Deny.
func addressRule(spec string) (AddressRule, string) {
	var r AddressRule
	spec, r.Negate = strings.CutPrefix(spec, "!")
	lower := strings.ToLower(spec)
	switch {
	case lower == "all":
		r.All = true
	case lower == "none":
		r.None = true
	case strings.Contains(spec, "/"):
		return r.network(spec)
	case strings.HasPrefix(spec, "."):
		r.Suffix = lower
	case strings.HasSuffix(spec, ".") && isDotted(spec):
		r.Glob = spec + "*" // "10.1." as the peer's Allow lists have it
	case strings.ContainsAny(spec, "*?["):
		if _, err := path.Match(lower, ""); err != nil {
			return r, "not a valid pattern"
		}
		r.Glob = lower
	default:
		return r.single(spec)
	}
	return r, ""
}

func isDotted(s string) bool {
	return strings.Trim(s, "0123456789.") == ""
}

func (r AddressRule) network(spec string) (AddressRule, string) {
	p, err := netip.ParsePrefix(spec)
	if err != nil {
		return r, "not a network: expected an address, '/' and the number of bits, such as 192.0.2.0/24"
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	r.Prefix = p.Masked()
	return r, ""
}

func (r AddressRule) single(spec string) (AddressRule, string) {
	if a, err := netip.ParseAddr(spec); err == nil {
		a = a.Unmap().WithZone("")
		r.Prefix = netip.PrefixFrom(a, a.BitLen())
		return r, ""
	}
	if !hostName(spec) || isDotted(spec) {
		return r, "neither an address, a network, a pattern nor a host name"
	}
	r.Glob = strings.ToLower(spec)
	return r, ""
}
