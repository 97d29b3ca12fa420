package ftp

import (
	"strconv"
	"strings"
)

// Reply is one reply of a server, RFC 959 §4.2.
type Reply struct {
	Code int
	// Text holds the lines joined with "\n": the first and the last without
	// their "ddd-" or "ddd " prefix, those between exactly as they were sent.
	Text string
}

// NewReply builds a reply of the given lines.
func NewReply(code int, lines ...string) Reply {
	if len(lines) == 1 {
		return Reply{Code: code, Text: lines[0]}
	}
	return Reply{Code: code, Text: strings.Join(lines, "\n")}
}

// Class is the first digit of the code.
func (r Reply) Class() int { return r.Code / 100 }

// Preliminary reports 1xx: another reply follows.
func (r Reply) Preliminary() bool { return r.Class() == 1 }

// Positive reports 2xx: done.
func (r Reply) Positive() bool { return r.Class() == 2 }

// Intermediate reports 3xx: another command is wanted.
func (r Reply) Intermediate() bool { return r.Class() == 3 }

// Negative reports 4xx and above: refused.
func (r Reply) Negative() bool { return r.Code >= 400 }

// Transient reports 4xx: refused this time.
func (r Reply) Transient() bool { return r.Class() == 4 }

// Lines splits the text. There is always at least one, possibly empty.
func (r Reply) Lines() []string { return strings.Split(r.Text, "\n") }

// String shows the reply for logs: lines joined by " / ", control bytes
// escaped, length bounded.
func (r Reply) String() string {
	text := r.Text
	cut := len(text) > maxLogged
	if cut {
		text = text[:maxLogged]
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = escaped(l, maxLogged)
	}
	s := strconv.Itoa(r.Code) + " " + strings.Join(lines, " / ")
	if cut {
		s += "..."
	}
	return s
}

// Append encodes the reply to b: "ddd text" for one line, else "ddd-first",
// the middle lines, "ddd last", each with CRLF.
//
// CR and NUL inside the text are dropped, 0xFF is not doubled (see Telnet). A
// middle line that a reader would take for the last one gets a space before it.
// A code outside 100–699 is a fault of the caller and sent as 500, so that the
// stream stays readable.
func (r Reply) Append(b []byte) []byte {
	code := r.Code
	if !validCode(code) {
		code = 500
	}
	text := r.Text
	for first := true; ; first = false {
		line, rest, more := strings.Cut(text, "\n")
		switch {
		case !more:
			b = append(strconv.AppendInt(b, int64(code), 10), ' ')
			return append(appendClean(b, line), '\r', '\n')
		case first:
			b = append(strconv.AppendInt(b, int64(code), 10), '-')
			b = appendClean(b, line)
		default:
			b = appendMiddle(b, code, line)
		}
		b = append(b, '\r', '\n')
		text = rest
	}
}

func appendMiddle(b []byte, code int, line string) []byte {
	start := len(b)
	b = appendClean(b, line)
	if !endsReply(b[start:], code) {
		return b
	}
	b = append(b[:start], ' ')
	return appendClean(b, line)
}

// appendClean appends line without CR and NUL.
func appendClean(b []byte, line string) []byte {
	if !strings.ContainsAny(line, "\r\x00") {
		return append(b, line...)
	}
	for i := range len(line) {
		if c := line[i]; c != '\r' && c != 0 {
			b = append(b, c)
		}
	}
	return b
}

func validCode(code int) bool { return code >= 100 && code <= 699 }

// readCode reads the three digits a line begins with; 0 when there are none.
func readCode(line []byte) int {
	if len(line) < 3 {
		return 0
	}
	code := 0
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0
		}
		code = code*10 + int(c-'0')
	}
	return code
}

// endsReply reports whether line is the last of a multi-line reply: the same
// code followed by a space or by nothing.
func endsReply(line []byte, code int) bool {
	return readCode(line) == code && (len(line) == 3 || line[3] == ' ')
}
