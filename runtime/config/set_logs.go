package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/conf"
	"github.com/sluice-gateway/sluice/protocols/logformat"
)

// Parsers of directives about logs.

func parseLogOptions(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	fields := map[string]func(*LogOptions) *bool{
		"timestamp":              func(o *LogOptions) *bool { return &o.Timestamp },
		"hostname":               func(o *LogOptions) *bool { return &o.Hostname },
		"virtualhost":            func(o *LogOptions) *bool { return &o.VirtualHost },
		"rolebasedprocesslabels": func(o *LogOptions) *bool { return &o.RoleLabels },
	}
	signed := strings.HasPrefix(c.arg(0), "+") || strings.HasPrefix(c.arg(0), "-")
	v := LogOptions{}
	if signed {
		v = LogOptions{Timestamp: true, Hostname: true, VirtualHost: true}
	}
	for i := range c.args {
		name := strings.TrimLeft(c.arg(i), "+-")
		field, ok := fields[strings.ToLower(name)]
		if !ok {
			c.errorf(c.at(i), "unknown LogOption '%s': expected %s", name, c.row.Syntax)
			continue
		}
		*field(&v) = !strings.HasPrefix(c.arg(i), "-")
	}
	return set(func(s *Settings) { s.Logs.Options = v })
}

func parseLogFormat(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	name := strings.ToLower(c.arg(0))
	if _, taken := c.load.formats[name]; taken {
		c.warnf(c.at(0), "format '%s' is defined again and has no effect: the first one counts", c.arg(0))
		return effect{}
	}
	text := c.rest(1)
	_, problems := logformat.Compile(text, nil)
	for _, p := range problems {
		c.warnf(c.inside(1, p.At), "%s", p.Text)
	}
	c.load.formats[name] = text
	return effect{}
}

// inside is the place of a byte in an argument, as far as that can be told from its text.
func (c *call) inside(i, offset int) conf.Pos {
	at := c.at(i)
	if i < len(c.args) && offset < len(c.arg(i)) {
		at.Column += offset
		if c.args[i].Quoted {
			at.Column++
		}
	}
	return at
}

// logClasses are the classes of commands; single verbs may be named too.
var logClasses = []string{
	"ALL", "NONE", "AUTH", "INFO", "DIRS", "READ", "WRITE", "MISC", "SEC", "SSH", "SFTP",
	"CONNECT", "DISCONNECT", "EXIT", "ERROR", "EVENT",
}

func parseExtendedLog(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	v := ExtendedLog{Target: c.logTarget(0), Format: DefaultLogFormat, Classes: c.logClasses(1)}
	if len(c.args) < 3 {
		return set(func(s *Settings) { s.Logs.Extended = joined(s.Logs.Extended, v) })
	}
	name, at := c.arg(2), c.at(2)
	formats := c.load.formats
	c.load.later = append(c.load.later, func() {
		if _, ok := formats[strings.ToLower(name)]; !ok && !strings.EqualFold(name, jsonFormat) {
			c.warnf(at, "there is no LogFormat '%s'; the usual format is written", name)
		}
	})
	// The format may be defined further down, so it is looked up when the
	// whole file is known.
	return set(func(s *Settings) {
		v := v
		if format, ok := formats[strings.ToLower(name)]; ok {
			v.Format = format
		} else {
			v.JSON = strings.EqualFold(name, jsonFormat)
		}
		s.Logs.Extended = joined(s.Logs.Extended, v)
	})
}

// logClasses reads "CLASS,!CLASS" and the newer "CLASS+!CMD".
func (c *call) logClasses(i int) []LogClass {
	var classes []LogClass
	for item := range strings.FieldsFuncSeq(c.arg(i), func(r rune) bool { return r == ',' || r == '+' }) {
		name, negate := strings.CutPrefix(strings.ToUpper(item), "!")
		verb := strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" && name != ""
		if !slices.Contains(logClasses, name) && !verb {
			c.errorf(c.at(i), "'%s' is neither a class of commands nor a command: classes are %s", item, strings.Join(logClasses, ", "))
			continue
		}
		classes = append(classes, LogClass{Name: name, Negate: negate})
	}
	return classes
}

func parseTrace(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	var levels []TraceLevel
	for i := range c.args {
		channel, text, ok := strings.Cut(c.arg(i), ":")
		low, high, isRange := strings.Cut(text, "-")
		a, err := strconv.Atoi(low)
		b := a
		if isRange && err == nil {
			b, err = strconv.Atoi(high)
		} else {
			a = 0
		}
		if !ok || channel == "" || err != nil || b < a || b > 100 {
			c.errorf(c.at(i), "'%s' is not channel:level: write for example proxy.conn:10, or proxy:1-20", c.arg(i))
			continue
		}
		levels = append(levels, TraceLevel{Channel: channel, Low: a, High: b})
	}
	return set(func(s *Settings) { s.Logs.Trace = joined(s.Logs.Trace, levels...) })
}
