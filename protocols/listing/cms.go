package listing

// The lines of CMS under z/VM: name, type, format of the records, their length,
// how many there are, blocks, date, time, the disk's label or owner. The name by
// which FTP knows a file has a dot between name and type.
//
//	ENDTRACE TCPIP    F        80          1          1 1999-07-28 12:24:01 TCM191
//	PROFILE  EXEC     V        56         33          1  7/28/99   12:24:01 TCM191
//	PROJECTS DIR      -         -          -          - 1999-07-28 12:24:01 -

func cms(line []byte) (e Entry, ok bool) {
	var room [9]span
	cols := columns(line, 0, room[:0])
	if len(cols) < 8 || len(cols[2].of(line)) != 1 || isBlank(line[0]) {
		return Entry{}, false
	}
	d, okD := numericDate(cols[6].of(line))
	time, okT := clock(cols[7].of(line))
	if !okD || !okT {
		return Entry{}, false
	}
	e.Modify = d.at(time)
	name, kind := cols[0].of(line), cols[1].of(line)
	length, fixed := number(cols[3].of(line))
	count, counted := number(cols[4].of(line))
	switch format := line[cols[2].from]; {
	case format == '-' && string(kind) == "DIR":
		e.Kind, e.Name = Dir, name
		return e, true
	case format == 'F' && fixed && counted && length < 1<<20 && count < 1<<40:
		e.Size, e.HasSize = length*count, true
	case format != 'V' && format != 'F' || !fixed || !counted:
		return Entry{}, false
	}
	if len(name) > 8 || len(kind) > 8 {
		return Entry{}, false
	}
	e.Name = make([]byte, 0, len("nnnnnnnn.tttttttt"))
	e.Name = append(append(append(e.Name, name...), '.'), kind...)
	return e, true
}
