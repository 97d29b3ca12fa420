package logfile

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Field names with a place of their own in the line formats; all others follow as key=value.
const (
	FieldLevel      = "level"
	FieldTime       = "time" // the Queue's own clock dates lines: loggers need no Timestamp
	FieldMessage    = "message"
	FieldServer     = "server"      // the configured server's name, the "vhost" of the line
	FieldClient     = "client"      // the client's IP address
	FieldClientName = "client_name" // its DNS name, where that was looked up
)

// event is one log event as the formats see it. Its slices point into the encoded event.
type event struct {
	level, message             []byte
	server, client, clientName []byte
	rest                       []field // in the order in which they were added
	room                       [12]field
}

type field struct{ key, value []byte }

// parse takes a zerolog event apart. What is no event is kept whole as the message: a strange line in
// the log is better than none.
func (e *event) parse(line []byte) {
	*e = event{}
	e.rest = e.room[:0]
	line = bytes.TrimSpace(line)
	if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
		e.message = line
		return
	}
	for inside := line[1 : len(line)-1]; len(inside) > 0; {
		key, value, rest, ok := cutMember(inside)
		if !ok {
			*e = event{message: line}
			return
		}
		e.add(text(key), text(value))
		inside = rest
	}
}

func (e *event) add(key, value []byte) {
	switch string(key) {
	case FieldLevel:
		e.level = value
	case FieldMessage:
		e.message = value
	case FieldTime:
	case FieldServer:
		e.server = value
	case FieldClient:
		e.client = value
	case FieldClientName:
		e.clientName = value
	default:
		e.rest = append(e.rest, field{key, value})
	}
}

// demote makes ordinary fields of server and client, for formats that have no place for them.
func (e *event) demote() {
	if len(e.server) > 0 {
		e.rest = append(e.rest, field{[]byte(FieldServer), e.server})
	}
	if len(e.client) > 0 {
		e.rest = append(e.rest, field{[]byte(FieldClient), e.client})
	}
	if len(e.clientName) > 0 {
		e.rest = append(e.rest, field{[]byte(FieldClientName), e.clientName})
	}
}

// appendMessage appends the message and the fields that no format has a place for. The level is named
// where it is not the usual one.
func (e *event) appendMessage(b []byte) []byte {
	b = appendPrintable(b, e.message)
	if len(e.level) > 0 && string(e.level) != "info" {
		b = append(b, " level="...)
		b = appendValue(b, e.level)
	}
	for _, f := range e.rest {
		b = appendPrintable(append(b, ' '), f.key)
		b = appendValue(append(b, '='), f.value)
	}
	return append(b, '\n')
}

// appendValue appends a field's value, in quotes where a reader could not tell its end otherwise.
func appendValue(b, value []byte) []byte {
	if len(value) == 0 || bytes.ContainsFunc(value, needsQuotes) {
		return strconv.AppendQuote(b, string(value))
	}
	return append(b, value...)
}

func needsQuotes(r rune) bool {
	return r == '"' || r == '=' || r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// appendPrintable appends s with everything escaped that could end the line, forge another one or drive
// the terminal of the one who reads it: file names and replies come from outside.
func appendPrintable[T string | []byte](b []byte, s T) []byte {
	if plain(s) {
		return append(b, s...)
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune([]byte(s[i:]))
		switch {
		case r == utf8.RuneError && size == 1:
			b = fmt.Appendf(b, `\x%02x`, s[i])
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case !unicode.IsPrint(r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}

// plain says that s is printable ASCII, as nearly everything in a log is.
func plain[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
