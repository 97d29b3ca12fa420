package stores

import (
	"encoding/binary"
	"fmt"
	"time"
)

// MaxTLSSession bounds the bytes of one TLS session. Most of them are the
// backend's chain of certificates; a usual one has two to eight thousand.
const MaxTLSSession = 64 << 10

// TLSSession is what lets a gateway resume TLS with a backend.
type TLSSession struct {
	At      time.Time // when it was kept, to the second
	Session Secret    // as the TLS client encodes it; the store does not look inside
}

// Secret is bytes that open what they belong to. However it is printed or
// encoded it shows none of them.
type Secret []byte

// hidden is what stands for a secret.
const hidden = "(hidden)"

// String hides the bytes.
func (Secret) String() string { return hidden }

// Format hides the bytes from every verb, %x and %d included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) } // a fmt.State does not fail

// MarshalText hides the bytes from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// AppendTLSSession appends the encoded record:
//
//	version | uvarint Unix seconds | uvarint len, session
func AppendTLSSession(b []byte, s TLSSession) []byte {
	b = append(b, sessionVersion)
	b = binary.AppendUvarint(b, uint64(max(s.At.Unix(), 0)))
	return appendBytes(b, s.Session)
}

// ParseTLSSession is the reverse of AppendTLSSession. A record without a
// session is malformed: it would open nothing.
func ParseTLSSession(b []byte) (TLSSession, error) {
	d := decoder{rest: b}
	d.version(sessionVersion)
	s := TLSSession{At: time.Unix(int64(d.uvarint(maxSeconds)), 0)}
	s.Session = append(s.Session, d.bytes(MaxTLSSession)...)
	if d.err == nil && len(s.Session) == 0 {
		d.fail("no session in it")
	}
	if err := d.end(); err != nil {
		return TLSSession{}, fmt.Errorf("TLS session: %w", err)
	}
	return s, nil
}
