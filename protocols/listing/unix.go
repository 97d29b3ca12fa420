package listing

import "bytes"

// The lines of ls -l:
//
//	-rw-r--r--   1 root     wheel        531 Jan 29 03:26 README
//	drwxr-xr-x+  2 root                  512 Apr  8  1994 etc         no group
//	lrwxrwxrwx.  1 0        0              7 2026-01-25 00:17 bin -> usr/bin
//	crw-rw-rw-   1 root     sys       1,   3 Jan  1 00:00 null        device
//	drwxrwxr-x     folder      2 May 10  1996 network                 NetPresenz
//
// A mark behind the mode tells of ACLs or labels. Exactly one blank stands
// between date and name; more of them belong to the name.

// modeWidth is the type and three times rwx.
const modeWidth = 10

func (p *Parser) unix(line []byte) (e Entry, ok bool) {
	if len(line) < modeWidth+2 {
		return Entry{}, false
	}
	kind, known := unixKind(line[0])
	mode, readable := unixMode(line[1:modeWidth])
	if !known || !readable {
		return Entry{}, false
	}
	at := modeWidth
	switch line[at] {
	case '.', '+', '@', '*':
		at++
	}
	if !isBlank(line[at]) {
		return Entry{}, false
	}
	var room [maxColumns]span
	cols := columns(line, at, room[:0])
	date, end, when, ok := p.unixDate(line, cols)
	if !ok {
		return Entry{}, false
	}
	e = Entry{
		Kind: kind, Modify: when, Name: afterOne(line, end),
		Mode: mode, HasMode: true, Perm: permOf(kind == Dir, mode), HasPerm: true,
	}
	p.unixOwners(&e, line, cols[:date])
	if kind == Symlink {
		e.Name, e.Target = cutArrow(e.Name, e.Size)
	}
	return e, len(e.Name) > 0
}

func unixKind(c byte) (k Kind, ok bool) {
	switch c {
	case '-':
		return File, true
	case 'd':
		return Dir, true
	case 'l':
		return Symlink, true
	case 'p':
		return Pipe, true
	case 's':
		return Socket, true
	case 'c':
		return CharDevice, true
	case 'b':
		return BlockDevice, true
	case 'D':
		return Door, true
	}
	return File, false
}

// unixMode reads nine letters. In the place of an x, small letters mean that it
// is set too: s (set-id) and t (sticky); S, T, l and L (locking) that it is not.
func unixMode(text []byte) (mode uint16, ok bool) {
	for i, c := range text {
		bit, special := uint16(1)<<(8-i), uint16(0o4000)>>(i/3)
		switch {
		case c == '-':
		case c == "rwx"[i%3]:
			mode |= bit
		case i%3 == 2 && (c == 's' || c == 't'):
			mode |= bit | special
		case i%3 == 2 && (c == 'S' || c == 'T' || c == 'l' || c == 'L'):
			mode |= special
		default:
			return 0, false
		}
	}
	return mode, true
}

// unixOwners reads the columns before the date: links, owner, group, size. Of
// these only the size is sure to be there, and a device has two numbers instead.
// A group of several words is one group.
func (p *Parser) unixOwners(e *Entry, line []byte, cols []span) {
	last := len(cols) - 1
	n, sized := number(cols[last].of(line))
	cols = cols[:last]
	if last > 0 && bytes.HasSuffix(cols[last-1].of(line), []byte(",")) {
		sized, cols = false, cols[:last-1]
	}
	if e.Kind != CharDevice && e.Kind != BlockDevice {
		e.Size, e.HasSize = n, sized
	}
	if len(cols) == 0 {
		return
	}
	first := cols[0].of(line)
	if string(first) == "folder" {
		p.mac = true
	}
	if p.mac {
		return
	}
	if _, links := number(first); links {
		cols = cols[1:]
	}
	if len(cols) > 0 {
		e.Owner, e.OwnerName = numberOrName(cols[0].of(line))
	}
	if len(cols) > 1 {
		e.Group, e.GroupName = numberOrName(line[cols[1].from:cols[len(cols)-1].to])
	}
}

func numberOrName(word []byte) (id, name []byte) {
	if _, ok := number(word); ok {
		return word, nil
	}
	return nil, word
}

// dateColumns is where the date is looked for: the fourth column if all four
// before it are there, so that no owner called May is taken for a date.
var dateColumns = [...]int{4, 3, 5, 2, 1, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// unixDate finds the column where the date begins, behind the size, and the byte
// where it ends.
func (p *Parser) unixDate(line []byte, cols []span) (at, end int, d Date, ok bool) {
	for _, at := range dateColumns {
		if at >= len(cols) {
			continue
		}
		size := cols[at-1].of(line)
		if !isDigit(size[len(size)-1]) || !isSize(size) {
			continue
		}
		if d, end, ok := p.lsDate(line, cols[at:]); ok {
			return at, end, d, true
		}
	}
	return 0, 0, Date{}, false
}

// isSize takes a number, or the two of a device without a blank between ("8,1").
func isSize(word []byte) bool {
	before, after, two := bytes.Cut(word, []byte(","))
	_, a := number(before)
	_, b := number(after)
	return a && (b || !two)
}

// cutArrow divides "name -> target". Both may hold an arrow themselves: a link is
// as long as its target, which tells where to cut; otherwise the first arrow it is.
func cutArrow(text []byte, size uint64) (name, target []byte) {
	const arrow = " -> "
	if at := len(text) - len(arrow) - int(min(size, MaxLine)); at > 0 && bytes.HasPrefix(text[at:], []byte(arrow)) {
		return text[:at], text[at+len(arrow):]
	}
	if at := bytes.Index(text, []byte(arrow)); at > 0 {
		return text[:at], text[at+len(arrow):]
	}
	return text, nil
}
