// Package conf is the grammar of ProFTPD's configuration files: bytes in,
// a tree of positioned directives and sections out. It knows how a line is
// read (comments, joining, quotes, environment values), how sections nest,
// and how conditional sections and Include are expanded; it knows nothing of
// what a directive means. It does no I/O: files come through an interface
// the caller gives.
//
// A mistake becomes a Problem with its position, and parsing goes on, so that
// one run reports everything that is wrong.
package conf

import "fmt"

// Pos is a place in a configuration file.
type Pos struct {
	File   string
	Line   int // from 1
	Column int // from 1, in bytes
}

// String renders the usual file:line:column.
func (p Pos) String() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Arg is one argument of a directive or of a section tag.
type Arg struct {
	Text   string
	Pos    Pos
	Quoted bool // written in double quotes
}

// Node is a directive, or a section with its children. The conditional
// sections (IfModule, IfDefine, IfVersion) and Include never appear: what
// they keep stands in their place.
type Node struct {
	Name     string // as written; compare without regard to case
	Pos      Pos
	Args     []Arg
	Section  bool
	Children []Node // of a section, in file order
}

// Problem is one mistake in the grammar.
type Problem struct {
	Pos  Pos
	Text string // what is wrong and what to do about it
}

// String renders "file:line:column: text".
func (p Problem) String() string {
	return p.Pos.String() + ": " + p.Text
}
