package listing

import "bytes"

// The lines of OS/2: size, attributes (A, H, R, S, DIR; perhaps none), date with
// the month first and perhaps years since 1900, time, name.
//
//	           0           DIR   04-11-95   16:26  ADDRESS
//	         612      RA         07-28-95   16:45  air_tra1.bag
//	       36611      A          04-23-103  10:57  later.txt

func os2(line []byte) (e Entry, ok bool) {
	var room [6]span
	cols := columns(line, 0, room[:0])
	if len(cols) < 4 {
		return Entry{}, false
	}
	if e.Size, e.HasSize = number(cols[0].of(line)); !e.HasSize {
		return Entry{}, false
	}
	at := 1
	for ; at < len(cols) && isAttribute(cols[at].of(line)); at++ {
		if string(cols[at].of(line)) == "DIR" {
			e.Kind = Dir
		}
	}
	if at+1 >= len(cols) {
		return Entry{}, false
	}
	d, okD := numericDate(cols[at].of(line))
	time, okT := clock(cols[at+1].of(line))
	if !okD || !okT {
		return Entry{}, false
	}
	e.Modify = d.at(time)
	end := cols[at+1].to
	e.Name = line[skipBlanks(line, end):]
	return e, len(e.Name) > 0 && bytes.IndexByte(e.Name, '\\') < 0
}

func isAttribute(word []byte) bool {
	if string(word) == "DIR" {
		return true
	}
	for _, c := range word {
		if c != 'A' && c != 'H' && c != 'R' && c != 'S' && c != 'D' && c != '-' {
			return false
		}
	}
	return len(word) <= 5
}
