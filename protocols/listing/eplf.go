package listing

import "bytes"

// The easily parsed list format (D. J. Bernstein, cr.yp.to/ftp/list/eplf.html):
// a plus, facts that end with commas, a tab, the name to the line's end.
//
//	+i8388621.29609,m824255902,/,	tdir
//	+i8388621.44468,m839956783,r,s10376,	RFCEPLF
//
// The facts: "/" may be entered, r may be retrieved, s its octets, m seconds
// since 1970, up its mode in octal, i which file it is (not told: see AllFacts).

func eplf(line []byte) (e Entry, ok bool) {
	if len(line) == 0 || line[0] != '+' {
		return Entry{}, false
	}
	facts, name, ok := bytes.Cut(line[1:], []byte("\t"))
	if !ok || len(name) == 0 {
		return Entry{}, false
	}
	e.Name, e.HasPerm = name, true
	for len(facts) > 0 {
		var fact []byte
		fact, facts, _ = bytes.Cut(facts, []byte(","))
		eplfFact(&e, fact)
	}
	if e.HasMode {
		e.Perm = permOf(e.Kind == Dir, e.Mode)
	}
	return e, true
}

// eplfFact takes one fact; those it does not know are for others.
func eplfFact(e *Entry, fact []byte) {
	if len(fact) == 0 {
		return
	}
	value := fact[1:]
	switch {
	case string(fact) == "/":
		e.Kind = Dir
		e.Perm |= PermEnter | PermList
	case string(fact) == "r":
		e.Perm |= PermRead
	case fact[0] == 's':
		e.Size, e.HasSize = number(value)
	case fact[0] == 'm':
		if sec, ok := number(value); ok {
			e.Modify = Unix(int64(sec))
		}
	case len(fact) > 2 && string(fact[:2]) == "up":
		e.Mode, e.HasMode = octal(fact[2:])
	}
}
