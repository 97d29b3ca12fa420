package tlspolicy

import (
	"errors"
	"fmt"
)

// A reader of the ServerHello, which crosses the wire in clear. It tells a
// client what crypto/tls keeps to itself: the session ID by which the server
// will know this session again (RFC 5246 section 7.4.1.3).
//
// Layout, numbers big-endian:
//
//	record     type 1, version 2, length 2, fragment        (RFC 5246 section 6.2.1)
//	handshake  type 1, length 3, body                       (section 7.4)
//	body       version 2, random 32, ID length 1, ID ≤ 32, suite 2, compression 1,
//	           [extensions length 2, each: type 2, length 2, data]

// ServerHello is what the server's first message says.
type ServerHello struct {
	Version        uint16 // negotiated; supported_versions counts
	Suite          uint16
	SessionID      []byte // at most 32 bytes; empty: the server will not resume
	ExtendedMaster bool   // extended_master_secret (RFC 7627) is agreed
}

const (
	recordHeader    = 5
	handshakeHeader = 4
	maxFragment     = 16384 + 2048 // of a record (RFC 5246 section 6.2.3)
	maxHello        = 8 << 10      // far more than any real ServerHello
	maxSessionID    = 32

	recordHandshake = 22
	typeServerHello = 2

	extExtendedMaster    = 23
	extSupportedVersions = 43
)

// HelloParser takes what a server sends, in pieces of any size, until the
// ServerHello is whole. The zero value is ready. It keeps at most one message,
// and never more than 8 KiB.
type HelloParser struct {
	header [recordHeader]byte
	have   int // bytes of header
	left   int // bytes of the fragment to come
	msg    []byte
	hello  ServerHello
	err    error
	done   bool
}

// Feed takes the next bytes. It reports true when it wants no more: the hello
// is there, or Err says why not. Bytes behind the hello are passed over.
func (p *HelloParser) Feed(b []byte) (done bool) {
	for len(b) > 0 && !p.done {
		if p.left == 0 {
			n := copy(p.header[p.have:], b)
			p.have += n
			b = b[n:]
			if p.have == recordHeader {
				p.record()
			}
			continue
		}
		n := min(p.left, len(b))
		p.msg = append(p.msg, b[:n]...)
		p.left -= n
		b = b[n:]
		p.message()
	}
	return p.done
}

// Hello returns the message, once it is whole.
func (p *HelloParser) Hello() (ServerHello, bool) { return p.hello, p.done && p.err == nil }

// Err says why there will be no hello; nil while there may be.
func (p *HelloParser) Err() error { return p.err }

func (p *HelloParser) fail(err error) {
	p.err, p.done, p.msg = err, true, nil
}

func (p *HelloParser) record() {
	p.have = 0
	p.left = int(p.header[3])<<8 | int(p.header[4])
	switch {
	case p.header[0] != recordHandshake:
		p.fail(fmt.Errorf("the server began with a record of type %d, not with its hello", p.header[0]))
	case p.header[1] != 3:
		p.fail(errors.New("what the server sent is no TLS record"))
	case p.left == 0 || p.left > maxFragment:
		p.fail(fmt.Errorf("the server sent a handshake record of %d bytes", p.left))
	}
}

func (p *HelloParser) message() {
	if len(p.msg) < handshakeHeader {
		return
	}
	length := int(p.msg[1])<<16 | int(p.msg[2])<<8 | int(p.msg[3])
	switch {
	case p.msg[0] != typeServerHello:
		p.fail(fmt.Errorf("the server's first message has type %d, not ServerHello", p.msg[0]))
	case length > maxHello:
		p.fail(fmt.Errorf("the ServerHello has %d bytes, more than %d", length, maxHello))
	case len(p.msg) >= handshakeHeader+length:
		hello, ok := parseHello(p.msg[handshakeHeader : handshakeHeader+length])
		if !ok {
			p.fail(errors.New("the ServerHello is malformed"))
			return
		}
		p.hello, p.done, p.msg = hello, true, nil
	}
}

// cursor reads numbers and strings off the front of a message.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n > len(c.rest) {
		c.bad = true
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

// number reads n bytes, at most 3.
func (c *cursor) number(n int) int {
	v := 0
	for _, b := range c.take(n) {
		v = v<<8 | int(b)
	}
	return v
}

func parseHello(body []byte) (ServerHello, bool) {
	c := cursor{rest: body}
	h := ServerHello{Version: uint16(c.number(2))}
	c.take(32) // random
	idLength := c.number(1)
	id := c.take(idLength)
	h.Suite = uint16(c.number(2))
	c.number(1) // compression
	if c.bad || idLength > maxSessionID {
		return ServerHello{}, false
	}
	h.SessionID = append([]byte(nil), id...) // the message's buffer is given up
	if len(c.rest) == 0 {
		return h, true // no extensions, as before RFC 3546
	}
	extensions := cursor{rest: c.take(c.number(2))}
	for !c.bad && !extensions.bad && len(extensions.rest) > 0 {
		kind := extensions.number(2)
		data := cursor{rest: extensions.take(extensions.number(2))}
		switch kind {
		case extExtendedMaster:
			h.ExtendedMaster = true
		case extSupportedVersions:
			h.Version = uint16(data.number(2))
			extensions.bad = extensions.bad || data.bad
		}
	}
	return h, !c.bad && !extensions.bad && len(c.rest) == 0
}
