package ftp

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// escaped shows s for people: valid printable text as it is, everything else
// as a Go escape, at most limit bytes of s with "..." for the rest.
func escaped(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case r == '\\' || !strconv.IsPrint(r):
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	if cut {
		b.WriteString("...")
	}
	return b.String()
}

// verbHint is the beginning of a bad line as far as it looks like a verb, in
// upper case: enough to answer with, too little to hold an argument.
func verbHint(line []byte) string {
	n := 0
	for n < len(line) && n < MaxVerb && line[n] > ' ' && line[n] < 0x7f {
		n++
	}
	return strings.ToUpper(string(line[:n]))
}
