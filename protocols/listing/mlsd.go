package listing

import "bytes"

// The lines of MLSD (RFC 3659 §7.2): facts, each with its ";", one blank, a name
// that may begin with blanks and hold anything.
//
//	Type=file;Size=1024990;Modify=20260129033345;Perm=r; /tmp/cap60.pl198
//
// A value with blanks is against the grammar and occurs (groups of Windows), so
// the facts end with the first blank that follows a ";".

func mlsd(line []byte) (e Entry, ok bool) {
	facts, name := line[:0], line
	if len(line) == 0 {
		return Entry{}, false
	}
	if line[0] != ' ' {
		at := bytes.Index(line, []byte("; "))
		if at < 0 || bytes.IndexByte(line[:at], '=') < 1 {
			return Entry{}, false
		}
		facts, name = line[:at], line[at+1:]
	}
	e.Name = name[1:]
	for len(facts) > 0 {
		var fact []byte
		fact, facts, _ = bytes.Cut(facts, []byte(";"))
		key, value, ok := bytes.Cut(fact, []byte("="))
		switch {
		case len(fact) == 0:
			continue // a ";" too many
		case !ok:
			return Entry{}, false
		}
		mlsdFact(&e, key, value)
	}
	return e, len(e.Name) > 0 || e.Kind == Cdir || e.Kind == Pdir
}

// maxKey bounds the names of facts that are known here.
const maxKey = 16

func mlsdFact(e *Entry, key, value []byte) {
	if len(key) > maxKey {
		return
	}
	var low [maxKey]byte
	for i, c := range key {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		low[i] = c
	}
	switch string(low[:len(key)]) {
	case "type":
		e.Kind, e.Target = mlsdKind(value)
	case "size":
		e.Size, e.HasSize = number(value)
	case "modify":
		e.Modify = timeVal(value)
	case "perm":
		e.Perm, e.HasPerm = readPerm(value), true
	case "unix.mode":
		e.Mode, e.HasMode = octal(value)
	case "unix.owner", "unix.uid":
		e.Owner = value
	case "unix.group", "unix.gid":
		e.Group = value
	case "unix.ownername":
		e.OwnerName = value
	case "unix.groupname":
		e.GroupName = value
	}
}

// mlsdKind reads a type. Those of operating systems have many spellings: "slink"
// and "symlink", "chr", "chr-1/3" and "chardev".
func mlsdKind(value []byte) (k Kind, target []byte) {
	switch {
	case bytes.EqualFold(value, []byte("dir")):
		return Dir, nil
	case bytes.EqualFold(value, []byte("cdir")):
		return Cdir, nil
	case bytes.EqualFold(value, []byte("pdir")):
		return Pdir, nil
	}
	_, kind, ofSystem := bytes.Cut(value, []byte("="))
	if !ofSystem {
		return File, nil
	}
	kind, target, _ = bytes.Cut(kind, []byte(":"))
	for _, known := range osKinds {
		if len(kind) >= len(known.prefix) && bytes.EqualFold(kind[:len(known.prefix)], []byte(known.prefix)) {
			if known.kind != Symlink {
				target = nil
			}
			return known.kind, target
		}
	}
	return File, nil
}

var osKinds = [...]struct {
	prefix string
	kind   Kind
}{
	{"slink", Symlink}, {"symlink", Symlink}, {"pipe", Pipe}, {"fifo", Pipe}, {"socket", Socket},
	{"chr", CharDevice}, {"char", CharDevice}, {"blk", BlockDevice}, {"block", BlockDevice}, {"door", Door},
}

// timeVal reads YYYYMMDDHHMMSS; fractions are left out (RFC 3659 §2.3).
func timeVal(value []byte) Date {
	whole, _, _ := bytes.Cut(value, []byte("."))
	if len(whole) != len("YYYYMMDDHHMMSS") {
		return Date{}
	}
	n, ok := number(whole)
	if !ok {
		return Date{}
	}
	d := Date{
		Year: int(n / 1e10), Month: int(n / 1e8 % 100), Day: int(n / 1e6 % 100),
		Hour: int(n / 1e4 % 100), Minute: int(n / 100 % 100), Second: int(n % 100),
	}
	if !d.valid() {
		return Date{}
	}
	return d
}
