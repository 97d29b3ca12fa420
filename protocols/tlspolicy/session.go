package tlspolicy

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Sessions by ID, for clients up to TLS 1.2. crypto/tls resumes by ticket
// alone, yet completes a resumption in which the server repeats the ID that the
// client has offered. So a client that wants one
//
//  1. reads the ID and extended_master_secret from the ServerHello (HelloParser),
//  2. learns the master secret from tls.Config.KeyLogWriter (MasterSecret),
//  3. makes a session of both (ClientSession, tls.ParseSessionState,
//     tls.NewResumptionState without a ticket), and
//  4. has the next handshake offer the ID (OfferSessionID as tls.Config.Rand).

// ClientSession is a client's session of TLS 1.0 to 1.2.
type ClientSession struct {
	Version        uint16
	Suite          uint16
	Secret         []byte // the master secret, 48 bytes
	ExtendedMaster bool   // it was derived as RFC 7627 says
	Created        int64  // Unix time, seconds
	Curve          tls.CurveID
	Certificates   [][]byte   // the server's, in DER, its own first
	Chains         [][][]byte // verified chains in DER, each with the server's own first; may be empty
}

const masterSecretSize = 48 // RFC 5246 section 8.1

// Append appends the session in the form that tls.ParseSessionState reads. The
// result holds the master secret: it must not be logged, nor stored where
// others can read it. That form may change with crypto/tls, which the tests of
// this package would tell.
//
//	version 2, client 1, suite 2, created 8, secret 1+n, extra 3+n, extended 1, early data 1,
//	certificates 3+n of (3+n, extensions 2), chains 3+n of (3+n of 3+n), curve 2
func (s ClientSession) Append(b []byte) ([]byte, error) {
	switch {
	case s.Version < tls.VersionTLS10 || s.Version > tls.VersionTLS12:
		return nil, fmt.Errorf("a session of %s has no ID to resume by", VersionName(s.Version))
	case len(s.Secret) != masterSecretSize:
		return nil, fmt.Errorf("the master secret has %d bytes, not %d", len(s.Secret), masterSecretSize)
	case len(s.Certificates) == 0:
		return nil, errors.New("the session is without the server's certificate")
	}
	b = binary.BigEndian.AppendUint16(b, s.Version)
	b = append(b, 2) // a client's
	b = binary.BigEndian.AppendUint16(b, s.Suite)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Created))
	b = append(append(b, masterSecretSize), s.Secret...)
	b = append(b, 0, 0, 0) // nothing extra
	b = append(b, flag(s.ExtendedMaster), 0)

	var certificates []byte
	for _, cert := range s.Certificates {
		certificates = append(appendVector(certificates, cert), 0, 0)
	}
	b = appendVector(b, certificates)
	var chains []byte
	for _, chain := range s.Chains {
		var above []byte
		for _, cert := range chain[min(1, len(chain)):] {
			above = appendVector(above, cert)
		}
		chains = appendVector(chains, above)
	}
	b = appendVector(b, chains)
	if len(certificates) > maxVector || len(chains) > maxVector {
		return nil, errors.New("the server's certificates are too large for a session")
	}
	return binary.BigEndian.AppendUint16(b, uint16(s.Curve)), nil
}

const maxVector = 1<<24 - 1

func appendVector(b, v []byte) []byte {
	b = append(b, byte(len(v)>>16), byte(len(v)>>8), byte(len(v)))
	return append(b, v...)
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// MasterSecret reads one line of tls.Config.KeyLogWriter: CLIENT_RANDOM, the
// client's random and the master secret, in hexadecimal. Lines of TLS 1.3 and
// anything else give false.
func MasterSecret(line []byte) ([]byte, bool) {
	fields := strings.Fields(string(line))
	if len(fields) != 3 || fields[0] != "CLIENT_RANDOM" || len(fields[1]) != 64 {
		return nil, false
	}
	secret, err := hex.DecodeString(fields[2])
	if err != nil || len(secret) != masterSecretSize {
		return nil, false
	}
	return secret, true
}

// OfferSessionID makes the randomness of one handshake: crypto/tls reads the
// ClientHello's random from it first, and then its session ID, which becomes
// id. Everything else comes from random. An id of another size than 32 bytes
// cannot be offered and leaves random as it is.
func OfferSessionID(random io.Reader, id []byte) io.Reader {
	if len(id) != maxSessionID {
		return random
	}
	return &offer{random: random, id: append([]byte(nil), id...)}
}

type offer struct {
	random io.Reader
	id     []byte
	before int // bytes of the ClientHello's random that were read
}

// Read serves bytes 33 to 64 from the ID, in whatever pieces they are asked for.
func (o *offer) Read(p []byte) (int, error) {
	const helloRandom = 32
	if o.before < helloRandom {
		n, err := o.random.Read(p[:min(len(p), helloRandom-o.before)])
		o.before += n
		return n, err
	}
	if len(o.id) > 0 {
		n := copy(p, o.id)
		o.id = o.id[n:]
		return n, nil
	}
	return o.random.Read(p)
}
