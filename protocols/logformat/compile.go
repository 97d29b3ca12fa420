package logformat

import "strings"

// Default is the format of a log that names none.
const Default = `%h %l %u %t "%r" %s %b`

// Format is a compiled format. It may be used from several goroutines.
type Format struct {
	pieces []piece
	json   bool
}

// Problem is something in a format that is not understood.
type Problem struct {
	At   int // where it begins, in bytes from 0
	Text string
}

// piece is a literal text or a variable.
type piece struct {
	of     variable
	text   string // the literal; the NAME of %{NAME}e; the layout of a time
	fixed  string // of %{NAME}e: what the process itself has under that name
	quoted bool   // it stands between double quotes
}

// JSON is the format of one object for each record, with names that stay the same (json.go).
func JSON() *Format { return &Format{json: true} }

// Compile reads a format. What it does not understand is a Problem, and the format is good all the same:
// an unknown variable has no value, and a brace without its end stands as it is written. Env looks up
// %{NAME}e among the variables of the process; nil: there are none.
func Compile(text string, env func(name string) (string, bool)) (*Format, []Problem) {
	c := compiler{env: env, f: &Format{}}
	for at := 0; at < len(text); {
		if text[at] != '%' {
			end := strings.IndexByte(text[at:], '%')
			if end < 0 {
				end = len(text) - at
			}
			c.literal(text[at : at+end])
			at += end
			continue
		}
		at += c.percent(text, at)
	}
	return c.f, c.problems
}

type compiler struct {
	env      func(string) (string, bool)
	f        *Format
	problems []Problem
	quoted   bool
}

// literal adds text, with what came before it if that is text, too.
func (c *compiler) literal(s string) {
	if strings.Count(s, `"`)%2 == 1 {
		c.quoted = !c.quoted
	}
	if n := len(c.f.pieces); n > 0 && c.f.pieces[n-1].of == literal {
		c.f.pieces[n-1].text += s
		return
	}
	c.f.pieces = append(c.f.pieces, piece{text: s})
}

func (c *compiler) add(p piece) {
	p.quoted = c.quoted
	c.f.pieces = append(c.f.pieces, p)
}

func (c *compiler) problem(at int, text string) {
	c.problems = append(c.problems, Problem{At: at, Text: text})
}

// percent reads what a "%" begins and says how long it is.
func (c *compiler) percent(text string, at int) int {
	rest := text[at+1:]
	switch {
	case rest == "":
		c.literal("%")
		c.problem(at, "a single % at the end: a percent sign is written %%")
		return 1
	case rest[0] == '%':
		c.literal("%")
		return 2
	case rest[0] == '{':
		return c.braces(rest, at)
	}
	of, known := letters[rest[0]]
	if !known {
		c.problem(at, "%"+clip(rest[:1])+" is no variable; \"-\" is written")
		of = ofNothing
	}
	p := piece{of: of}
	if of == ofTime {
		p.text = commonTime
	}
	c.add(p)
	return 2
}

// braces reads %{name}, %{layout}t and %{NAME}e; rest begins with the brace.
func (c *compiler) braces(rest string, at int) int {
	body, after, closed := strings.Cut(rest[1:], "}")
	if !closed {
		c.literal("%{")
		c.problem(at, "%{ has no closing }")
		return 2
	}
	length := len(body) + 3
	if of, known := names[strings.ToLower(body)]; known {
		c.add(piece{of: of})
		return length
	}
	kind, value, _ := strings.Cut(body, ":")
	switch strings.ToLower(kind) {
	case "env":
		c.environment(value, at)
		return length
	case "time":
		c.add(piece{of: ofTime, text: value})
		return length
	case "note":
		c.problem(at, "there is no note "+clip(value)+": there are mod_proxy.backend-ip, mod_proxy.backend-port and mod_proxy.backend-url")
		c.add(piece{of: ofNothing})
		return length
	}
	switch {
	case strings.HasPrefix(after, "t"):
		c.add(piece{of: ofTime, text: body})
		return length + 1
	case strings.HasPrefix(after, "e"):
		c.environment(body, at)
		return length + 1
	}
	c.problem(at, "%{"+clip(body)+"} is no variable; \"-\" is written")
	c.add(piece{of: ofNothing})
	return length
}

func (c *compiler) environment(name string, at int) {
	p := piece{of: ofEnv, text: name}
	if name == "" {
		c.problem(at, "no variable of the environment is named: write %{env:NAME}")
	}
	if c.env != nil {
		if value, there := c.env(name); there {
			p.fixed = value
		}
	}
	c.add(p)
}

// clip bounds what a problem quotes.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
