package ftp

import (
	"errors"
	"fmt"
)

// What can be wrong with a line, a reply or an address. The typed errors below
// wrap exactly one of these, for errors.Is.
var (
	ErrLineTooLong    = errors.New("line too long")
	ErrForbiddenByte  = errors.New("CR, LF or NUL inside the line")
	ErrEmptyVerb      = errors.New("no verb")
	ErrBadVerb        = errors.New("verb is not a word of letters and digits")
	ErrMalformedReply = errors.New("malformed reply")
	ErrReplyTooLong   = errors.New("reply too long")
	ErrBadAddress     = errors.New("malformed address or port")
	ErrUnknownFamily  = errors.New("network protocol not supported") // reply 522, RFC 2428 §2
)

// LineError is a command line that is no command. It damages that one line:
// the decoder goes on with the line after it.
type LineError struct {
	Verb string // what could be read of the verb: upper case, printable, possibly empty
	Err  error  // ErrLineTooLong, ErrForbiddenByte, ErrEmptyVerb or ErrBadVerb
}

func (e *LineError) Error() string {
	if e.Verb == "" {
		return "command line: " + e.Err.Error()
	}
	return "command line " + e.Verb + ": " + e.Err.Error()
}

func (e *LineError) Unwrap() error { return e.Err }

// ReplyError is a reply that cannot be understood. It ends the stream: where
// the next reply begins is no longer known.
type ReplyError struct {
	Line string // the offending line's beginning, escaped and bounded
	Err  error  // ErrMalformedReply, ErrLineTooLong or ErrReplyTooLong
}

func (e *ReplyError) Error() string {
	if e.Line == "" {
		return "reply: " + e.Err.Error()
	}
	return fmt.Sprintf("reply line \"%s\": %v", e.Line, e.Err)
}

func (e *ReplyError) Unwrap() error { return e.Err }

// AddrError is an address that could not be read or written.
type AddrError struct {
	Verb string // PORT, EPRT, PASV or EPSV
	Text string // the text in question, escaped and bounded
	Err  error  // ErrBadAddress or ErrUnknownFamily
}

func (e *AddrError) Error() string {
	return fmt.Sprintf("%s address \"%s\": %v", e.Verb, e.Text, e.Err)
}

func (e *AddrError) Unwrap() error { return e.Err }

func addrError(verb, text string, err error) error {
	return &AddrError{Verb: verb, Text: escaped(text, maxQuoted), Err: err}
}
