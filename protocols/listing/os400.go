package listing

import "bytes"

// The lines of IBM i under LISTFMT 0: owner (10 wide), size (10, to the right),
// date, time, type (10), name. Size, date and time may be missing, as they are
// for members; the owner is blank for anonymous users.
//
//	BAILEYSE     5263360 06/11/97 12:27:39 *FILE      BPTFSAVF
//	QSYS           77824 23.02.00 15:09:55 *DIR       QOpenSys/
//	QPGMR                                  *MEM       SOURCE.FILE/MAIN.MBR

// typeWidth is that of the type and the blank behind it.
const typeWidth = 11

func os400(line []byte) (e Entry, ok bool) {
	var room [6]span
	cols := columns(line, 0, room[:0])
	at := 0
	for at < len(cols) && line[cols[at].from] != '*' {
		at++
	}
	if at == len(cols) || at > 4 || !isObjectType(cols[at].of(line)) {
		return Entry{}, false
	}
	kind := cols[at].of(line)
	member := string(kind) == "*MEM"
	e.Name = bytes.TrimRight(padded(line, cols[at].from, typeWidth, cols[at].to), " ")
	before := cols[:at]
	if len(before) >= 2 {
		d, okD := numericDate(before[len(before)-2].of(line))
		time, okT := clock(before[len(before)-1].of(line))
		if !okD || !okT {
			return Entry{}, false
		}
		e.Modify, before = d.at(time), before[:len(before)-2]
	} else if !member {
		return Entry{}, false
	}
	if n := len(before); n == 2 || n == 1 && isBlank(line[0]) {
		e.Size, e.HasSize = number(before[n-1].of(line))
		before = before[:n-1]
	}
	if len(before) > 0 {
		e.OwnerName = before[0].of(line)
	}
	e.Kind, e.Name = objectKind(kind, e.Name)
	return e, len(e.Name) > 0
}

func isObjectType(word []byte) bool {
	for _, c := range word[1:] {
		if (c < 'A' || c > 'Z') && !isDigit(c) {
			return false
		}
	}
	return len(word) > 2 && len(word) < typeWidth
}

// objectKind says what can be entered, and the name to enter it by. A physical
// file holds members: under NAMEFMT 1, where it is called NAME.FILE, it is a
// directory of them. A member shows its file's name, though it is listed there.
func objectKind(kind, name []byte) (Kind, []byte) {
	switch string(kind) {
	case "*DIR", "*DDIR", "*FLR", "*LIB":
		return Dir, bytes.TrimSuffix(name, []byte("/"))
	case "*FILE":
		if bytes.HasSuffix(name, []byte(".FILE")) {
			return Dir, name
		}
	case "*MEM":
		return File, name[bytes.LastIndexByte(name, '/')+1:]
	}
	return File, name
}
