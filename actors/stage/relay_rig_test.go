package stage

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relayPatience bounds every wait of these tests; only a hang comes near it.
const relayPatience = 20 * time.Second

// relayIdentity is a certificate for tests, made once.
var relayIdentity = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func relayConfig(version uint16) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{relayIdentity()}, InsecureSkipVerify: true,
		MinVersion: version, MaxVersion: version, DynamicRecordSizingDisabled: true,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	}
}

// relayPair is two ends of one TCP connection.
func relayPair(t testing.TB) (far, near *net.TCPConn) {
	t.Helper()
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.DialTCP("tcp4", nil, ln.Addr().(*net.TCPAddr)); err != nil {
		t.Fatal(err)
	}
	if near, err = ln.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.TCPConn{far, near} {
		t.Cleanup(func() { c.Close() })
	}
	_ = far.SetDeadline(time.Now().Add(2 * relayPatience))
	return far, near
}

// relayPeer is the far end of a line, as the peer has it.
type relayPeer struct {
	net.Conn // TLS or the TCP connection
	tcp      *net.TCPConn
}

// relayLine is one line of a relay and its peer. version 0 is plain.
func relayLine(t testing.TB, version uint16) (relayPeer, Line) {
	t.Helper()
	far, near := relayPair(t)
	line := Line{TCP: near, Pace: newLimit(near)}
	if version == 0 {
		return relayPeer{far, far}, line
	}
	peer := tls.Client(far, relayConfig(version))
	done := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { done <- peer.Handshake() })
	conn, err := attempt{limit: relayPatience, wrap: func(c net.Conn) *tls.Conn {
		return tls.Server(c, relayConfig(version))
	}}.handshake(context.Background(), near)
	wg.Wait()
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	line.TLS = conn
	return relayPeer{peer, far}, line
}

// limit is a pace that gives each wait the same time.
type limit struct {
	tcp    *net.TCPConn
	halted atomic.Bool
	wait   time.Duration
}

func newLimit(tcp *net.TCPConn) *limit { return &limit{tcp: tcp, wait: relayPatience} }

func (l *limit) set() {
	_ = l.tcp.SetDeadline(time.Now().Add(l.wait))
	if l.halted.Load() {
		_ = l.tcp.SetDeadline(time.Unix(1, 0))
	}
}
func (l *limit) Restart()     { l.set() }
func (l *limit) Moved()       {}
func (l *limit) Full(uintptr) {}
func (l *limit) Forgives(err error) bool {
	if l.halted.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return false
}
func (l *limit) Halt() {
	l.halted.Store(true)
	_ = l.tcp.SetDeadline(time.Unix(1, 0))
}
