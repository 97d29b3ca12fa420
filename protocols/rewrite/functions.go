package rewrite

import (
	"errors"
	"strings"

	"golang.org/x/net/idna"
)

// Functions lists what may stand behind "int:" in a RewriteMap.
func Functions() []string {
	return []string{"idnatrans", replaceAllName, "tolower", "toupper", "unescape", "utf8trans"}
}

const replaceAllName = "replaceall"

// functions are those with one text as their argument; false means that they
// can make nothing of it, and the default counts.
var functions = map[string]func(string) (string, bool){
	"tolower":   func(s string) (string, bool) { return shift(s, 'A', 'Z'), true },
	"toupper":   func(s string) (string, bool) { return shift(s, 'a', 'z'), true },
	"unescape":  unescape,
	"utf8trans": toLatin1,
	"idnatrans": toASCII,
}

// shift changes the case of the letters from low to high. Other bytes stay, for
// nobody knows the encoding of a name.
func shift(s string, low, high byte) string {
	i := strings.IndexFunc(s, func(r rune) bool { return rune(low) <= r && r <= rune(high) })
	if i < 0 {
		return s
	}
	b := []byte(s)
	for ; i < len(b); i++ {
		if low <= b[i] && b[i] <= high {
			b[i] ^= 0x20
		}
	}
	return string(b)
}

// unescape undoes the %XX of URLs. A "/" or NUL must not come to light that way,
// as in the peer: it would make one name of a path another.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if !hexDigit(s, i+1) || !hexDigit(s, i+2) {
			return "", false
		}
		c := unhex(s[i+1])<<4 | unhex(s[i+2])
		if c == 0 || c == '/' {
			return "", false
		}
		b = append(b, c)
		i += 2
	}
	return string(b), true
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// toLatin1 turns UTF-8 into ISO 8859-1. Text with other characters in it, or in
// another encoding, is none of its business.
func toLatin1(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for _, r := range s { // what is no UTF-8 comes as U+FFFD
		if r > 0xff {
			return "", false
		}
		b = append(b, byte(r))
	}
	return string(b), true
}

// asciiNames is RFC 3490, which maps ß to ss; names need not be those of hosts.
var asciiNames = idna.New(idna.MapForLookup(), idna.Transitional(true), idna.StrictDomainName(false), idna.VerifyDNSLength(false))

// maxName bounds what may be a domain name: 253 bytes in ASCII, and each of them
// up to 4 bytes before. The algorithm takes the square of the length.
const maxName = 4 * 253

// toASCII turns the labels of a domain name into their ASCII form (xn--…).
func toASCII(s string) (string, bool) {
	if s == "" || len(s) > maxName {
		return "", false
	}
	out, err := asciiNames.ToASCII(s)
	return out, err == nil && out != ""
}

// errNothing: there is nothing to replace, or more than may be replaced.
var errNothing = errors.New("nothing to replace")

// cutKey cuts "/text/old/new" at its first byte.
func cutKey(key string) (fields [3]string, ok bool) {
	if key == "" {
		return fields, false
	}
	cut := strings.SplitN(key[1:], key[:1], 3)
	return [3]string(append(cut, "", "")[:3]), len(cut) == 3
}

// replaceAll replaces if old occurs at least once and at most limit times.
func replaceAll(text, old, with string, limit int) (string, error) {
	n := strings.Count(text, old)
	switch {
	case old == "", n == 0, n > limit:
		return "", errNothing
	case len(text)+n*(len(with)-len(old)) > MaxResult:
		return "", ErrTooLong
	}
	return strings.ReplaceAll(text, old, with), nil
}
