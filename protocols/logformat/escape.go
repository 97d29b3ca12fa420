package logformat

import (
	"strings"
	"unicode/utf8"
)

// hidden stands for an argument that may be a password.
const hidden = "(hidden)"

const hex = "0123456789abcdef"

// appendText appends a value from outside as it may stand in a line. Bytes that are no UTF-8 stay: names
// of files have the encoding of the one who made them.
func appendText(b []byte, s string, quoted bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if !breaksLine(r, size) {
				i += size
				continue
			}
		} else if c >= ' ' && c != 0x7f && !(quoted && (c == '"' || c == '\\')) {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		for _, c := range []byte(s[i : i+size]) {
			b = appendEscape(b, c)
		}
		i += size
		from = i
	}
	return append(b, s[from:]...)
}

// breaksLine tells the control and separator characters beyond ASCII: C1, U+2028 and U+2029, and those
// that turn the direction of writing around.
func breaksLine(r rune, size int) bool {
	switch {
	case r == utf8.RuneError:
		return false
	case size == 2 && r <= 0x9f, r == 0x2028, r == 0x2029, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case '"', '\\':
		return append(b, '\\', c)
	}
	return append(b, '\\', 'x', hex[c>>4], hex[c&15])
}

// shortest is the length from which on a secret is looked for in replies: a password of one letter would
// tear every text apart, and is none.
const shortest = 4

// cutSecret cuts a text at the first place where it repeats a secret.
func cutSecret(text, secret string) (before, after string, found bool) {
	if len(secret) < shortest {
		return text, "", false
	}
	return strings.Cut(text, secret)
}
