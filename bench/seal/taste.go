package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
)

// The reading end of a stream looks at the frame of every record and into some of them only. To open
// them all costs about as much as it costs the gateway to seal them, and whoever measures a gateway on
// the processors that it runs on would measure that instead.

// every is how many full records pass for one that is opened. Others than full ones are opened all: the
// last of a stream, and what is no content.
const every = 16

// TLS 1.3 records, RFC 8446 section 5.
const (
	header     = 5
	fullBody   = 16<<10 + 1 + 16 // content, its type, the tag
	longest    = 16<<10 + 256
	alert      = 21
	handshake  = 22
	content    = 23
	keyUpdate  = 24
	nonceBytes = 12
)

// taster reads the records of one direction.
type taster struct {
	conn       *net.TCPConn
	buf        *[batch]byte
	from, upto int // what of buf is not looked at yet
	pass       int // bytes of a record's body that are still to be passed over
	aead       cipher.AEAD
	iv         [nonceBytes]byte
	seq        uint64
}

// newTaster reads what is sealed by keys that come of a traffic secret, RFC 8446 section 7.3.
func newTaster(conn *net.TCPConn, buf *[batch]byte, secret []byte) (*taster, error) {
	t := &taster{conn: conn, buf: buf}
	key, err := expand(secret, "key", 16)
	if err != nil {
		return nil, err
	}
	iv, err := expand(secret, "iv", nonceBytes)
	if err != nil {
		return nil, err
	}
	copy(t.iv[:], iv)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("take the key of a stream: %w", err)
	}
	t.aead, err = cipher.NewGCM(block)
	return t, err
}

// expand is HKDF-Expand-Label with an empty context, RFC 8446 section 7.1.
func expand(secret []byte, label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(sha256.New, secret, string(info), size)
	if err != nil {
		return nil, fmt.Errorf("derive the %s of a stream: %w", label, err)
	}
	return out, nil
}

// next returns how many bytes of content came, io.EOF at the close_notify.
func (t *taster) next() (int, error) {
	if err := t.reach(header); err != nil {
		return 0, err
	}
	head := t.buf[t.from : t.from+header]
	body := int(binary.BigEndian.Uint16(head[3:]))
	if head[0] != content || body > longest {
		return 0, fmt.Errorf("a record of type %d and %d bytes has no place in a stream of TLS 1.3", head[0], body)
	}
	if seq := t.seq; body == fullBody && seq%every != 0 {
		t.seq++
		t.from += header
		t.pass = body
		return fullBody - 17, t.passOver()
	}
	if err := t.reach(header + body); err != nil {
		return 0, err
	}
	return t.open(t.buf[t.from:t.from+header], t.buf[t.from+header:t.from+header+body])
}

// open decrypts a record and tells what it says.
func (t *taster) open(head, body []byte) (int, error) {
	t.from += len(head) + len(body)
	nonce := t.iv
	for i := range 8 {
		nonce[nonceBytes-1-i] ^= byte(t.seq >> (8 * i))
	}
	t.seq++
	plain, err := t.aead.Open(body[:0], nonce[:], body, head)
	if err != nil {
		return 0, fmt.Errorf("open record %d of the stream: %w", t.seq-1, err)
	}
	plain = bytes.TrimRight(plain, "\x00")
	if len(plain) == 0 {
		return 0, errors.New("a record without a type")
	}
	kind, said := plain[len(plain)-1], plain[:len(plain)-1]
	switch {
	case kind == content:
		return len(said), nil
	case kind == handshake && len(said) > 0 && said[0] != keyUpdate: // a ticket
		return 0, nil
	case kind == alert && len(said) == 2 && said[1] == 0:
		return 0, io.EOF
	}
	return 0, fmt.Errorf("a record of type %d that says %x is not expected here", kind, said[:min(len(said), 8)])
}

// reach has n bytes in a row to look at.
func (t *taster) reach(n int) error {
	if t.from+n > batch {
		t.upto = copy(t.buf[:], t.buf[t.from:t.upto])
		t.from = 0
	}
	for t.upto-t.from < n {
		if t.from == t.upto {
			t.from, t.upto = 0, 0
		}
		k, err := t.conn.Read(t.buf[t.upto:])
		if k == 0 {
			return cut(err)
		}
		t.upto += k
	}
	return nil
}

// passOver leaves a record's body behind.
func (t *taster) passOver() error {
	for {
		n := min(t.pass, t.upto-t.from)
		t.from, t.pass = t.from+n, t.pass-n
		if t.pass == 0 {
			return nil
		}
		if err := t.reach(1); err != nil {
			return err
		}
	}
}

// cut is the end of a connection where a close_notify is due.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// secrets takes what crypto/tls tells of its keys (the format of NSS's key log) and keeps one of them.
type secrets struct {
	label []byte
	taken []byte
}

func (s *secrets) Write(line []byte) (int, error) {
	words := bytes.Fields(line)
	if len(words) != 3 || !bytes.Equal(words[0], s.label) {
		return len(line), nil
	}
	s.taken = make([]byte, hex.DecodedLen(len(words[2])))
	_, err := hex.Decode(s.taken, words[2])
	return len(line), err
}
