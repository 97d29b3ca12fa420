package config

import (
	"slices"
	"strings"
	"time"
)

// The kinds of argument. Each function makes the parser of a directive from
// the place its value goes to; a row of the table names one of them.

// target is what a directive may change.
type target interface {
	Settings | Server | Process | Class | LimitSection
}

// one wants one argument; more are passed over, as the peer does, but said.
func (c *call) one() bool {
	if len(c.args) > 1 {
		c.warnf(c.at(1), "'%s' is not looked at: expected %s %s", c.rest(1), c.row.Name, c.row.Syntax)
	}
	return c.need(1)
}

// set makes an effect of a change.
func set[T target](change func(*T)) effect {
	switch f := any(change).(type) {
	case func(*Settings):
		return effect{settings: f}
	case func(*Server):
		return effect{server: f}
	case func(*Process):
		return effect{process: f}
	case func(*Class):
		return effect{class: f}
	case func(*LimitSection):
		return effect{limit: f}
	}
	return effect{}
}

// flag reads on or off.
func flag[T target](field func(*T) *bool) parser {
	return func(c *call) effect {
		if !c.one() {
			return effect{}
		}
		v, _ := c.boolean(0)
		return set(func(t *T) { *field(t) = v })
	}
}

// duration reads a length of time.
func duration[T target](field func(*T) *time.Duration) parser {
	return func(c *call) effect {
		if !c.one() {
			return effect{}
		}
		v, _ := c.duration(0)
		return set(func(t *T) { *field(t) = v })
	}
}

// number reads an integer between two bounds.
func number[T target](low, high int, field func(*T) *int) parser {
	return func(c *call) effect {
		if !c.one() {
			return effect{}
		}
		v, _ := c.integer(0, low, high)
		return set(func(t *T) { *field(t) = v })
	}
}

// numberOrNone is number, where "none" stands for 0.
func numberOrNone[T target](low, high int, field func(*T) *int) parser {
	plain := number(low, high, field)
	return func(c *call) effect {
		if strings.EqualFold(c.arg(0), "none") {
			return set(func(t *T) { *field(t) = 0 })
		}
		return plain(c)
	}
}

// word reads one argument as it is.
func word[T target](field func(*T) *string) parser {
	return func(c *call) effect {
		if !c.one() {
			return effect{}
		}
		v := c.arg(0)
		return set(func(t *T) { *field(t) = v })
	}
}

// sentence reads all arguments as one text.
func sentence[T target](field func(*T) *string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		v := c.rest(0)
		return set(func(t *T) { *field(t) = v })
	}
}

// listOf adds all arguments to a list.
func listOf[T target](field func(*T) *[]string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		v := c.texts(0)
		return set(func(t *T) { *field(t) = joined(*field(t), v...) })
	}
}

// joined appends in place: a resolver fills settings of its own.
func joined[E any](list []E, more ...E) []E {
	return append(list, more...)
}

// oneOf reads one of some words. gist begins the message about any other
// word, which follows in quotes.
func oneOf[T target, V comparable](words keywords[V], gist string, field func(*T) *V) parser {
	return func(c *call) effect {
		if !c.one() {
			return effect{}
		}
		v, ok := words.find(c.arg(0))
		if !ok {
			c.errorf(c.at(0), gist+": expected one of %s", c.arg(0), words.list())
		}
		return set(func(t *T) { *field(t) = v })
	}
}

// option is one switch of an options directive.
type option[T target] struct {
	name  string
	field func(*T) *bool
}

// options reads switches that accumulate over all lines. Names are
// case-sensitive, as the peer has them.
func options[T target](gist string, known []option[T]) parser {
	return someOptions(gist, known, nil)
}

// someOptions is options, of which some are without effect, for the reasons in inert.
func someOptions[T target](gist string, known []option[T], inert map[string]string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		var on []func(*T) *bool
		for _, a := range c.args {
			i := slices.IndexFunc(known, func(o option[T]) bool { return o.name == a.Text })
			if i < 0 {
				c.errorf(a.Pos, gist+": %s", a.Text, expectedOption(a.Text, known))
				continue
			}
			if why, is := inert[a.Text]; is {
				c.warnf(a.Pos, "%s has no effect: %s", a.Text, why)
			}
			on = append(on, known[i].field)
		}
		return set(func(t *T) {
			for _, field := range on {
				*field(t) = true
			}
		})
	}
}

func expectedOption[T target](got string, known []option[T]) string {
	names := make([]string, len(known))
	for i, o := range known {
		if strings.EqualFold(o.name, got) {
			return "case matters here, write " + o.name
		}
		names[i] = o.name
	}
	return "expected one of " + strings.Join(names, ", ")
}

// logFile reads a path or "none".
func logFile[T target](field func(*T) *LogTarget) parser {
	return func(c *call) effect {
		if !c.one() {
			return effect{}
		}
		v := c.logTarget(0)
		return set(func(t *T) { *field(t) = v })
	}
}

func (c *call) logTarget(i int) LogTarget {
	v := LogTarget{Set: true}
	switch text := c.arg(i); {
	case strings.EqualFold(text, "none"), strings.EqualFold(text, "off"):
		v.Off = true
	case len(text) > 7 && strings.EqualFold(text[:7], "syslog:"):
		v.Syslog = strings.ToLower(text[7:])
		if !slices.Contains(syslogLevels, v.Syslog) {
			c.errorf(c.at(i), "unknown syslog level '%s': expected one of %s", text[7:], strings.Join(syslogLevels, ", "))
		}
	default:
		v.Path, _ = c.absolute(i)
	}
	return v
}

var syslogLevels = []string{"emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"}

// pattern reads a regular expression, optionally followed by [NC].
func pattern(field func(*Settings) **Pattern) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		p := c.pattern(0, c.caseFlag(1))
		return set(func(s *Settings) { *field(s) = p })
	}
}

// caseFlag reads [NC] or [nocase], in exactly that case.
func (c *call) caseFlag(i int) bool {
	switch flags := c.arg(i); {
	case i >= len(c.args):
	case len(flags) < 2 || flags[0] != '[' || flags[len(flags)-1] != ']':
		c.errorf(c.at(i), "badly formatted flags parameter '%s': expected [NC] or [nocase]", flags)
	case flags == "[NC]" || flags == "[nocase]":
		return true
	default:
		c.errorf(c.at(i), "unknown filter flags '%s': expected [NC] or [nocase], in this case", flags)
	}
	return false
}

func (c *call) pattern(i int, fold bool) *Pattern {
	p, err := newPattern(c.arg(i), fold)
	if err != nil {
		c.errorf(c.at(i), "'%s' is not a valid regular expression: %v", c.arg(i), err)
		return nil
	}
	return p
}
