package conf

import (
	"bytes"
	"sort"
)

// Reading lines. A backslash before the line end joins the next line without
// a blank between them. A comment line is never joined with anything, so that
// a comment ending in a backslash cannot swallow a directive.

// segment maps the bytes of a logical line from off on to a physical place.
type segment struct {
	off, line, column int
}

// line is one logical line: physical lines joined, line ends removed.
type line struct {
	text []byte
	segs []segment
}

// pos finds the physical place of a byte of the line.
func (l *line) pos(file string, off int) Pos {
	i := sort.Search(len(l.segs), func(i int) bool { return l.segs[i].off > off }) - 1
	if i < 0 {
		return Pos{File: file, Line: 1, Column: 1}
	}
	s := l.segs[i]
	return Pos{File: file, Line: s.line, Column: s.column + off - s.off}
}

// lines cuts a file into logical lines.
type lines struct {
	rest []byte
	next int // number of the next physical line
}

func newLines(src []byte) *lines {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	return &lines{rest: src, next: 1}
}

// read returns the next logical line that holds something.
func (r *lines) read() (*line, bool) {
	for len(r.rest) > 0 {
		var l line
		for more := true; more; {
			more = r.join(&l)
		}
		if len(bytes.TrimLeft(l.text, blanks)) > 0 {
			return &l, true
		}
	}
	return nil, false
}

// join adds one physical line and tells whether the next one belongs to it.
func (r *lines) join(l *line) bool {
	if len(r.rest) == 0 {
		return false
	}
	raw, rest, _ := bytes.Cut(r.rest, []byte("\n"))
	number := r.next
	r.rest, r.next = rest, r.next+1

	raw = bytes.TrimSuffix(raw, []byte("\r"))
	comment := bytes.HasPrefix(bytes.TrimLeft(raw, blanks), []byte("#"))
	if comment {
		return false
	}
	joined := bytes.TrimSuffix(raw, []byte(`\`))
	l.segs = append(l.segs, segment{off: len(l.text), line: number, column: 1})
	l.text = append(l.text, joined...)
	return len(joined) < len(raw)
}
