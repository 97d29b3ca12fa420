package conf

import (
	"bytes"
	"strings"
)

// Bounds that keep a hostile or broken tree of files from costing more than
// its size.
const (
	maxProblems     = 500
	maxIncludeDepth = 16
	maxIncludes     = 1024
	maxSections     = 64 // nested
)

// Options are what the grammar needs to know of the world.
type Options struct {
	Env     func(name string) (string, bool) // nil: every name is unset
	Module  func(name string) bool           // for <IfModule>; nil: none is present
	Defines []string                         // names that are defined from the start
	Version string                           // for <IfVersion>, as "1.3.10"
	Files   Files                            // for Include; nil: Include is a problem
}

// Files gives the parser the files that Include names.
type Files interface {
	ReadFile(name string) ([]byte, error)
	// List returns the names in a directory, in any order, or an error if dir
	// is not a directory.
	List(dir string) ([]string, error)
}

// Parse reads a configuration. The tree holds what could be understood; it is
// complete only if there are no problems. Problems stand in the order in
// which they were found.
func Parse(name string, src []byte, opts Options) ([]Node, []Problem) {
	p := &parser{opts: opts, defines: map[string]bool{}}
	for _, d := range opts.Defines {
		p.defines[d] = true
	}
	p.frames = []*frame{{}}
	p.parseFile(name, src)
	return p.frames[0].children, p.problems
}

type parser struct {
	opts     Options
	file     string
	frames   []*frame // open sections; frames[0] is the server config
	defines  map[string]bool
	problems []Problem

	including   []string // files being read, outermost first
	included    int
	ignoreTemps bool // IncludeOptions IgnoreTempFiles
}

// frame is an open section.
type frame struct {
	name      string // lower case; empty for the outermost
	tag       string // as written, for messages
	pos       Pos
	args      []Arg
	condition bool // children belong to the surrounding section
	drop      bool // unknown or misplaced: children are read and forgotten
	children  []Node
}

func (p *parser) problem(at Pos, text string) {
	switch n := len(p.problems); {
	case n < maxProblems:
		p.problems = append(p.problems, Problem{Pos: at, Text: text})
	case n == maxProblems:
		p.problems = append(p.problems, Problem{Pos: at, Text: "too many problems; the rest is not shown"})
	}
}

func (p *parser) parseFile(name string, src []byte) {
	outer := p.file
	p.file = name
	p.including = append(p.including, name)
	depth := len(p.frames)

	src = p.noNUL(src)
	for r := newLines(src); ; {
		l, ok := r.read()
		if !ok {
			break
		}
		p.parseLine(r, l, depth)
	}
	for len(p.frames) > depth {
		p.neverClosed()
	}
	p.including = p.including[:len(p.including)-1]
	p.file = outer
}

// noNUL refuses the one byte that would cut a path short in a system call.
func (p *parser) noNUL(src []byte) []byte {
	i := bytes.IndexByte(src, 0)
	if i < 0 {
		return src
	}
	before := src[:i]
	at := Pos{p.file, bytes.Count(before, []byte("\n")) + 1, i - bytes.LastIndexByte(before, '\n')}
	p.problem(at, "a NUL byte: this is no text file; nothing after it was read")
	return before
}

func (p *parser) parseLine(r *lines, l *line, depth int) {
	start := len(l.text) - len(bytes.TrimLeft(l.text, blanks))
	if l.text[start] == '<' {
		p.parseTag(r, l, start, depth)
		return
	}
	words := p.words(l, start)
	if len(words) == 0 {
		return
	}
	n := Node{Name: words[0].Text, Pos: words[0].Pos, Args: words[1:]}
	switch strings.ToLower(n.Name) {
	case "include":
		p.include(n)
		return
	case "define":
		for _, a := range n.Args {
			p.defines[a.Text] = true
		}
	case "includeoptions":
		for _, a := range n.Args {
			p.ignoreTemps = p.ignoreTemps || strings.EqualFold(a.Text, "IgnoreTempFiles")
		}
	}
	p.add(n)
}

// add puts a node into the innermost section that is not a condition.
func (p *parser) add(n Node) {
	for i := len(p.frames) - 1; i >= 0; i-- {
		f := p.frames[i]
		if f.drop {
			return
		}
		if !f.condition {
			f.children = append(f.children, n)
			return
		}
	}
}
