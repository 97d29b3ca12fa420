package listing

// Perm is what the client may do with an entry: the letters of the perm fact as
// bits, in the order of the alphabet (RFC 3659 §7.5.5).
type Perm uint16

// The bits of Perm.
const (
	PermAppend Perm = 1 << iota // a: APPE to the file
	PermCreate                  // c: STOR in the directory
	PermDelete                  // d: DELE or RMD
	PermEnter                   // e: CWD
	PermRename                  // f: RNFR
	PermList                    // l: LIST
	PermMkdir                   // m: MKD in the directory
	PermPurge                   // p: delete what is in the directory
	PermRead                    // r: RETR
	PermWrite                   // w: STOR over the file
)

const permLetters = "acdeflmprw"

// append writes the letters.
func (p Perm) append(dst []byte) []byte {
	for i := range len(permLetters) {
		if p&(1<<i) != 0 {
			dst = append(dst, permLetters[i])
		}
	}
	return dst
}

// readPerm takes the letters of a perm fact, in any case and order.
func readPerm(value []byte) (p Perm) {
	for _, c := range value {
		for i := range len(permLetters) {
			if c|0x20 == permLetters[i] {
				p |= 1 << i
			}
		}
	}
	return p
}

// permOf says what a Unix mode allows. Who the client is at the backend is not
// known, so any class's bit counts; to delete is the parent's matter, so d is
// always there.
func permOf(dir bool, mode uint16) Perm {
	p := PermDelete
	read, write, execute := mode&0o444 != 0, mode&0o222 != 0, mode&0o111 != 0
	switch {
	case dir && write:
		p |= PermCreate | PermRename | PermMkdir | PermPurge
	case write:
		p |= PermAppend | PermRename | PermWrite
	}
	switch {
	case dir && execute:
		p |= PermEnter | PermList
	case !dir && read:
		p |= PermRead
	}
	return p
}

// modeOf is the mode to show for a perm fact: what the client may do stands in
// the owner's place, reading for all.
func modeOf(e *Entry) uint16 {
	dir := e.Kind.isDir()
	switch {
	case e.HasMode:
		return e.Mode
	case e.Kind == Symlink:
		return 0o777
	case !e.HasPerm && dir:
		return 0o755
	case !e.HasPerm:
		return 0o644
	}
	var mode uint16
	if dir {
		if e.Perm&(PermEnter|PermList) != 0 {
			mode = 0o555
		}
		if e.Perm&(PermCreate|PermMkdir|PermPurge) != 0 {
			mode |= 0o200
		}
		return mode
	}
	if e.Perm&PermRead != 0 {
		mode = 0o444
	}
	if e.Perm&(PermAppend|PermWrite) != 0 {
		mode |= 0o200
	}
	return mode
}
