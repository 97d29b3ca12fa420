package sqlsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a statement.
const (
	maxStatement = 64 << 10
	maxParams    = 100
)

// Statement is one SQL statement with its parameters. Its text never changes.
type Statement struct {
	text   string
	params [][]piece // each is one bound value
	reads  bool      // it changes nothing, and may be asked again when a connection broke
}

// Parse reads a statement as an administrator writes it, with variables in
// it. What a client sends can only ever become a bound value of it.
func Parse(d Dialect, text string) (*Statement, error) {
	if len(text) > maxStatement {
		return nil, fmt.Errorf("the statement has %d bytes: at most %d are read", len(text), maxStatement)
	}
	s := scanner{dialect: d, in: text}
	for s.at < len(text) {
		if err := s.next(); err != nil {
			return nil, fmt.Errorf("at character %d of %q: %w", s.at+1, excerpt(text, s.at), err)
		}
	}
	if len(s.words) == 0 {
		return nil, errors.New("there is no statement in it")
	}
	return &Statement{text: strings.TrimSpace(string(s.out)), params: s.params, reads: onlyReads(s.words)}, nil
}

// excerpt is what surrounds a byte of a statement, for errors.
func excerpt(text string, at int) string {
	return text[max(at-20, 0):min(at+20, len(text))]
}

// Text is what the database is given to execute.
func (s *Statement) Text() string { return s.text }

// Reads tells whether the statement only reads.
func (s *Statement) Reads() bool { return s.reads }

// args is how many of %{0}, %{1} … the statement wants.
func (s *Statement) args() int {
	n := 0
	for _, pieces := range s.params {
		for _, p := range pieces {
			if p.of == ofArg {
				n = max(n, p.arg+1)
			}
		}
	}
	return n
}

// bind gives the parameters of one look-up: each a string, or nil for NULL.
// A parameter with an absent part is NULL, as in SQL's own concatenation.
func (s *Statement) bind(v Values) []any {
	bound := make([]any, len(s.params))
	for i, pieces := range s.params {
		if value, ok := join(pieces, v); ok {
			bound[i] = value
		}
	}
	return bound
}

func join(pieces []piece, v Values) (string, bool) {
	var b strings.Builder
	for _, p := range pieces {
		value, ok := p.in(v)
		if !ok {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// scanner turns a text into a statement, token by token.
type scanner struct {
	dialect Dialect
	in      string
	at      int
	out     []byte
	params  [][]piece
	words   []string // the first word, and those that write; upper case
	last    token    // the last that was not blank or comment
	bound   bool     // that last one became a parameter
	ended   bool     // a semicolon was met
}

func (s *scanner) next() error {
	t, end, err := s.dialect.span(s.in, s.at)
	if err != nil {
		return err
	}
	raw := s.in[s.at:end]
	if s.ended && t != blank && t != comment && raw != ";" {
		return errors.New("a second statement follows the semicolon: only one is executed")
	}
	bound := false
	switch t {
	case blank:
		s.out = append(s.out, raw...)
	case comment, name:
		err = s.opaque(t, raw)
	case literal, dollar:
		bound, err = s.literal(t, raw)
	default:
		return s.plain(raw)
	}
	if err != nil {
		return err
	}
	if t != blank && t != comment {
		s.last, s.bound = t, bound
	}
	s.at = end
	return nil
}

// opaque copies what may hold no variable.
func (s *scanner) opaque(t token, raw string) error {
	pieces, err := split(raw)
	if err != nil {
		return err
	}
	if !still(pieces) {
		if t == comment {
			return errors.New("a variable in a comment would have no effect: take it out")
		}
		return errors.New("a variable may stand for a value only, not in the name of a table or column: values are quoted with '…'")
	}
	s.out = append(s.out, only(pieces)...)
	return nil
}

// literal copies a quoted string, or makes it one parameter if it has
// variables inside.
func (s *scanner) literal(t token, raw string) (bound bool, err error) {
	beside := s.last == literal || s.last == dollar
	open, escapes := raw[:1], s.dialect == MySQL
	prefix := ""
	if t == dollar {
		open = dollarTag(raw)
	} else {
		prefix = literalPrefix(s.in, s.at)
		escapes = escapes || s.dialect == Postgres && prefix == "E"
	}
	pieces, err := split(raw[len(open) : len(raw)-len(open)])
	if err != nil {
		return false, err
	}
	if still(pieces) {
		if beside && s.bound {
			return false, errBeside
		}
		s.out = append(append(append(s.out, open...), only(pieces)...), open...)
		return false, nil
	}
	if beside {
		return false, errBeside
	}
	switch {
	case prefix == "":
	case prefix == "E" && s.dialect == Postgres, prefix == "N" && s.dialect != SQLite:
		s.out = s.out[:len(s.out)-1] // the value is bound as it is meant
	default:
		return false, fmt.Errorf("a variable may not stand in a literal that begins with %s", prefix)
	}
	if t == literal {
		if err := decode(pieces, open, escapes, s.dialect); err != nil {
			return false, err
		}
	}
	return true, s.bindHere(pieces, len(raw))
}

var errBeside = errors.New("a literal with a variable stands beside another literal: make them one")

// bindHere puts a placeholder where length bytes of the text stand.
func (s *scanner) bindHere(pieces []piece, length int) error {
	if len(s.params) == maxParams {
		return fmt.Errorf("the statement has more than %d variables", maxParams)
	}
	s.params = append(s.params, pieces)
	if n := len(s.out); n > 0 && isWord(s.out[n-1]) {
		s.out = append(s.out, ' ')
	}
	s.out = append(s.out, s.dialect.placeholder(len(s.params))...)
	if next := s.at + length; next < len(s.in) && isWord(s.in[next]) {
		s.out = append(s.out, ' ')
	}
	return nil
}

// plain copies a word or a character, and finds the variables that stand for
// themselves.
func (s *scanner) plain(raw string) error {
	c := raw[0]
	switch {
	case c == '%':
		return s.percent()
	case c == ';':
		s.ended = true
		s.at++
		return nil
	case c == 0:
		return errors.New("NUL cannot stand in a statement")
	case s.foreign(raw):
		return fmt.Errorf("%s would be a parameter of its own: write %%{0} or %%{env:NAME}", clip(raw))
	case isWord(c):
		s.word(strings.ToUpper(raw))
	}
	s.out = append(s.out, raw...)
	s.at += len(raw)
	s.last, s.bound = plain, false
	return nil
}

// foreign tells whether the database would take a text for a parameter that
// was not made here.
func (s *scanner) foreign(raw string) bool {
	c := raw[0]
	next := s.at + 1
	named := next < len(s.in) && isWord(s.in[next])
	switch s.dialect {
	case Postgres:
		return c == '$' && len(raw) > 1 && isDigit(raw[1])
	case SQLite:
		return c == '?' || c == '$' || (c == ':' || c == '@') && named
	default:
		return c == '?'
	}
}

// percent handles "%" outside of quotes: a variable, or modulo.
func (s *scanner) percent() error {
	p, n, err := parsePercent(s.in[s.at:])
	if err != nil {
		return err
	}
	if p.of == ofText {
		s.out = append(s.out, '%')
		s.at += n
		s.last, s.bound = plain, false
		return nil
	}
	before, after := byte(' '), byte(' ')
	if s.at > 0 {
		before = s.in[s.at-1]
	}
	if s.at+n < len(s.in) {
		after = s.in[s.at+n]
	}
	if !separate(before) || !separate(after) || after == '(' || after == '%' || before == '}' {
		return errors.New("a variable may stand for a whole value only: it cannot be part of a name, and what belongs together goes between quotes")
	}
	if err := s.bindHere([]piece{p}, n); err != nil {
		return err
	}
	s.at += n
	s.last, s.bound = plain, true
	return nil
}

// separate tells whether a byte beside a variable keeps it apart.
func separate(c byte) bool {
	return !isWord(c) && !strings.ContainsRune(".\"'`@", rune(c))
}

// writers are the words that make WITH … change something.
var writers = []string{"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"}

func (s *scanner) word(w string) {
	if len(s.words) == 0 || slices.Contains(writers, w) && len(s.words) < 2 {
		s.words = append(s.words, w)
	}
}

// onlyReads judges a statement by its first word.
func onlyReads(words []string) bool {
	switch words[0] {
	case "SELECT", "VALUES", "TABLE", "SHOW":
		return true
	case "WITH":
		return len(words) == 1
	default:
		return false
	}
}

// decode turns the texts of a literal into what they mean.
func decode(pieces []piece, quote string, escapes bool, d Dialect) error {
	for i := range pieces {
		if pieces[i].of != ofText {
			continue
		}
		text, err := unescape(pieces[i].text, quote, escapes, d)
		if err != nil {
			return err
		}
		pieces[i].text = text
	}
	return nil
}

func unescape(s, quote string, escapes bool, d Dialect) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == quote[0]:
			i++ // quotes inside stand twice
			b.WriteByte(quote[0])
		case s[i] == '\\' && escapes:
			if i++; i == len(s) {
				return "", errors.New("a backslash may not stand before a variable")
			}
			meaning, ok := d.escape(s[i])
			if !ok {
				return "", fmt.Errorf("the escape \\%c is not understood in a literal with variables", s[i])
			}
			b.WriteString(meaning)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// escape is what a backslash and a byte mean: in MySQL's literals, and in
// PostgreSQL's E'…', of which numeric ones are left out.
func (d Dialect) escape(c byte) (string, bool) {
	switch c {
	case 'b':
		return "\b", true
	case 'n':
		return "\n", true
	case 'r':
		return "\r", true
	case 't':
		return "\t", true
	}
	if d == Postgres {
		return string([]byte{c}), c != 'f' && c != 'u' && c != 'U' && c != 'x' && !isDigit(c)
	}
	switch c {
	case '0':
		return "\x00", true
	case 'Z':
		return "\x1a", true
	case '%', '_':
		return "\\" + string([]byte{c}), true // kept for LIKE, as MySQL keeps it
	default:
		return string([]byte{c}), true
	}
}
