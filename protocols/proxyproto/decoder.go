package proxyproto

import "strings"

// Decoder takes a header off the front of a stream. The zero Decoder is ready.
type Decoder struct {
	buf    []byte
	header Header
	done   bool
	err    error
}

// shortest is a lower bound of any header's length: "PROXY UNKNOWN\r\n".
const shortest = 15

const lineBegin = "PROXY "

// Need is how many bytes of the stream belong to the header for certain; 0: it is
// complete, or an error.
func (d *Decoder) Need() int {
	switch {
	case d.done || d.err != nil:
		return 0
	case len(d.buf) < shortest:
		return shortest - len(d.buf)
	case d.buf[0] == signature[0]:
		return blockBytes(d.buf) - len(d.buf)
	}
	return lineNeeds(d.buf)
}

// Feed takes bytes in and returns how many of them belong to the header. The rest
// is what the header stands before. The error, which stays, is ErrNoHeader or an
// *Error.
func (d *Decoder) Feed(b []byte) (used int, err error) {
	for used < len(b) {
		n := min(d.Need(), len(b)-used)
		if n == 0 {
			break
		}
		d.buf = append(d.buf, b[used:used+n]...)
		used += n
		if d.err = d.look(); d.err != nil {
			d.buf = nil
			break
		}
	}
	return used, d.err
}

// Header is the result once Need is 0; ok is false before, and after an error.
func (d *Decoder) Header() (h Header, ok bool) { return d.header, d.done }

// look judges what is there, and decodes it once it is complete.
func (d *Decoder) look() (err error) {
	if !begins(d.buf, lineBegin) && !begins(d.buf, signature) {
		return ErrNoHeader
	}
	if d.buf[0] == signature[0] {
		if err = checkFixed(d.buf); err != nil || len(d.buf) < fixedBytes || d.Need() > 0 {
			return err
		}
		d.header, err = parseBlock(d.buf)
	} else {
		complete, err := checkLine(d.buf)
		if err != nil || !complete {
			return err
		}
		if d.header, err = parseLine(string(d.buf[:len(d.buf)-2])); err != nil {
			return err
		}
	}
	if err == nil {
		d.done, d.buf = true, nil
	}
	return err
}

// begins reports whether bytes are the beginning of, or begin with, a text.
func begins(b []byte, with string) bool {
	return strings.HasPrefix(with, string(b[:min(len(b), len(with))]))
}
