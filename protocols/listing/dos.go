package listing

import "bytes"

// The lines of dir, as IIS and others send them:
//
//	04-27-00  09:09PM       <DIR>          licensed
//	04-14-00  03:47PM                  589 readme.htm
//	02-03-2026  14:05                 1024 four digits, 24 hours
//	2026-02-03  14:05    <JUNCTION>     data [D:\data]
//
// The tag's column is 15 wide; the name follows exactly one blank behind a size.

// tagWidth is that of "<DIR>" and the blanks behind it.
const tagWidth = 15

func dos(line []byte) (e Entry, ok bool) {
	var room [3]span
	cols := columns(line, 0, room[:0])
	if len(cols) < 3 {
		return Entry{}, false
	}
	d, ok := numericDate(cols[0].of(line))
	if !ok {
		return Entry{}, false
	}
	time, ok := clock(cols[1].of(line))
	if !ok {
		return Entry{}, false
	}
	at := cols[2]
	if word := at.of(line); isHalf(word) { // "09:09 PM"
		if time, ok = clock(append(append(make([]byte, 0, 16), cols[1].of(line)...), word...)); !ok {
			return Entry{}, false
		}
		begin := skipBlanks(line, at.to)
		if begin == len(line) {
			return Entry{}, false
		}
		at = span{begin, wordEnd(line, begin)}
	}
	e.Modify = d.at(time)
	if line[at.from] == '<' {
		ok = dosTagged(&e, line, at.from)
	} else {
		e.Size, e.HasSize = grouped(at.of(line))
		e.Name = afterOne(line, at.to)
		ok = e.HasSize && len(e.Name) > 0
	}
	// No such system has a name with a backslash.
	return e, ok && bytes.IndexByte(e.Name, '\\') < 0
}

func isHalf(word []byte) bool {
	return len(word) == 2 && word[1]|0x20 == 'm' && (word[0]|0x20 == 'a' || word[0]|0x20 == 'p')
}

// dosTagged reads "<DIR>", or another tag of a thing that leads elsewhere, with
// where to in brackets behind the name.
func dosTagged(e *Entry, line []byte, from int) bool {
	end := bytes.IndexByte(line[from:], '>')
	if end < 0 {
		return false
	}
	end += from + 1
	tag := line[from:end]
	e.Name = padded(line, from, tagWidth, end)
	switch string(tag) {
	case "<DIR>":
		e.Kind = Dir
	case "<JUNCTION>", "<SYMLINKD>":
		e.Kind = Dir
		e.Name = withoutTarget(e.Name)
	case "<SYMLINK>":
		e.Name = withoutTarget(e.Name)
	default:
		return false
	}
	return len(e.Name) > 0
}

func withoutTarget(name []byte) []byte {
	if at := bytes.LastIndex(name, []byte(" [")); at > 0 && name[len(name)-1] == ']' {
		return name[:at]
	}
	return name
}

// grouped reads a size whose thousands may be set off: "1,048,576".
func grouped(word []byte) (n uint64, ok bool) {
	if n, ok = number(word); ok {
		return n, true
	}
	var digits [18]byte
	kept, since := 0, 0
	for i, c := range word {
		switch {
		case isDigit(c) && kept < len(digits):
			digits[kept] = c
			kept++
			since++
		case (c == ',' || c == '.') && i > 0 && since <= 3 && (since == 3 || kept == since):
			since = 0
		default:
			return 0, false
		}
	}
	if since != 3 {
		return 0, false
	}
	return number(digits[:kept])
}
