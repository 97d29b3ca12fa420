package rewrite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Templates: plain text with
//
//	$N              group N (0-9) of the rule          $$N is the text "$N"
//	%N              group N of the last condition      %%N is the text "%N"
//	%a, %m, …       what is known of the command
//	%{ENV:X}        a variable of the session or of the environment
//	%{TIME_HOUR}, … the local time
//	${map:key|default}
//
// Keys and defaults are templates again.

// maxDepth bounds maps within maps.
const maxDepth = 8

type kind uint8

const (
	literal  kind = iota
	ruleRef       // $N
	condRef       // %N
	variable      // %a
	environ       // %{ENV:X}
	timeOf        // %{TIME…}
	mapped        // ${…}
)

type part struct {
	kind  kind
	text  string // literal, or name of an environ
	n     int    // number of a group, index of a time, letter of a variable
	isHex bool   // condRef: the next byte is a hex digit, so that it may be a URL's %20
	call  *call
}

// call is one ${name:key|default}.
type call struct {
	name       string
	key        []part
	otherwise  []part
	hasDefault bool
	lookup     lookup
	split      [][]part // replaceall: text, old and new, if the template shows where they end
}

// letters are the variables that a gateway may have a value for, and
// blankLetters those that are always empty.
const (
	letters      = "aFfghmPptUuvc"
	blankLetters = "Gw"
)

var times = []string{"TIME", "TIME_YEAR", "TIME_MON", "TIME_DAY", "TIME_WDAY", "TIME_HOUR", "TIME_MIN", "TIME_SEC"}

// Template is a template taken apart, for those who check rules.
type Template struct {
	parts []part
	seen  seen
}

type seen struct {
	maps      []string
	unknown   []string
	ruleGroup int // highest N of $N; -1: none
	condGroup int // highest N of %N that cannot be a URL's escape
}

// Parse takes a template apart. The error says what is wrong with it.
func Parse(text string) (*Template, error) {
	p := parser{text: text, seen: seen{ruleGroup: -1, condGroup: -1}}
	parts, err := p.parts("", 0)
	if err != nil {
		return nil, err
	}
	return &Template{parts: parts, seen: p.seen}, nil
}

// Maps lists the maps that are asked.
func (t *Template) Maps() []string { return t.seen.maps }

// Unknown lists the variables that a gateway has no value for.
func (t *Template) Unknown() []string { return t.seen.unknown }

// RuleGroup is the highest N of a $N, or -1.
func (t *Template) RuleGroup() int { return t.seen.ruleGroup }

// ConditionGroup is the highest N of a %N, or -1. What may as well be the
// escape of a URL, such as %20, does not count.
func (t *Template) ConditionGroup() int { return t.seen.condGroup }

type parser struct {
	text string
	at   int
	seen seen
}

// parts reads up to one of the stops, or to the end.
func (p *parser) parts(stops string, depth int) ([]part, error) {
	var out []part
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		switch c := rest[0]; {
		case strings.IndexByte(stops, c) >= 0:
			return out, nil
		case strings.HasPrefix(rest, "${"):
			call, err := p.call(depth)
			if err != nil {
				return nil, err
			}
			out = append(out, part{kind: mapped, call: call})
		case c == '$':
			out = p.dollar(out, rest)
		case c == '%':
			out = p.percent(out, rest)
		default:
			n := strings.IndexAny(rest, "$%"+stops)
			if n < 0 {
				n = len(rest)
			}
			out = p.plain(out, rest[:n], n)
		}
	}
	return out, nil
}

// plain appends text that used up n bytes.
func (p *parser) plain(out []part, text string, n int) []part {
	p.at += n
	if last := len(out) - 1; last >= 0 && out[last].kind == literal {
		out[last].text += text
		return out
	}
	return append(out, part{kind: literal, text: text})
}

func digit(s string, i int) bool { return i < len(s) && '0' <= s[i] && s[i] <= '9' }

func hexDigit(s string, i int) bool {
	return i < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[i]) >= 0
}

func (p *parser) dollar(out []part, rest string) []part {
	switch {
	case strings.HasPrefix(rest, "$$") && digit(rest, 2):
		return p.plain(out, rest[1:3], 3)
	case digit(rest, 1):
		p.at += 2
		n := int(rest[1] - '0')
		p.seen.ruleGroup = max(p.seen.ruleGroup, n)
		return append(out, part{kind: ruleRef, n: n})
	}
	return p.plain(out, "$", 1)
}

func (p *parser) percent(out []part, rest string) []part {
	switch {
	case strings.HasPrefix(rest, "%%") && digit(rest, 2):
		return p.plain(out, rest[1:3], 3)
	case digit(rest, 1):
		p.at += 2
		made := part{kind: condRef, n: int(rest[1] - '0'), isHex: hexDigit(rest, 2)}
		if !made.isHex {
			p.seen.condGroup = max(p.seen.condGroup, made.n)
		}
		return append(out, made)
	case strings.HasPrefix(rest, "%{"):
		return p.named(out, rest)
	case len(rest) < 2:
		return p.plain(out, rest, 1)
	case strings.IndexByte(blankLetters, rest[1]) >= 0:
		p.seen.note(&p.seen.unknown, rest[:2])
		p.at += 2
		return out
	case strings.IndexByte(letters, rest[1]) >= 0:
		if rest[1] == 'g' {
			p.seen.note(&p.seen.unknown, "%g") // a place is kept for it
		}
		p.at += 2
		return append(out, part{kind: variable, n: int(rest[1])})
	case 'a' <= rest[1]|0x20 && rest[1]|0x20 <= 'z':
		p.seen.note(&p.seen.unknown, rest[:2])
	}
	return p.plain(out, "%", 1)
}

// named reads %{…}. One that is not known is text.
func (p *parser) named(out []part, rest string) []part {
	name, _, closed := strings.Cut(rest[2:], "}")
	if !closed {
		return p.plain(out, "%", 1)
	}
	size := len("%{}") + len(name)
	if head := strings.ToUpper(name[:min(4, len(name))]); head == "ENV:" {
		p.at += size
		return append(out, part{kind: environ, text: name[4:]})
	}
	if i := slices.Index(times, name); i >= 0 {
		p.at += size
		return append(out, part{kind: timeOf, n: i})
	}
	p.seen.note(&p.seen.unknown, rest[:size])
	return p.plain(out, rest[:size], size)
}

func (s *seen) note(list *[]string, what string) {
	if !slices.Contains(*list, what) {
		*list = append(*list, what)
	}
}

var errMapForm = errors.New("badly formatted map: expected ${name:key} or ${name:key|default}")

// call reads a map; the parser stands on its "$".
func (p *parser) call(depth int) (*call, error) {
	if depth >= maxDepth {
		return nil, fmt.Errorf("maps are nested deeper than %d", maxDepth)
	}
	name, _, found := strings.Cut(p.text[p.at+2:], ":")
	if !found || name == "" || strings.ContainsAny(name, "{}|$% \t") {
		return nil, errMapForm
	}
	p.seen.note(&p.seen.maps, name)
	p.at += len("${:") + len(name)
	c := &call{name: name}
	var err error
	if c.key, err = p.parts("|}", depth+1); err != nil {
		return nil, err
	}
	if p.at < len(p.text) && p.text[p.at] == '|' {
		p.at++
		c.hasDefault = true
		if c.otherwise, err = p.parts("}", depth+1); err != nil {
			return nil, err
		}
	}
	if p.at == len(p.text) {
		return nil, errMapForm
	}
	p.at++
	return c, nil
}
