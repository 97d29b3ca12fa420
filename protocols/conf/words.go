package conf

import "strings"

// Cutting a line into words. A word that begins with a double quote goes to
// the next quote, and a backslash in it takes the next byte as it is. A word
// that begins with "#" starts a comment. Environment values are put in here,
// because a value with blanks in an unquoted word becomes several words.

const blanks = " \t\v\f\r"

// Bounds of the expansion of %{env:NAME}: nested values could otherwise grow
// without end.
const (
	maxEnvDepth = 8
	maxExpanded = 64 << 10 // bytes a word may grow to
	envOpen     = "%{env:"
)

// sessionPrefix begins the names of variables that exist per session: what
// TLS exports about certificates. They stay in place until run time.
const sessionPrefix = "TLS_"

func isBlank(b byte) bool { return strings.IndexByte(blanks, b) >= 0 }

// words cuts l from off on.
func (p *parser) words(l *line, off int) []Arg {
	var args []Arg
	text := l.text
	for {
		for off < len(text) && isBlank(text[off]) {
			off++
		}
		if off >= len(text) || text[off] == '#' {
			return args
		}
		at := l.pos(p.file, off)
		if text[off] == '"' {
			var word string
			word, off = p.quoted(text, off, at)
			args = append(args, Arg{Text: p.expand(word, at), Pos: at, Quoted: true})
			continue
		}
		start := off
		for off < len(text) && !isBlank(text[off]) {
			off++
		}
		args = p.bare(args, string(text[start:off]), at)
	}
}

// quoted reads a word in quotes; off stands on the opening one.
func (p *parser) quoted(text []byte, off int, at Pos) (string, int) {
	var b strings.Builder
	for off++; off < len(text); off++ {
		switch c := text[off]; {
		case c == '"':
			return b.String(), off + 1
		case c == '\\' && off+1 < len(text):
			off++
			b.WriteByte(text[off])
		default:
			b.WriteByte(c)
		}
	}
	p.problem(at, `this quote is never closed: write a second " at the end of the text`)
	return b.String(), off
}

// bare appends an unquoted word. An empty value makes no word at all.
func (p *parser) bare(args []Arg, word string, at Pos) []Arg {
	if !strings.Contains(word, envOpen) {
		return append(args, Arg{Text: word, Pos: at})
	}
	for _, part := range strings.Fields(p.expand(word, at)) {
		args = append(args, Arg{Text: part, Pos: at})
	}
	return args
}

// expand puts environment values in.
func (p *parser) expand(word string, at Pos) string {
	if !strings.Contains(word, envOpen) {
		return word
	}
	e := expansion{lookup: p.opts.Env, room: maxExpanded}
	out := e.expand(word, 0)
	if e.failed {
		p.problem(at, "the environment values here are nested too deep or grow too long: "+
			"a value must not contain itself")
		return ""
	}
	return out
}

type expansion struct {
	lookup func(string) (string, bool)
	room   int
	failed bool
}

func (e *expansion) expand(word string, depth int) string {
	if depth > maxEnvDepth {
		e.failed = true
	}
	var b strings.Builder
	for !e.failed {
		before, after, found := strings.Cut(word, envOpen)
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			e.put(&b, word)
			break
		}
		e.put(&b, before)
		if strings.HasPrefix(name, sessionPrefix) {
			e.put(&b, envOpen+name+"}")
		} else if e.lookup != nil {
			value, _ := e.lookup(name)
			b.WriteString(e.expand(value, depth+1))
		}
		word = rest
	}
	return b.String()
}

// put writes text as long as there is room.
func (e *expansion) put(b *strings.Builder, s string) {
	e.room -= len(s) + 1
	if e.room < 0 {
		e.failed = true
		return
	}
	b.WriteString(s)
}
