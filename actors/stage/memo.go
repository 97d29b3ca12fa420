package stage

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

// memo remembers what backends have shown: every login brings the same few
// certificates again, to be parsed, kept for as long as the session lasts, and
// verified. The zero value is ready; it is safe for concurrent use.
type memo struct {
	mu     sync.Mutex
	certs  map[string]*x509.Certificate // by their encoding
	passed map[[sha256.Size]byte]time.Time
	curves map[string]choice // by backend
}

// choice is the key exchange that a backend took, and when.
type choice struct {
	curve tls.CurveID
	at    time.Time
}

const (
	// memoSize bounds what is remembered. A pool has few backends, and what is
	// forgotten is only worked out again.
	memoSize = 256
	// memoTime is how long a verification or a choice counts: what the clock, a list
	// of revoked certificates or another administrator say does not change faster.
	memoTime = time.Minute
)

// makeRoom forgets any one where there are too many. Those that are of use are soon
// back, however many others a client of the forward role may name.
func makeRoom[K comparable, V any](m map[K]V) {
	if len(m) < memoSize {
		return
	}
	for k := range m {
		delete(m, k)
		return
	}
}

// parse gives one value for equal certificates.
func (m *memo) parse(der []byte) (*x509.Certificate, error) {
	m.mu.Lock()
	c := m.certs[string(der)]
	m.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.certs == nil {
		m.certs = map[string]*x509.Certificate{}
	}
	makeRoom(m.certs)
	m.certs[string(c.Raw)] = c
	return c, nil
}

// occasion names one verification: by whom, of what.
func occasion(sent []*x509.Certificate, host string, peer netip.Addr) (key [sha256.Size]byte) {
	h := sha256.New()
	field := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		h.Write(b)
	}
	field([]byte(host))
	field(peer.AsSlice())
	for _, c := range sent {
		field(c.Raw)
	}
	h.Sum(key[:0])
	return key
}

// knows reports whether a verification has succeeded a short while ago.
func (m *memo) knows(key [sha256.Size]byte, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.passed[key]
	return ok && !now.Before(at) && now.Sub(at) < memoTime
}

// learn notes that one has succeeded.
func (m *memo) learn(key [sha256.Size]byte, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.passed == nil {
		m.passed = map[[sha256.Size]byte]time.Time{}
	}
	makeRoom(m.passed)
	m.passed[key] = now
}

// chose notes which key exchange a backend took.
func (m *memo) chose(backend string, curve tls.CurveID, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.curves[backend]; ok && old.curve == curve && now.Sub(old.at) < memoTime {
		return // from time to time it is asked anew, with all there is to choose from
	}
	if m.curves == nil {
		m.curves = map[string]choice{}
	}
	makeRoom(m.curves)
	m.curves[backend] = choice{curve, now}
}

// choice is what a backend took a short while ago; 0: not known.
func (m *memo) choice(backend string, now time.Time) tls.CurveID {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.curves[backend]
	if !ok || now.Before(c.at) || now.Sub(c.at) >= memoTime {
		return 0
	}
	return c.curve
}
