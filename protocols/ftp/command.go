package ftp

import (
	"bytes"
	"slices"
	"strings"
)

// Command is one decoded command line.
type Command struct {
	Verb   string // upper-case ASCII; known verbs are interned
	Arg    string // everything after the first space, spaces included
	HasArg bool   // a space followed the verb: "PASS " has an empty argument
}

// hidden stands for a secret in logs.
const hidden = "(hidden)"

// String shows the command for logs: secrets masked, control bytes escaped,
// length bounded.
func (c Command) String() string {
	verb := escaped(c.Verb, MaxVerb)
	switch {
	case !c.HasArg && c.Arg == "":
		return verb
	case c.secret():
		return verb + " " + hidden
	}
	return verb + " " + escaped(c.Arg, maxLogged)
}

// secret reports whether the argument must not be shown: passwords, security
// data that may wrap a password, and what looks like a mistyped PASS.
func (c Command) secret() bool {
	switch v := strings.ToUpper(c.Verb); v {
	case PASS, ACCT, ADAT, MIC, CONF, ENC:
		return true
	case PASV:
		return false
	case SITE:
		word, _, _ := strings.Cut(strings.TrimLeft(c.Arg, " "), " ")
		word = strings.ToUpper(word)
		return strings.Contains(word, "PASS") || strings.Contains(word, "PSW") || strings.Contains(word, "PWD")
	default:
		return strings.HasPrefix(v, "PAS") || strings.HasPrefix(v, "XPAS")
	}
}

// Append encodes the command as "VERB arg CRLF" to b, the verb in upper case,
// 0xFF doubled (Telnet IAC). A command that cannot be written as exactly one
// line appends nothing and returns a *LineError: ErrForbiddenByte for CR, LF
// or NUL anywhere, ErrEmptyVerb, ErrBadVerb, or ErrLineTooLong above
// MaxCommandLine.
func (c Command) Append(b []byte) ([]byte, error) {
	verb, err := c.check()
	if err != nil {
		return b, &LineError{Verb: verbHint([]byte(c.Verb)), Err: err}
	}
	b = append(b, verb...)
	if c.HasArg || c.Arg != "" {
		b = append(b, ' ')
		for i := range len(c.Arg) {
			if c.Arg[i] == telnetIAC {
				b = append(b, telnetIAC)
			}
			b = append(b, c.Arg[i])
		}
	}
	return append(b, '\r', '\n'), nil
}

func (c Command) check() (verb string, err error) {
	size := len(c.Verb) + len(c.Arg)
	if c.HasArg || c.Arg != "" {
		size++
	}
	switch {
	case size > MaxCommandLine:
		return "", ErrLineTooLong
	case strings.ContainsAny(c.Verb, "\r\n\x00"), strings.ContainsAny(c.Arg, "\r\n\x00"):
		return "", ErrForbiddenByte
	case c.Verb == "":
		return "", ErrEmptyVerb
	}
	if v, ok := verbs[c.Verb]; ok {
		return v, nil
	}
	verb, ok := readVerb([]byte(c.Verb))
	if !ok {
		return "", ErrBadVerb
	}
	return verb, nil
}

// CommandDecoder turns the bytes of a client into commands. The zero value is
// ready for use.
//
// Feed(b), then Next until it says false: b is read in place meanwhile and must
// not change. What is then left of b, the beginning of a line, has been copied;
// b is the caller's again.
type CommandDecoder struct {
	Limit int // longest line accepted, in bytes; 0 means MaxCommandLine

	in      []byte // the caller's bytes, not yet read
	line    []byte // the line begun in earlier bytes, Telnet commands taken out
	dropped int    // bytes of that line beyond the limit, not kept
	telnet  telnetState
}

// Feed hands b to the decoder; see CommandDecoder for how long.
func (d *CommandDecoder) Feed(b []byte) {
	if len(d.in) == 0 {
		d.in = b
		return
	}
	// Off the contract, but nothing may be lost or written into the caller's
	// memory for it.
	d.in = slices.Concat(d.in, b)
}

// Buffered counts the bytes fed that no returned command or error has used up.
// It must be 0 when the connection changes to TLS: anything else was sent in
// the clear ahead of the handshake.
func (d *CommandDecoder) Buffered() int {
	n := len(d.in) + len(d.line) + d.dropped
	if d.telnet != telnetData {
		n++
	}
	return n
}

// Next returns the next line. ok is false when more bytes are needed. When err
// is not nil it is a *LineError, ok is true, and the line it speaks of is
// used up; call again.
func (d *CommandDecoder) Next() (c Command, ok bool, err error) {
	if len(d.line) == 0 && d.dropped == 0 && d.telnet == telnetData {
		i := bytes.IndexByte(d.in, '\n')
		if i >= 0 && bytes.IndexByte(d.in[:i], telnetIAC) < 0 {
			line := d.in[:i]
			d.take(i + 1)
			c, err = parseCommand(line, d.limit())
			return c, true, err
		}
	}
	if !d.gather() {
		return Command{}, false, nil
	}
	line, dropped := d.line, d.dropped
	d.line, d.dropped = nil, 0
	if dropped > 0 {
		return Command{}, true, &LineError{Verb: verbHint(line), Err: ErrLineTooLong}
	}
	c, err = parseCommand(line, d.limit())
	return c, true, err
}

// gather moves bytes into d.line until the line ends (true) or the input does.
// Every byte is looked at once, however the line was cut into pieces.
func (d *CommandDecoder) gather() bool {
	for len(d.in) > 0 {
		if d.telnet != telnetData {
			next, keep, again := d.telnet.step(d.in[0])
			d.telnet = next
			if keep > 0 {
				d.keep([]byte{telnetIAC})
			}
			if !again {
				d.take(1)
			}
			continue
		}
		n := 0
		for n < len(d.in) && d.in[n] != '\n' && d.in[n] != telnetIAC {
			n++
		}
		d.keep(d.in[:n])
		if n == len(d.in) {
			d.take(n)
			break
		}
		end := d.in[n] == '\n'
		d.take(n + 1)
		if end {
			return true
		}
		d.telnet = telnetEscape
	}
	return false
}

// keep copies b to the line as far as the limit allows: one byte more than a
// line may have, since the last may be the CR of its end.
func (d *CommandDecoder) keep(b []byte) {
	n := max(0, min(len(b), d.limit()+1-len(d.line)))
	d.line = append(d.line, b[:n]...)
	d.dropped += len(b) - n
}

// take steps over n bytes of input, and lets go of the caller's memory at its end.
func (d *CommandDecoder) take(n int) {
	if d.in = d.in[n:]; len(d.in) == 0 {
		d.in = nil
	}
}

func (d *CommandDecoder) limit() int {
	if d.Limit > 0 {
		return d.Limit
	}
	return MaxCommandLine
}

// parseCommand reads one line without its LF.
func parseCommand(line []byte, limit int) (Command, error) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) > limit {
		return Command{}, &LineError{Verb: verbHint(line), Err: ErrLineTooLong}
	}
	for len(line) > 0 && (line[0] == telnetIAC || line[0] == telnetIP || line[0] == telnetDM) {
		line = line[1:] // what a lost urgent byte left of an abort, see AbortUrgent
	}
	verb, arg, hasArg := bytes.Cut(line, []byte{' '})
	switch {
	case bytes.IndexByte(line, '\r') >= 0, bytes.IndexByte(line, 0) >= 0:
		return Command{}, &LineError{Verb: verbHint(line), Err: ErrForbiddenByte}
	case len(verb) == 0:
		return Command{}, &LineError{Err: ErrEmptyVerb}
	}
	known, ok := readVerb(verb)
	if !ok {
		return Command{}, &LineError{Verb: verbHint(line), Err: ErrBadVerb}
	}
	return Command{Verb: known, Arg: string(arg), HasArg: hasArg}, nil
}
