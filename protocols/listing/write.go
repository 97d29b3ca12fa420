package listing

import "strconv"

// nobody stands where a LIST needs an owner and none is told.
const nobody = "ftp"

// AppendMLSD writes the entry as a line of MLSD with its CRLF, with those facts
// of the set that are known. slink shows where a link leads, if the grammar can
// hold it (UseSlink).
func (e *Entry) AppendMLSD(dst []byte, facts Facts, slink bool) []byte {
	if facts.Has(FactModify) && !e.Modify.IsZero() {
		dst = append(e.Modify.appendTimeVal(append(dst, "modify="...)), ';')
	}
	if facts.Has(FactPerm) && e.HasPerm {
		dst = append(e.Perm.append(append(dst, "perm="...)), ';')
	}
	if facts.Has(FactSize) && e.HasSize && !e.Kind.isDir() {
		dst = append(strconv.AppendUint(append(dst, "size="...), e.Size, 10), ';')
	}
	if facts.Has(FactType) {
		dst = append(e.appendType(append(dst, "type="...), slink), ';')
	}
	dst = appendValue(dst, "UNIX.group=", e.Group, facts.Has(FactUnixGroup))
	dst = appendValue(dst, "UNIX.groupname=", e.GroupName, facts.Has(FactUnixGroupName))
	if facts.Has(FactUnixMode) && e.HasMode {
		dst = append(dst, "UNIX.mode=0"...)
		for shift := 9; shift >= 0; shift -= 3 {
			if digit := e.Mode >> shift & 7; shift < 9 || digit != 0 {
				dst = append(dst, '0'+byte(digit))
			}
		}
		dst = append(dst, ';')
	}
	dst = appendValue(dst, "UNIX.owner=", e.Owner, facts.Has(FactUnixOwner))
	dst = appendValue(dst, "UNIX.ownername=", e.OwnerName, facts.Has(FactUnixOwnerName))
	dst = append(dst, ' ')
	return append(append(dst, e.Name...), '\r', '\n')
}

var typeValues = [...]string{
	File: "file", Dir: "dir", Cdir: "cdir", Pdir: "pdir", Symlink: "OS.unix=symlink", Pipe: "OS.unix=pipe",
	Socket: "OS.unix=socket", CharDevice: "OS.unix=chardev", BlockDevice: "OS.unix=blockdev", Door: "OS.solaris=door",
}

func (e *Entry) appendType(dst []byte, slink bool) []byte {
	if slink && e.Kind == Symlink && isValue(e.Target) {
		return append(append(dst, "OS.unix=slink:"...), e.Target...)
	}
	return append(dst, typeValues[e.Kind]...)
}

func appendValue(dst []byte, key string, value []byte, wanted bool) []byte {
	if !wanted || !isValue(value) {
		return dst
	}
	return append(append(append(dst, key...), value...), ';')
}

// isValue says that a fact can hold the value: *SCHAR of RFC 3659 §2.1, but not
// nothing.
func isValue(value []byte) bool {
	for _, c := range value {
		if !schar[c] {
			return false
		}
	}
	return len(value) > 0
}

var schar = func() (set [256]bool) {
	for _, c := range []byte("=,.:!@#$%^&()-_+?/\\'\"" +
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		set[c] = true
	}
	return set
}()

// appendTimeVal writes YYYYMMDDHHMMSS.
func (d Date) appendTimeVal(dst []byte) []byte {
	dst = appendTwo(appendTwo(dst, d.Year/100), d.Year%100)
	dst = appendTwo(appendTwo(dst, d.Month), d.Day)
	return appendTwo(appendTwo(appendTwo(dst, d.Hour), d.Minute), d.Second)
}

// appendTwo writes two digits.
func appendTwo(dst []byte, n int) []byte {
	return append(dst, '0'+byte(n/10%10), '0'+byte(n%10))
}

// AppendLIST writes the entry as a line of ls -l with its CRLF.
func (e *Entry) AppendLIST(dst []byte, now Date) []byte {
	dst = append(e.appendMode(dst), "   1 "...)
	dst = append(appendPadded(dst, e.OwnerName, e.Owner), ' ')
	dst = append(appendPadded(dst, e.GroupName, e.Group), ' ')
	size := e.Size
	if !e.HasSize || e.Kind.isDir() {
		size = 0
	}
	if e.Kind == Symlink && e.Target != nil {
		size = uint64(len(e.Target)) // as on disk; it tells where the name ends
	}
	dst = appendRight(dst, size, 8)
	dst = append(e.appendDate(append(dst, ' '), now), ' ')
	dst = append(dst, e.Name...)
	if e.Kind == Symlink && e.Target != nil {
		dst = append(append(dst, " -> "...), e.Target...)
	}
	return append(dst, '\r', '\n')
}

var modeLetters = [...]byte{
	File: '-', Dir: 'd', Cdir: 'd', Pdir: 'd', Symlink: 'l', Pipe: 'p',
	Socket: 's', CharDevice: 'c', BlockDevice: 'b', Door: 'D',
}

func (e *Entry) appendMode(dst []byte) []byte {
	mode := modeOf(e)
	dst = append(dst, modeLetters[e.Kind])
	for i := range 9 {
		letter := byte('-')
		if mode&(1<<(8-i)) != 0 {
			letter = "rwx"[i%3]
		}
		if special := mode & (0o4000 >> (i / 3)); i%3 == 2 && special != 0 {
			small := "sst"[i/3]
			if letter == '-' {
				small &^= 0x20
			}
			letter = small
		}
		dst = append(dst, letter)
	}
	return dst
}

// appendPadded writes the first that can stand in a column, eight wide.
func appendPadded(dst []byte, name, id []byte) []byte {
	begin := len(dst)
	switch {
	case isValue(name):
		dst = append(dst, name...)
	case isValue(id):
		dst = append(dst, id...)
	default:
		dst = append(dst, nobody...)
	}
	for len(dst) < begin+8 {
		dst = append(dst, ' ')
	}
	return dst
}

// appendRight writes n to the right of a column.
func appendRight(dst []byte, n uint64, width int) []byte {
	var digits [20]byte
	text := strconv.AppendUint(digits[:0], n, 10)
	for range max(0, width-len(text)) {
		dst = append(dst, ' ')
	}
	return append(dst, text...)
}

func (e *Entry) appendDate(dst []byte, now Date) []byte {
	d := e.Modify
	if d.IsZero() {
		d = Date{Year: 1970, Month: 1, Day: 1}
	}
	at := (d.Month - 1) * 3
	dst = append(dst, months[at]&^0x20, months[at+1], months[at+2], ' ')
	dst = append(appendRight(dst, uint64(d.Day), 2), ' ')
	if !now.IsZero() && d.isRecent(now) {
		return appendTwo(append(appendTwo(dst, d.Hour), ':'), d.Minute)
	}
	return appendTwo(appendTwo(append(dst, ' '), d.Year/100), d.Year%100)
}

// AppendNLST writes the name alone with its CRLF.
func (e *Entry) AppendNLST(dst []byte) []byte {
	return append(append(dst, e.Name...), '\r', '\n')
}
