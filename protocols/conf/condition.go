package conf

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// holds evaluates <IfModule>, <IfDefine> and <IfVersion>.
func (p *parser) holds(f *frame) bool {
	if len(f.args) == 0 {
		p.problem(f.pos, fmt.Sprintf("<%s> needs an argument", f.tag))
		return false
	}
	if f.name == "ifversion" {
		return p.versionHolds(f)
	}
	name, negate := strings.CutPrefix(f.args[0].Text, "!")
	if f.name == "ifdefine" {
		return p.defines[name] != negate
	}
	present := p.opts.Module != nil && p.opts.Module(strings.ToLower(name))
	return present != negate
}

// versionHolds evaluates <IfVersion [[!]operator] version>.
func (p *parser) versionHolds(f *frame) bool {
	op, wanted := "=", f.args[0].Text
	if len(f.args) > 1 {
		op, wanted = f.args[0].Text, f.args[1].Text
	}
	op, negate := strings.CutPrefix(op, "!")
	holds, err := compareVersion(p.opts.Version, op, wanted)
	if err != nil {
		p.problem(f.args[0].Pos, fmt.Sprintf("<%s>: %v", f.tag, err))
		return false
	}
	return holds != negate
}

func compareVersion(have, op, wanted string) (bool, error) {
	if re, ok := strings.CutPrefix(wanted, "/"); ok && (op == "=" || op == "==") {
		op, wanted = "~", strings.TrimSuffix(re, "/")
	}
	if op == "~" {
		re, err := regexp.Compile(strings.Trim(wanted, "/"))
		if err != nil {
			return false, fmt.Errorf("bad regular expression: %w", err)
		}
		return re.MatchString(have), nil
	}
	order, err := versionOrder(have, wanted)
	if err != nil {
		return false, err
	}
	switch op {
	case "", "=", "==":
		return order == 0, nil
	case ">":
		return order > 0, nil
	case ">=":
		return order >= 0, nil
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	}
	return false, fmt.Errorf("unknown operator %q: expected =, ==, >, >=, <, <= or ~", op)
}

var versionNumbers = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,6})*`)

// versionOrder compares dotted numbers; a suffix such as "rc1" or "a" is not
// looked at.
func versionOrder(have, wanted string) (int, error) {
	w := versionNumbers.FindString(wanted)
	if w == "" {
		return 0, fmt.Errorf("%q is not a version: expected numbers with dots, such as 1.3.8", wanted)
	}
	a, b := strings.Split(versionNumbers.FindString(have), "."), strings.Split(w, ".")
	for i := range max(len(a), len(b)) {
		if d := part(a, i) - part(b, i); d != 0 {
			return d, nil
		}
	}
	return 0, nil
}

func part(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, err := strconv.Atoi(parts[i])
	if err != nil {
		return 0
	}
	return n
}
