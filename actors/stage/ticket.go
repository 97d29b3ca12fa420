package stage

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"
)

// Session tickets. Their rules:
//
//   - Every guest has a key of its own, and all tickets of its connections are
//     sealed with that. So a ticket tells whose it is: a data connection resumes
//     with its own guest's tickets only, for as long as the guest is there, and
//     nothing is kept of the tickets themselves.
//   - Whether a later guest may resume with them is a matter of who else knows
//     the key: the server's cache for a while (TLSSessionCache), the ticket itself
//     sealed with a key of the server (TLSSessionTickets), or nobody.
//
// Layout of a ticket:
//
//	kind 1 | name 16 | [server key 8 | nonce 12 | sealed key 48] | nonce 12 | sealed session
//
// with the brackets in sealedTicket only. A sealed session is 8 bytes of Unix
// time, when the ticket was made, and what crypto/tls wants to know again.

// Kinds of tickets.
const (
	cachedTicket = 1
	sealedTicket = 2
)

const (
	nameSize    = 16
	secretSize  = 32
	nonceSize   = 12
	tagSize     = 16
	wrapKeySize = 8
	wrapSize    = wrapKeySize + nonceSize + secretSize + tagSize
)

// guestKey seals the tickets of one guest.
type guestKey struct {
	name   [nameSize]byte
	secret [secretSize]byte
}

func newGuestKey() guestKey {
	var k guestKey
	_, _ = rand.Read(k.name[:]) // does not fail
	_, _ = rand.Read(k.secret[:])
	return k
}

// seal makes a ticket of a session. wrapped is the key as the server sealed it,
// nil for a cached ticket.
func (k *guestKey) seal(session []byte, made time.Time, wrapped []byte) []byte {
	t := make([]byte, 0, 1+nameSize+len(wrapped)+nonceSize+8+len(session)+tagSize)
	kind := byte(cachedTicket)
	if wrapped != nil {
		kind = sealedTicket
	}
	t = append(append(append(t, kind), k.name[:]...), wrapped...)
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(session)), uint64(made.Unix()))
	return seal(&k.secret, t, append(plain, session...))
}

// ticket is one as a client offers it, not yet opened.
type ticket struct {
	name    [nameSize]byte
	header  []byte // up to the sealed session, which it belongs to
	wrapped []byte // nil: a cached ticket
	sealed  []byte
}

func parseTicket(b []byte) (t ticket, ok bool) {
	header := 1 + nameSize
	if len(b) > 0 && b[0] == sealedTicket {
		header += wrapSize
	} else if len(b) == 0 || b[0] != cachedTicket {
		return t, false
	}
	if len(b) < header+nonceSize+8+tagSize {
		return t, false
	}
	copy(t.name[:], b[1:])
	t.header, t.sealed = b[:header], b[header:]
	if b[0] == sealedTicket {
		t.wrapped = t.header[1+nameSize:]
	}
	return t, true
}

// open gives the session and when the ticket was made.
func (t ticket) open(secret *[secretSize]byte) (session []byte, made time.Time, err error) {
	plain, err := unseal(secret, t.header, t.sealed)
	if err != nil {
		return nil, time.Time{}, err
	}
	return plain[8:], time.Unix(int64(binary.BigEndian.Uint64(plain)), 0), nil
}

// seal appends nonce and sealed text to a header that it binds to them.
func seal(secret *[secretSize]byte, header, plain []byte) []byte {
	aead := aeadOf(secret)
	n := len(header)
	b := append(header, make([]byte, nonceSize)...)
	_, _ = rand.Read(b[n:])
	return aead.Seal(b, b[n:], plain, b[:n])
}

var errSeal = errors.New("not sealed by this server, or damaged")

func unseal(secret *[secretSize]byte, header, sealed []byte) ([]byte, error) {
	if len(sealed) < nonceSize+tagSize {
		return nil, errSeal
	}
	plain, err := aeadOf(secret).Open(nil, sealed[:nonceSize], sealed[nonceSize:], header)
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

func aeadOf(secret *[secretSize]byte) cipher.AEAD {
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		panic(err) // the size is right
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}
