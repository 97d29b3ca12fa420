package listing

import "bytes"

// Kind is what an entry is.
type Kind uint8

// The kinds that a type fact can tell. File is also what lists without kinds mean.
const (
	File    Kind = iota
	Dir          // a directory
	Cdir         // the listed directory itself, named "."
	Pdir         // its parent, named ".."
	Symlink      // Target says where it leads, if known
	Pipe
	Socket
	CharDevice
	BlockDevice
	Door // of Solaris
)

// isDir says that the entry can be entered.
func (k Kind) isDir() bool { return k == Dir || k == Cdir || k == Pdir }

// Entry is one line of a directory list. Its slices point into the line.
type Entry struct {
	Kind    Kind
	Name    []byte // never empty; no CR, LF, NUL or "/"
	Target  []byte // of a Symlink; nil = not told
	Size    uint64 // octets, or near it where a system counts blocks
	HasSize bool
	Modify  Date // the zero Date = not told
	Perm    Perm
	HasPerm bool
	Mode    uint16 // the lower twelve bits of a Unix mode
	HasMode bool

	// Numbers and names of those it belongs to; nil = not told.
	Owner, OwnerName, Group, GroupName []byte
}

// settle brings the entry into the one form that the rest relies on, and says
// whether it may be shown.
func (e *Entry) settle() bool {
	switch {
	case e.Kind == Cdir || e.Kind == Dir && string(e.Name) == ".":
		// A server may name the listed directory by its path (RFC 3659 §7.5.1.2).
		e.Kind, e.Name = Cdir, dot
	case e.Kind == Pdir || e.Kind == Dir && string(e.Name) == "..":
		e.Kind, e.Name = Pdir, dotDot
	}
	if len(e.Target) > 0 && bytes.ContainsAny(e.Target, "\r\n\x00") {
		e.Target = nil
	}
	return e.Kind == Cdir || e.Kind == Pdir || harmless(e.Name)
}

var dot, dotDot = []byte("."), []byte("..")

// harmless says that a name can be a line's end and a client's new file: it
// breaks no line, and it leads nowhere. A backslash is a byte like others on
// Unix, but a client on Windows must not be led upwards by it.
func harmless(name []byte) bool {
	slanted := false
	for _, c := range name {
		switch c {
		case '\r', '\n', 0, '/':
			return false
		case '\\':
			slanted = true
		}
	}
	if len(name) == 0 || string(name) == "." || string(name) == ".." {
		return false
	}
	for rest, more := name, slanted; more; {
		var part []byte
		part, rest, more = bytes.Cut(rest, backslash)
		if string(part) == ".." {
			return false
		}
	}
	return true
}

var backslash = []byte(`\`)
