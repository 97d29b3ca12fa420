package listing

import "bytes"

// The lines of NonStop's Guardian: name, perhaps O for open, code, octets, date,
// owner's group and number, and who may read, write, execute and purge. That last
// is said of classes of users, so nothing follows from it for the client.
//
//	File         Code             EOF  Last Modification    Owner  RWEP
//	EMSACSTM      101             146  18-Sep-00 09:03:37 170,175 "nunu"
//	TACLCSTM   O  101             101  4-Mar-01  23:50:06 255, 10 "oooo"

func isGuardianHeading(line []byte) bool {
	return bytes.HasPrefix(line, []byte("File ")) && bytes.Contains(line, []byte(" EOF ")) && bytes.HasSuffix(bytes.TrimRight(line, " "), []byte("RWEP"))
}

func guardian(line []byte) (e Entry, ok bool) {
	var room [10]span
	cols := columns(line, 0, room[:0])
	if len(cols) < 5 || isGuardianHeading(line) || !isQualifier(cols[0].of(line)) {
		return Entry{}, false
	}
	e.Name = cols[0].of(line)
	if cols = cols[1:]; string(cols[0].of(line)) == "O" {
		cols = cols[1:]
	}
	if len(cols) < 4 {
		return Entry{}, false
	}
	e.Size, e.HasSize = number(cols[1].of(line))
	d, okD := dayMonthYear(cols[2].of(line))
	time, okT := clock(cols[3].of(line))
	if !e.HasSize || !okD || !okT {
		return Entry{}, false
	}
	e.Modify = d.at(time)
	if len(cols) > 4 {
		group, _, both := bytes.Cut(line[cols[4].from:], []byte(","))
		if _, numeric := number(group); both && numeric {
			owner := line[cols[4].from+len(group)+1:]
			owner = owner[skipBlanks(owner, 0):]
			e.Group, e.Owner = group, owner[:wordEnd(owner, 0)]
		}
	}
	return e, true
}
