package rewrite

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// expression is a Matcher as the configuration has it.
type expression struct {
	re     *regexp.Regexp
	negate bool
}

func (e expression) Match(s string) bool          { return e.re.MatchString(s) != e.negate }
func (e expression) Submatches(s string) []string { return e.re.FindStringSubmatch(s) }
func (e expression) Groups() int                  { return e.re.NumSubexp() }

func expr(text string) expression {
	rest, negate := strings.CutPrefix(text, "!")
	re := regexp.MustCompile(rest)
	re.Longest()
	return expression{re: re, negate: negate}
}

// on is a condition on what %m or another template stands for.
func on(subject, pattern string) Condition {
	test, negate, rest := ReadTest(pattern)
	c := Condition{Subject: subject, Test: test, Text: rest, Negate: negate}
	if test == Matches {
		c.Pattern = expr(rest)
	}
	return c
}

func or(c Condition) Condition {
	c.Or = true
	return c
}

func rewriteTo(pattern, subst string, conditions ...Condition) Rule {
	return Rule{Place: "here", Pattern: expr(pattern), Subst: subst, Conditions: conditions}
}

func last(r Rule) Rule {
	r.Last = true
	return r
}

// usual are the maps that the cases speak of.
func usual(t testing.TB) []Map {
	t.Helper()
	users, err := ParseTable([]byte("# old  new\nDave.Admin\tdave   # The Uber-admin\nroot anonymous\n\nevil a\x00b\n"))
	if err != nil {
		t.Fatal(err)
	}
	return []Map{
		{Name: "users", Lookup: users.Lookup},
		{Name: "lower", Function: "tolower"},
		{Name: "upper", Function: "toupper"},
		{Name: "replace", Function: "replaceall"},
		{Name: "unescape", Function: "unescape"},
		{Name: "latin", Function: "utf8trans"},
		{Name: "idna", Function: "idnatrans"},
		{Name: "lower", Function: "toupper"}, // of no effect: the first counts
	}
}

func compile(t testing.TB, rules ...Rule) *Set {
	t.Helper()
	s, err := Compile(Rules{
		Rules: rules, Maps: usual(t), PID: 4711,
		Getenv: func(name string) (string, bool) {
			v, ok := map[string]string{"SITE": "north", "TLS_CLIENT_S_DN_CN": "of the process"}[name]
			return v, ok
		},
		Clock: func() Clock {
			return Clock{Year: 2031, Month: 2, Day: 3, Weekday: 1, Hour: 4, Minute: 5, Second: 6, Unix: 1927944306}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// command is one from a client like all others.
func command(verb, arg string) Info {
	return Info{
		Verb: verb, Arg: arg, User: "ann", Class: "lan", Server: "North Side", Group: "staff",
		Client: netip.MustParseAddrPort("[::ffff:192.0.2.7]:40000"), Local: netip.MustParseAddrPort("198.51.100.1:2121"),
		Vars: map[string]string{"TLS_CLIENT_S_DN_CN": "Ann"},
	}
}
