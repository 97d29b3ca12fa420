package logfile

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/rs/zerolog"
)

// Format renders one zerolog event, given as its JSON and the time at which it happened, as a line that
// is appended to b.
type Format interface {
	Append(b, line []byte, at time.Time) []byte
}

// stamp is the date of the line formats, in local time: 2006-01-02 15:04:05,000.
func stamp(b []byte, at time.Time) []byte {
	return at.AppendFormat(b, "2006-01-02 15:04:05,000")
}

// SystemFormat is the format of SystemLog and ServerLog:
//
//	YYYY-MM-DD hh:mm:ss,mmm host sluice[pid] server (name[ip]): message key=value…
//
// The server is left out where none is concerned, the parenthesis outside a session. A client without a
// looked-up name shows its address in both places. The other fields leave parts out of every line
// (LogOptions).
type SystemFormat struct {
	Host string // this machine's name; empty: it is left out
	PID  int

	NoTime   bool
	NoServer bool
}

// Append renders an event.
func (f SystemFormat) Append(b, line []byte, at time.Time) []byte {
	var e event
	e.parse(line)
	if !f.NoTime {
		b = append(stamp(b, at), ' ')
	}
	if f.Host != "" {
		b = append(appendPrintable(b, f.Host), ' ')
	}
	b = append(b, "sluice["...)
	b = strconv.AppendInt(b, int64(f.PID), 10)
	b = append(b, ']')
	if len(e.server) > 0 && !f.NoServer {
		b = appendPrintable(append(b, ' '), e.server)
	}
	if len(e.client) > 0 {
		name := e.clientName
		if len(name) == 0 {
			name = e.client
		}
		b = appendPrintable(append(b, " ("...), name)
		b = appendPrintable(append(b, '['), e.client)
		b = append(b, "])"...)
	}
	b = append(b, ": "...)
	return e.appendMessage(b)
}

// ProxyFormat is the format of ProxyLog:
//
//	YYYY-MM-DD hh:mm:ss,mmm mod_proxy/VERSION[pid]: message key=value…
//
// The name before the slash is the one that operators' filters look for.
type ProxyFormat struct {
	Version string
	PID     int
}

// Append renders an event. The server and the client follow the message like any other field, since
// this format has no place for them.
func (f ProxyFormat) Append(b, line []byte, at time.Time) []byte {
	var e event
	e.parse(line)
	b = append(stamp(b, at), " mod_proxy/"...)
	b = appendPrintable(b, f.Version)
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(f.PID), 10)
	b = append(b, "]: "...)
	e.demote()
	return e.appendMessage(b)
}

// JSONFormat passes events on as zerolog encodes them, one object a line, with the time put in front.
type JSONFormat struct{}

// Append renders an event.
func (JSONFormat) Append(b, line []byte, at time.Time) []byte {
	line = bytes.TrimSpace(line)
	if len(line) < 2 || line[0] != '{' {
		b = append(b, `{"time":"`...)
		b = at.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
		b = append(b, `","message":`...)
		text, _ := json.Marshal(string(line)) // a string always has an encoding
		return append(append(b, text...), "}\n"...)
	}
	b = append(b, `{"time":"`...)
	b = at.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, '"')
	if line[1] != '}' {
		b = append(b, ',')
	}
	b = append(b, line[1:]...)
	return append(b, '\n')
}

// ConsoleFormat is for people at a terminal: time, level, message, fields; in colour where asked.
type ConsoleFormat struct {
	Color bool
}

// Append renders an event.
func (f ConsoleFormat) Append(b, line []byte, at time.Time) []byte {
	var e event
	e.parse(line)
	b = append(at.AppendFormat(b, "15:04:05.000"), ' ')
	mark, color := levelMark(string(e.level))
	if f.Color {
		b = append(b, color...)
		b = append(b, mark...)
		b = append(b, "\x1b[0m"...)
	} else {
		b = append(b, mark...)
	}
	b = append(b, ' ')
	e.level = nil
	e.demote()
	return e.appendMessage(b)
}

// levelMark is a level in five columns and its colour.
func levelMark(level string) (mark, color string) {
	switch level {
	case zerolog.LevelTraceValue, zerolog.LevelDebugValue:
		return "debug", "\x1b[2m"
	case zerolog.LevelWarnValue:
		return "WARN ", "\x1b[33m"
	case zerolog.LevelErrorValue, zerolog.LevelFatalValue, zerolog.LevelPanicValue:
		return "ERROR", "\x1b[31m"
	default:
		return "info ", "\x1b[36m"
	}
}
