// Package rewrite is the language of mod_rewrite, as far as a gateway speaks
// it: rules that give the argument of a command another text before anybody
// else looks at it. Rules are compiled once; a Set is then applied to one
// command after the other, from any goroutine.
//
// The rules that hold in every file:
//
//   - A template is taken apart when it is compiled, and filled in once. What a
//     client sends is therefore never read as a template: a user named
//     "%{ENV:HOME}" or "${users:root}" stays one.
//   - The result is a legal argument (no CR, LF or NUL, no longer than a command
//     line), or there is an error and the command must not be passed on. To pass
//     it on as it was would let a client choose to evade a rule.
//   - An empty result leaves the argument as it was, as the peer has it: that is
//     what ${users:$1} without a default relies upon for names not in the map.
//   - What is not known at this point (%c of a client of no class) is empty.
//
// Sources: the documentation of mod_rewrite and the howto "Rewrite" of ProFTPD.
package rewrite

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// MaxResult bounds what a template may become, in bytes.
const MaxResult = ftp.MaxCommandLine

// DefaultMaxReplace is how often int:replaceall replaces at most.
const DefaultMaxReplace = 8

// Why a command must not be passed on.
var (
	ErrForbiddenByte = errors.New("the rewritten argument would hold CR, LF or NUL")
	ErrTooLong       = fmt.Errorf("the rewritten argument would be longer than %d bytes", MaxResult)
)

// Matcher is a regular expression, "!" before it included.
type Matcher interface {
	// Match reports whether the rule or condition holds for a text: with "!", if
	// the expression does not match.
	Match(text string) bool
	// Submatches gives the text that the expression matches and that of each
	// group; nil if the expression (without "!") does not match.
	Submatches(text string) []string
	// Groups is the number of groups of the expression.
	Groups() int
}

// Rules are what Compile makes a Set of.
type Rules struct {
	Rules      []Rule
	Maps       []Map // of equal names the first counts
	MaxReplace int   // RewriteMaxReplace; 0: DefaultMaxReplace

	PID    int                              // %P
	Getenv func(name string) (string, bool) // %{ENV:X} that is no variable of the session; nil: none
	Clock  func() Clock                     // %t and %{TIME…}; nil: the zero Clock
}

// Rule is one RewriteRule with the conditions before it.
type Rule struct {
	Place      string // where it is written, for messages
	Conditions []Condition
	Pattern    Matcher
	Subst      string // "-" leaves the argument as it is
	Last       bool   // no rule after this one, if it applied
}

// Condition is one RewriteCondition.
type Condition struct {
	Subject string
	Test    Test
	Pattern Matcher // for Matches
	Text    string  // for the comparisons
	Negate  bool    // for all but Matches, whose Pattern knows
	Or      bool    // this one or the next
}

// Map is one RewriteMap: exactly one of Function and Lookup is set.
type Map struct {
	Name     string
	Function string                          // int:
	Lookup   func(key string) (string, bool) // txt:, such as the Lookup of a Table
}

// Clock is the local time, cut up.
type Clock struct {
	Year, Month, Day, Weekday, Hour, Minute, Second int // Weekday 0 is Sunday
	Unix                                            int64
}

// Info is a command and who sent it.
type Info struct {
	Verb   string // upper case
	Arg    string
	User   string // %u, %U: of the login so far
	Group  string // %g
	Class  string // %c
	Host   string // %h: DNS name of the client; empty: its address stands in
	Server string // %v: ServerName
	Client netip.AddrPort
	Local  netip.AddrPort
	Vars   map[string]string // of the session, for %{ENV:X}
}

// Set is what rules were compiled to. It does not change.
type Set struct {
	rules  []rule
	pid    int
	getenv func(string) (string, bool)
	clock  func() Clock
}

type rule struct {
	place      string
	conditions []condition
	pattern    Matcher
	subst      []part
	keep       bool // the substitution is "-"
	last       bool
	usesCond   bool // %N occurs
}

type condition struct {
	subject []part
	test    Test
	pattern Matcher
	text    string
	negate  bool
	or      bool
}

// Compile checks rules and makes a Set of them. The error names every rule
// that is wrong.
func Compile(rules Rules) (*Set, error) {
	s := &Set{pid: rules.PID, getenv: rules.Getenv, clock: rules.Clock}
	maps, err := bindMaps(rules.Maps, rules.MaxReplace)
	errs := []error{err}
	for _, r := range rules.Rules {
		made, err := compileRule(r, maps)
		if err != nil {
			errs = append(errs, fmt.Errorf("RewriteRule %s: %w", r.Place, err))
		}
		s.rules = append(s.rules, made)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

func compileRule(r Rule, maps map[string]lookup) (rule, error) {
	made := rule{place: r.Place, pattern: r.Pattern, keep: r.Subst == "-", last: r.Last}
	if r.Pattern == nil {
		return made, errors.New("there is no regular expression")
	}
	b := binder{maps: maps, groups: -1}
	for _, c := range r.Conditions {
		// A condition's own %N are of the conditions before it.
		subject, err := b.template(c.Subject)
		if err != nil {
			return made, err
		}
		if c.Test == Matches && c.Pattern == nil {
			return made, errors.New("a condition has no regular expression")
		}
		made.conditions = append(made.conditions, condition{
			subject: subject, test: c.Test, pattern: c.Pattern, text: c.Text, negate: c.Negate, or: c.Or,
		})
		if c.Test == Matches {
			b.groups = max(b.groups, c.Pattern.Groups())
		}
	}
	var err error
	made.subst, err = b.template(r.Subst)
	made.usesCond = b.usesCond
	return made, err
}

// Apply gives the argument of a command its new text. changed tells whether it
// is another one. With an error, which is ErrForbiddenByte or ErrTooLong and
// names the rule, the command must be refused. Nothing is allocated while no
// rule matches.
func (s *Set) Apply(info Info) (arg string, changed bool, err error) {
	if info.Arg == "" || len(s.rules) == 0 {
		return info.Arg, false, nil
	}
	st := state{set: s, info: info, verb: info.Verb, arg: info.Arg}
	head := st.site()
	before := st.arg
	for i := range s.rules {
		r := &s.rules[i]
		applies, err := st.applies(r)
		if err != nil {
			return info.Arg, false, fmt.Errorf("RewriteRule %s: %w", r.place, err)
		}
		if !applies {
			continue
		}
		if err := st.rewrite(r); err != nil {
			return info.Arg, false, fmt.Errorf("RewriteRule %s: %w", r.place, err)
		}
		if r.last {
			break
		}
	}
	if st.arg == before {
		return info.Arg, false, nil
	}
	return head + st.arg, true, nil
}

// state is one Apply.
type state struct {
	set  *Set
	info Info
	verb string
	arg  string

	pattern  Matcher  // of the rule at hand
	groups   []string // $N, once they were asked for
	cond     []string // %N
	clock    Clock
	hasClock bool
}

// site has SITE CHMOD and SITE CHGRP treated as verbs of two words, as the peer
// does. It returns what their arguments have to begin with again.
func (st *state) site() (head string) {
	const words = len("CHMOD ")
	if st.verb != "SITE" || len(st.arg) <= words || st.arg[words-1] != ' ' {
		return ""
	}
	switch first := st.arg[:words-1]; {
	case strings.EqualFold(first, "CHMOD"):
		st.verb = "SITE CHMOD"
	case strings.EqualFold(first, "CHGRP"):
		st.verb = "SITE CHGRP"
	default:
		return ""
	}
	head, st.arg = st.arg[:words], st.arg[words:]
	return head
}

// applies asks the rule's expression first, then its conditions.
func (st *state) applies(r *rule) (bool, error) {
	if !r.pattern.Match(st.arg) {
		return false, nil
	}
	st.pattern, st.groups, st.cond = r.pattern, nil, nil
	for i := 0; i < len(r.conditions); {
		held := false
		for more := true; more && i < len(r.conditions); i++ {
			c := &r.conditions[i]
			if !held {
				var err error
				if held, err = st.holds(c, r.usesCond); err != nil {
					return false, err
				}
			}
			more = c.or
		}
		if !held {
			return false, nil
		}
	}
	return true, nil
}

// rewrite puts the rule's text in the argument's place.
func (st *state) rewrite(r *rule) error {
	if r.keep {
		return nil
	}
	text, err := st.text(r.subst)
	switch {
	case err != nil:
		return err
	case strings.ContainsAny(text, "\r\n\x00"):
		return ErrForbiddenByte
	case text != "":
		st.arg = text
	}
	return nil
}
