package listing

import "bytes"

// z/OS lists datasets, or the members of a partitioned one. The heading tells:
//
//	Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname
//	WEB306 3390   2026/01/12  1   15  FB      80  8000  PS  JCL.SAMPLE
//	WEB306 3390   **NONE**    1    1  U     6144  6144  PO  LOADS
//	Migrated                                                OLD.DATA
//	Pseudo Directory                                        PROJECTS
//
//	 Name     VV.MM   Created       Changed      Size  Init   Mod   Id
//	TBSHELF   01.03 2002/09/12 2002/10/11 09:37    11    11     0 KIL001
//	NOSTATS
//
//	 Name      Size     TTR   Alias-of AC --------- Attributes --------- Amode Rmode
//	EAGKCPT   000058   000009          00 FO             RN RU            31    ANY
//
// Referred is when a dataset was last read, and what it uses is counted in tracks
// and records: neither a modify nor a size fact comes of it.

func isDatasetHeading(line []byte) bool {
	return bytes.HasPrefix(line, []byte("Volume ")) && bytes.Contains(line, []byte("Dsname"))
}

func isMemberHeading(line []byte) bool {
	at := skipBlanks(line, 0)
	if !bytes.HasPrefix(line[at:], []byte("Name ")) {
		return false
	}
	return bytes.Contains(line, []byte(" VV.MM ")) || isLoadHeading(line)
}

func isLoadHeading(line []byte) bool { return bytes.Contains(line, []byte(" TTR ")) }

// mvsDataset takes the last word for the name: it has no blanks, and the columns
// before it may be filled with the reason for which they are empty.
func mvsDataset(line []byte) (e Entry, ok bool) {
	var room [maxColumns]span
	cols := columns(line, 0, room[:0])
	if len(cols) < 2 || isDatasetHeading(line) {
		return Entry{}, false
	}
	last := len(cols) - 1
	e.Name = cols[last].of(line)
	if !isDataset(e.Name) {
		return Entry{}, false
	}
	switch organised := cols[last-1].of(line); string(organised) {
	case "PO", "PO-E", "Directory":
		e.Kind = Dir
	}
	return e, true
}

// isDataset takes qualifiers between dots, perhaps all in quotes.
func isDataset(name []byte) bool {
	if n := len(name); n > 2 && name[0] == '\'' && name[n-1] == '\'' {
		name = name[1 : n-1]
	}
	for rest, more := name, true; more; {
		var part []byte
		if part, rest, more = bytes.Cut(rest, []byte(".")); !isQualifier(part) {
			return false
		}
	}
	return true
}

// isQualifier takes a member's name or a part of a dataset's.
func isQualifier(word []byte) bool {
	for _, c := range word {
		if (c < 'A' || c > 'Z') && !isDigit(c) && c != '@' && c != '#' && c != '$' && c != '-' && c != '{' {
			return false
		}
	}
	return len(word) >= 1 && len(word) <= 8
}

func (p *Parser) mvsMember(line []byte) (e Entry, ok bool) {
	if isMemberHeading(line) {
		p.load = isLoadHeading(line)
		return Entry{}, false
	}
	var room [6]span
	cols := columns(line, 0, room[:0])
	if len(cols) == 0 || !isQualifier(cols[0].of(line)) {
		return Entry{}, false
	}
	e.Name = cols[0].of(line)
	if p.load || len(cols) < 5 {
		return e, p.load || len(cols) == 1
	}
	changed, okD := numericDate(cols[3].of(line))
	time, okT := clock(cols[4].of(line))
	if okD && okT {
		e.Modify = changed.at(time)
	}
	return e, okD && okT
}
