package listing

import "bytes"

// The lines of OpenVMS, under "Directory DISK:[PATH]" and over "Total of n files":
//
//	README.TXT;1       2/3      30-DEC-1996 17:44:05 [SYSTEM]  (RWED,RWED,RE,)
//	CORE.DIR;1           1       8-SEP-1996 16:09    [GRP,USR] (RWE,RWE,RE,RE)
//	A_NAME_THAT_FILLS_ITS_COLUMN.TXT;12
//	                   213      29-JAN-1996 03:33    [USR]     (RWED,,,)
//	SECRET.DIR;1       insufficient privilege or object protection violation
//
// Sizes are blocks of 512 octets, used and perhaps allocated. The protection is
// that of system, owner, group and world.

const vmsBlock = 512

func isVMSHeading(line []byte) bool {
	return bytes.HasPrefix(line, []byte("Directory ")) && bytes.ContainsAny(line, "[<") && bytes.IndexByte(line, ':') > 0
}

func (p *Parser) vms(line []byte) (e Entry, ok bool) {
	var room [maxColumns]span
	cols := columns(line, 0, room[:0])
	if len(cols) == 0 {
		return Entry{}, false
	}
	name := cols[0].of(line)
	if isBlank(line[0]) {
		if name = p.pending; name == nil {
			return Entry{}, false
		}
	} else {
		if cols = cols[1:]; !isVersioned(name) {
			p.pending = nil
			return Entry{}, false
		}
		if len(cols) == 0 {
			p.pending = append([]byte{}, name...)
			return Entry{}, false
		}
	}
	p.pending = nil
	e.Name = name
	vmsColumns(&e, line, cols)
	if e.Modify.IsZero() && p.family != FamilyVMS {
		return Entry{}, false // a foreign line with a semicolon
	}
	if at := bytes.LastIndexByte(name, ';') - len(".DIR"); at > 0 && bytes.EqualFold(name[at:at+4], []byte(".DIR")) {
		e.Kind, e.Name, e.HasSize = Dir, name[:at], false // as CWD takes it
	}
	if e.HasPerm {
		e.Perm = vmsPerm(e.Kind == Dir, e.Perm)
	}
	return e, true
}

// isVersioned takes "NAME.TYPE;version".
func isVersioned(word []byte) bool {
	at := bytes.LastIndexByte(word, ';')
	if at < 1 {
		return false
	}
	_, ok := number(word[at+1:])
	return ok
}

// vmsColumns reads what stands behind the name, in whatever order it comes.
func vmsColumns(e *Entry, line []byte, cols []span) {
	for i, col := range cols {
		word := col.of(line)
		switch {
		case word[0] == '[':
			vmsOwner(e, upTo(line[col.from:], ']'))
		case word[0] == '(':
			e.Perm, e.HasPerm = vmsProtection(upTo(line[col.from:], ')'))
		case !e.HasSize && e.Modify.IsZero() && isDigit(word[0]) && vmsSize(e, word):
		case e.Modify.IsZero():
			d, ok := dayMonthYear(word)
			if !ok {
				continue
			}
			e.Modify = d
			if i+1 < len(cols) {
				if time, ok := clock(cols[i+1].of(line)); ok {
					e.Modify = d.at(time)
				}
			}
		}
	}
}

func vmsSize(e *Entry, word []byte) bool {
	used, _, _ := bytes.Cut(word, []byte("/"))
	blocks, ok := number(used)
	if ok && blocks < 1<<50 {
		e.Size, e.HasSize = blocks*vmsBlock, true
	}
	return ok
}

// upTo is what stands between the first byte and end; blanks may be among it.
func upTo(text []byte, end byte) []byte {
	at := bytes.IndexByte(text, end)
	if at < 0 {
		return nil
	}
	return text[1:at]
}

// vmsOwner reads "OWNER" or "GROUP,OWNER".
func vmsOwner(e *Entry, word []byte) {
	if group, owner, both := bytes.Cut(word, []byte(",")); both {
		e.GroupName, e.OwnerName = bytes.TrimSpace(group), bytes.TrimSpace(owner)
	} else {
		e.OwnerName = word
	}
}

// vmsProtection unites the classes of "RWED,RWED,RE," but the system's, which
// no FTP user belongs to.
func vmsProtection(word []byte) (p Perm, ok bool) {
	_, word, ok = bytes.Cut(word, []byte(","))
	for _, c := range word {
		switch c {
		case 'R':
			p |= PermRead
		case 'W':
			p |= PermWrite
		case 'E':
			p |= PermEnter
		case 'D':
			p |= PermDelete
		}
	}
	return p, ok
}

// vmsPerm says what read, write, execute and delete mean for the entry.
func vmsPerm(dir bool, raw Perm) (p Perm) {
	p = raw & PermDelete
	write, read := raw&PermWrite != 0, raw&PermRead != 0
	switch {
	case dir && write:
		p |= PermCreate | PermMkdir | PermPurge
	case write:
		p |= PermAppend | PermWrite
	}
	switch {
	case dir && read:
		p |= PermEnter | PermList
	case dir:
		p |= raw & PermEnter
	case read:
		p |= PermRead
	}
	if raw&PermDelete != 0 {
		p |= PermRename
	}
	return p
}
