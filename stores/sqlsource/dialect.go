package sqlsource

import (
	"fmt"
	"strconv"
	"strings"
)

// Dialect is a kind of database, and how its statements are written.
type Dialect uint8

// The kinds of SQLBackend.
const (
	SQLite Dialect = iota + 1
	Postgres
	MySQL
)

func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "sqlite3"
	case Postgres:
		return "postgres"
	case MySQL:
		return "mysql"
	default:
		return "dialect " + strconv.Itoa(int(d))
	}
}

// ParseDialect reads the argument of SQLBackend.
func ParseDialect(name string) (Dialect, error) {
	switch strings.ToLower(name) {
	case "sqlite3", "sqlite":
		return SQLite, nil
	case "postgres":
		return Postgres, nil
	case "mysql":
		return MySQL, nil
	case "odbc":
		return 0, fmt.Errorf("SQLBackend odbc needs the system's driver manager, which is not part of this gateway: use sqlite3, postgres or mysql")
	default:
		return 0, fmt.Errorf("unknown SQLBackend %q: expected sqlite3, postgres or mysql", name)
	}
}

// placeholder is how the n-th parameter, from 1, is written.
func (d Dialect) placeholder(n int) string {
	if d == Postgres {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// token is what a stretch of a statement is.
type token uint8

const (
	plain   token = iota // a word, a number, one other character
	blank                // white space
	comment              // up to the end of the line, or bracketed
	name                 // a quoted identifier
	literal              // a quoted string
	dollar               // PostgreSQL's $tag$…$tag$
)

// span finds what begins at a byte of a statement and where it ends.
func (d Dialect) span(in string, at int) (t token, end int, err error) {
	rest := in[at:]
	n := 1
	switch c := rest[0]; {
	case isBlank(c):
		t = blank
	case d.lineComment(rest):
		t = comment
		if n = strings.IndexByte(rest, '\n') + 1; n == 0 {
			n = len(rest)
		}
	case strings.HasPrefix(rest, "/*"):
		t = comment
		n, err = bracketedComment(rest, d == Postgres)
	case d.stringQuote(c):
		t = literal
		n, err = quoted(rest, c, d == MySQL || d == Postgres && literalPrefix(in, at) == "E")
	case d.nameQuote(c):
		t = name
		n, err = quoted(rest, closing(c), false)
	case c == '$' && d == Postgres && (at == 0 || !isWord(in[at-1])):
		t, n, err = dollarQuoted(rest)
	case isWord(c):
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
	}
	return t, at + n, err
}

func (d Dialect) stringQuote(c byte) bool { return c == '\'' || c == '"' && d == MySQL }

func (d Dialect) nameQuote(c byte) bool {
	return c == '"' || c == '`' && d != Postgres || c == '[' && d == SQLite
}

func closing(c byte) byte {
	if c == '[' {
		return ']'
	}
	return c
}

func errUnclosed(end string) error { return fmt.Errorf("the closing %s is missing", end) }

// lineComment tells whether the rest of the line is a comment. MySQL wants a
// blank after "--", so that 5--1 is six.
func (d Dialect) lineComment(rest string) bool {
	if rest[0] == '#' && d == MySQL {
		return true
	}
	return strings.HasPrefix(rest, "--") && (d != MySQL || len(rest) == 2 || rest[2] <= ' ')
}

// bracketedComment measures a comment; PostgreSQL's may be nested.
func bracketedComment(rest string, nested bool) (int, error) {
	depth := 1
	for i := 2; i < len(rest)-1; i++ {
		switch rest[i : i+2] {
		case "*/":
			if depth--; depth == 0 || !nested {
				return i + 2, nil
			}
			i++
		case "/*":
			depth++
			i++
		}
	}
	return 0, errUnclosed("*/")
}

// quoted measures what stands between quotes. A doubled quote belongs to it,
// and with escapes whatever follows a backslash.
func quoted(rest string, quote byte, escapes bool) (int, error) {
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && escapes:
			i++
		case rest[i] != quote:
		case i+1 < len(rest) && rest[i+1] == quote:
			i++
		default:
			return i + 1, nil
		}
	}
	return 0, errUnclosed(string(quote))
}

// dollarQuoted measures $tag$…$tag$, or else a word that begins with "$".
func dollarQuoted(rest string) (token, int, error) {
	tag := dollarTag(rest)
	if tag == "" {
		n := 1
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		return plain, n, nil
	}
	i := strings.Index(rest[len(tag):], tag)
	if i < 0 {
		return dollar, 0, errUnclosed(tag)
	}
	return dollar, i + 2*len(tag), nil
}

// dollarTag is the "$tag$" that a text begins with, or nothing.
func dollarTag(rest string) string {
	i := 1
	for i < len(rest) && isWord(rest[i]) && rest[i] != '$' && (i > 1 || !isDigit(rest[i])) {
		i++
	}
	if i < len(rest) && rest[i] == '$' {
		return rest[:i+1]
	}
	return ""
}

// literalPrefix is what changes the meaning of the literal that begins at a
// byte: "E", "N", "B", "X", "U&", or MySQL's "_charset"; in upper case.
func literalPrefix(in string, at int) string {
	start := at
	for start > 0 && isWord(in[start-1]) {
		start--
	}
	word := strings.ToUpper(in[start:at])
	switch {
	case word == "E", word == "N", word == "B", word == "X", strings.HasPrefix(word, "_"):
		return word
	case at >= 2 && in[at-1] == '&' && (in[at-2] == 'U' || in[at-2] == 'u') && (at == 2 || !isWord(in[at-3])):
		return "U&"
	default:
		return ""
	}
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord tells whether a byte may stand in a name that is not quoted.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c == '$' || c >= 0x80
}
