package stage

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"runtime"
)

// SessionStore keeps sessions with backends from one control connection to the
// next, by "ftp://host:port". Its methods must not block. A session is a secret.
type SessionStore interface {
	Load(key string) []byte // nil: there is none
	// by is the client that named the backend; empty: the configuration does.
	Save(key, by string, session []byte)
	Drop(key string)
}

// offer is a session that a client can resume by.
type offer struct {
	id    []byte // by which the server knows it, up to TLS 1.2; empty: the state has a ticket
	state *tls.ClientSessionState
	certs []*x509.Certificate // the server's; nil: as of this visit, which has seen them
}

// A kept session:
//
//	format 1 | len 1, Go's version | len 1, ID | len 2, ticket | crypto/tls' state
//
// The state's form may change from one version of Go to the next.
const sessionFormat = 1

var errSession = errors.New("not a session that this program has kept")

func (o offer) encode() ([]byte, error) {
	ticket, state, err := o.state.ResumptionState()
	if err != nil {
		return nil, err
	}
	encoded, err := state.Bytes()
	if err != nil {
		return nil, err
	}
	if len(ticket) > 0xffff || len(o.id) > 0xff {
		return nil, errSession
	}
	b := append([]byte{sessionFormat, byte(len(runtime.Version()))}, runtime.Version()...)
	b = append(append(b, byte(len(o.id))), o.id...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(ticket))), ticket...)
	return append(b, encoded...), nil
}

// parser is x509.ParseCertificate or one like it.
type parser func(der []byte) (*x509.Certificate, error)

func decodeOffer(b []byte, parse parser) (offer, error) {
	r := reader{rest: b}
	format := r.take(1)
	version := r.vector(1)
	id := r.vector(1)
	ticket := r.vector(2)
	if r.short || format[0] != sessionFormat || string(version) != runtime.Version() || len(id)+len(ticket) == 0 {
		return offer{}, errSession
	}
	state, err := tls.ParseSessionState(r.rest)
	if err != nil {
		return offer{}, err
	}
	certs, err := certificatesOf(r.rest, parse)
	if err != nil {
		return offer{}, err
	}
	cs, err := tls.NewResumptionState(ticket, state)
	return offer{id, cs, certs}, err
}

// certificatesOf reads the server's certificates of an encoded state, which
// crypto/tls has no accessor for: they must be verified before the session is
// offered, as one with an outdated certificate would fail where a new handshake
// would not.
//
//	version 2, type 1, suite 2, created 8, len 1, secret, len 3, extra, flags 2,
//	len 3 of (len 3, certificate, len 2, extensions), …
func certificatesOf(state []byte, parse parser) ([]*x509.Certificate, error) {
	r := reader{rest: state}
	r.take(2 + 1 + 2 + 8)
	r.vector(1)
	r.vector(3)
	r.take(2)
	list := reader{rest: r.vector(3)}
	var certs []*x509.Certificate
	for len(list.rest) > 0 && !list.short {
		der := list.vector(3)
		list.vector(2)
		c, err := parse(der)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if r.short || list.short || len(certs) == 0 {
		return nil, errSession
	}
	return certs, nil
}

// reader takes pieces off a slice; short says that it had less than was asked for.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return make([]byte, min(n, 16)) // for those who look before they check
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// vector reads a length of so many bytes, and then so many bytes.
func (r *reader) vector(size int) []byte {
	n := 0
	for _, b := range r.take(size) {
		n = n<<8 | int(b)
	}
	return r.take(n)
}
