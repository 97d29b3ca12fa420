package stage

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
)

// relayIdentity is a certificate for tests, made once.
var relayIdentity = sync.OnceValue(func() tls.Certificate {
	leaf, err := certs.SelfSigned(certs.Spec{Name: "relay"})
	if err != nil {
		panic(err)
	}
	return leaf.TLS()
})

func relayConfig(version uint16) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{relayIdentity()}, InsecureSkipVerify: true,
		MinVersion: version, MaxVersion: version, DynamicRecordSizingDisabled: true,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	}
}

// relayPeer is the far end of a line, as the peer has it.
type relayPeer struct {
	net.Conn // TLS or the TCP connection
	tcp      *net.TCPConn
}

// relayLine is one line of a relay and its peer. version 0 is plain.
func relayLine(t testing.TB, version uint16) (relayPeer, Line) {
	t.Helper()
	far, near := tcpPair(t)
	line := Line{TCP: near, Pace: newLimit(near)}
	if version == 0 {
		return relayPeer{far, far}, line
	}
	peer := tls.Client(far, relayConfig(version))
	done := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { done <- peer.Handshake() })
	conn, err := attempt{limit: patience, wrap: func(c net.Conn) *tls.Conn {
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

func newLimit(tcp *net.TCPConn) *limit { return &limit{tcp: tcp, wait: patience} }

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
