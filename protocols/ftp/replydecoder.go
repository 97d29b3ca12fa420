package ftp

import (
	"bytes"
	"slices"
)

// ReplyDecoder turns the bytes of a server into replies. The zero value is
// ready for use. Feed, Next and Buffered follow the contract of CommandDecoder,
// except that an error is final.
//
// Accepted, because servers do it: LF without CR, extra CRs before it, a last
// line of the bare code ("226"), blank lines between replies (skipped) and
// inside one (text), middle lines of any form. Not accepted: a first line that
// does not begin with a code 100–699 and " ", "-" or the line's end.
type ReplyDecoder struct {
	in    []byte // the caller's bytes, not yet read
	line  []byte // the line begun in earlier bytes
	text  []byte // lines of the reply begun
	code  int    // its code; 0 between replies
	lines int
	err   error
}

// Feed hands b to the decoder; see CommandDecoder for how long.
func (d *ReplyDecoder) Feed(b []byte) {
	switch {
	case d.err != nil:
	case len(d.in) == 0:
		d.in = b
	default:
		d.in = slices.Concat(d.in, b)
	}
}

// Buffered counts the bytes fed that no returned reply has used up.
func (d *ReplyDecoder) Buffered() int {
	n := len(d.in) + len(d.line)
	if d.code != 0 {
		n += len("ddd-") + len(d.text)
	}
	return n
}

// Next returns the next reply; ok is false when more bytes are needed, or when
// err, a *ReplyError, says that the stream is of no more use. The error stays.
func (d *ReplyDecoder) Next() (r Reply, ok bool, err error) {
	for d.err == nil {
		line, whole := d.nextLine()
		if !whole {
			break
		}
		r, ok = d.accept(line)
		d.line = nil
		if ok {
			return r, true, nil
		}
	}
	return Reply{}, false, d.err
}

// nextLine returns the next line without its end, valid until the next call.
// It is cut from the input when it lies there whole.
func (d *ReplyDecoder) nextLine() (line []byte, whole bool) {
	i := bytes.IndexByte(d.in, '\n')
	part := d.in
	if i >= 0 {
		part = d.in[:i]
	}
	// One more than the limit, for the CR that belongs to the line's end.
	if size := len(d.line) + len(part); size > MaxReplyLine+1 {
		d.fail(append(d.line, part[:min(len(part), maxQuoted+1)]...), ErrLineTooLong)
		return nil, false
	}
	if i < 0 {
		d.line = append(d.line, part...)
		d.in = nil
		return nil, false
	}
	line = part
	if len(d.line) > 0 {
		d.line = append(d.line, part...)
		line = d.line
	}
	if d.in = d.in[i+1:]; len(d.in) == 0 {
		d.in = nil
	}
	if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) > MaxReplyLine {
		d.fail(line, ErrLineTooLong)
		return nil, false
	}
	return bytes.TrimRight(line, "\r"), true
}

// accept takes one line; ok says that it completes a reply.
func (d *ReplyDecoder) accept(line []byte) (r Reply, ok bool) {
	if d.code == 0 {
		return d.begin(line)
	}
	end := endsReply(line, d.code)
	if end {
		line = line[min(len(line), len("ddd ")):]
	}
	if d.lines++; d.lines > MaxReplyLines || len(d.text)+1+len(line) > MaxReplyText {
		d.fail(line, ErrReplyTooLong)
		return Reply{}, false
	}
	d.text = append(d.text, '\n')
	d.text = append(d.text, line...)
	if !end {
		return Reply{}, false
	}
	r = Reply{Code: d.code, Text: string(d.text)}
	d.code, d.lines, d.text = 0, 0, nil
	return r, true
}

func (d *ReplyDecoder) begin(line []byte) (r Reply, ok bool) {
	code := readCode(line)
	switch {
	case len(line) == 0:
		return Reply{}, false
	case !validCode(code), len(line) > 3 && line[3] != ' ' && line[3] != '-':
		d.fail(line, ErrMalformedReply)
		return Reply{}, false
	case len(line) > 3 && line[3] == '-':
		d.code, d.lines = code, 1
		d.text = append(d.text, line[4:]...)
		return Reply{}, false
	}
	return Reply{Code: code, Text: string(line[min(len(line), len("ddd ")):])}, true
}

// fail ends the stream and lets go of everything held.
func (d *ReplyDecoder) fail(line []byte, err error) {
	*d = ReplyDecoder{err: &ReplyError{Line: escaped(string(line[:min(len(line), maxQuoted+1)]), maxQuoted), Err: err}}
}
