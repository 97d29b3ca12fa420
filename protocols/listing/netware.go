package listing

import (
	"bytes"
	"strings"
)

// The lines of NetWare: type, rights in brackets, owner, size, date, name.
//
//	d [R----F--] supervisor            512       Jan 16 18:53    login
//	- [RWCEAFMS] rhesus             214059       Oct 20 15:27    cx.exe
//
// The rights: Supervisor, Read, Write, Create, Erase, Access control, File scan,
// Modify.

const netwareRights = "RWCEAFMS-"

func (p *Parser) netware(line []byte) (e Entry, ok bool) {
	if len(line) < 4 || line[0] != 'd' && line[0] != '-' {
		return Entry{}, false
	}
	if line[0] == 'd' {
		e.Kind = Dir
	}
	open := skipBlanks(line, 1)
	end := bytes.IndexByte(line, ']')
	if open >= len(line) || line[open] != '[' || end < open {
		return Entry{}, false
	}
	rights := line[open+1 : end]
	for _, c := range rights {
		if strings.IndexByte(netwareRights, c) < 0 {
			return Entry{}, false
		}
	}
	var room [maxColumns]span
	cols := columns(line, end+1, room[:0])
	at, end, when, ok := p.unixDate(line, cols)
	if !ok {
		return Entry{}, false
	}
	e.Modify, e.Name = when, line[skipBlanks(line, end):]
	e.Size, e.HasSize = number(cols[at-1].of(line))
	if at > 1 {
		e.Owner, e.OwnerName = numberOrName(cols[at-2].of(line))
	}
	e.Perm, e.HasPerm = netwarePerm(e.Kind == Dir, rights), true
	return e, len(e.Name) > 0
}

func netwarePerm(dir bool, rights []byte) (p Perm) {
	for _, c := range rights {
		switch {
		case c == 'S' && dir:
			p |= PermCreate | PermDelete | PermEnter | PermRename | PermList | PermMkdir | PermPurge
		case c == 'S':
			p |= PermAppend | PermDelete | PermRename | PermRead | PermWrite
		case c == 'C' && dir:
			p |= PermCreate | PermMkdir
		case c == 'E' && dir:
			p |= PermDelete | PermPurge
		case c == 'E':
			p |= PermDelete
		case c == 'F' && dir:
			p |= PermEnter | PermList
		case c == 'M':
			p |= PermRename
		case c == 'R' && !dir:
			p |= PermRead
		case c == 'W' && !dir:
			p |= PermAppend | PermWrite
		}
	}
	return p
}
