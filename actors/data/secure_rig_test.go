package data

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// mix says what is spoken on the two sides: a TLS version, or 0 for plain; and
// whether what passes is measured, which takes another path.
type mix struct {
	front, back uint16
	measured    bool
}

const (
	tls12 = tls.VersionTLS12
	tls13 = tls.VersionTLS13
)

var mixes = []mix{
	{front: tls13, back: tls13}, {front: tls12, back: tls12}, {front: tls12, back: tls13},
	{front: tls13}, {front: tls12}, {back: tls13}, {back: tls12},
	{front: tls13, back: tls12, measured: true}, {front: tls13, measured: true}, {back: tls12, measured: true},
}

func (m mix) String() string {
	names := map[uint16]string{0: "plain", tls12: "tls12", tls13: "tls13"}
	name := fmt.Sprintf("front_%s_back_%s", names[m.front], names[m.back])
	if m.measured {
		name += "_measured"
	}
	return name
}

// on gives the version at a side.
func (m mix) on(side messages.Side) uint16 {
	if side == messages.FrontSide {
		return m.front
	}
	return m.back
}

// identity is a certificate of tests and its PEM, made once.
var identity = sync.OnceValues(func() (tls.Certificate, []byte) {
	leaf, err := certs.SelfSigned(certs.Spec{Name: "localhost", DNS: []string{"localhost"}})
	if err != nil {
		panic(err)
	}
	certificate, key, err := leaf.PEM()
	if err != nil {
		panic(err)
	}
	return leaf.TLS(), append(certificate, key...)
})

func peerConfig(version uint16) *tls.Config {
	own, _ := identity()
	return &tls.Config{
		Certificates: []tls.Certificate{own}, InsecureSkipVerify: true, ServerName: "localhost",
		MinVersion: version, MaxVersion: version, DynamicRecordSizingDisabled: true,
		CipherSuites:       []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
	}
}

// house is the TLS of one session: what the gateway has of it on both sides, and
// the configurations of the client and of the backend, their control connections
// being done.
type house struct {
	mix
	guest           *stage.Guest
	visit           *stage.Visit
	client, backend *tls.Config
}

func newHouse(t testing.TB, m mix, adjust ...func(*stage.ServerConfig, *stage.ClientConfig)) *house {
	t.Helper()
	h := &house{mix: m, client: peerConfig(m.front), backend: peerConfig(m.back)}
	file := filepath.Join(t.TempDir(), "server.pem")
	_, text := identity()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	sc := stage.ServerConfig{KeyPairs: []stage.KeyPair{{Certificate: file}}, HandshakeLimit: patience}
	cc := stage.ClientConfig{NoVerify: true, HandshakeLimit: patience}
	for _, f := range adjust {
		f(&sc, &cc)
	}
	server, err := stage.NewServer(sc)
	if err != nil {
		t.Fatal(err)
	}
	client, err := stage.NewClient(cc)
	if err != nil {
		t.Fatal(err)
	}
	h.guest, h.visit = server.Guest(nil), client.Visit(backendurl.URL{Host: "localhost", Port: 21})
	if m.front != 0 {
		h.enter(t)
	}
	if m.back != 0 {
		h.call(t)
	}
	return h
}

// enter does the handshake of the client's control connection, and has the client
// read what comes with it.
func (h *house) enter(t testing.TB) {
	t.Helper()
	far, near := pair(t)
	peer := tls.Client(far, h.client)
	var wg conc.WaitGroup
	var ferr error
	wg.Go(func() { _, ferr = io.ReadFull(peer, make([]byte, 4)) })
	conn, _, err := h.guest.Control(t.Context(), near)
	if err == nil {
		_, err = conn.Write([]byte("234\n"))
	}
	wg.Wait()
	if err := errors.Join(err, ferr); err != nil {
		t.Fatal(err)
	}
}

// call does the handshake of the backend's control connection.
func (h *house) call(t testing.TB) {
	t.Helper()
	far, near := pair(t)
	peer := tls.Server(far, h.backend)
	var wg conc.WaitGroup
	var ferr error
	wg.Go(func() { _, ferr = peer.Write([]byte("234\n")) })
	conn, _, err := h.visit.Control(t.Context(), near)
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 4))
	}
	wg.Wait()
	if err := errors.Join(err, ferr); err != nil {
		t.Fatal(err)
	}
}

// secure makes a channel's legs the house's.
func (h *house) secure(c *Config) {
	if h.front != 0 {
		c.Front.Secure = h.guest.Data
	}
	if h.back != 0 {
		c.Back.Secure = h.visit.Data
	}
	if h.measured {
		c.MaxBytes = 1 << 40
	}
}

// peer is a client or a backend with its data connection. It reads io.EOF after
// a close_notify only.
type peer struct {
	net.Conn
	tcp      *net.TCPConn
	throttle *strict
}

// errBare is the end of a TLS connection without close_notify.
var errBare = errors.New("FIN without close_notify")

// strict tells crypto/tls of a FIN, which it would take for the end. It may send
// in small pieces, at a pace.
type strict struct {
	net.Conn
	tls   bool
	piece int
	pace  time.Duration // 0: at once
}

func (s *strict) Write(p []byte) (n int, err error) {
	for s.pace > 0 && len(p) > s.piece && err == nil {
		var k int
		k, err = s.Conn.Write(p[:s.piece])
		n += k
		p = p[s.piece:]
		<-time.After(s.pace)
	}
	if err != nil {
		return n, err
	}
	k, err := s.Conn.Write(p)
	return n + k, err
}

func (s *strict) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if err == io.EOF && s.tls {
		err = errBare
	}
	return n, err
}

func (h *house) peer(side messages.Side, tcp *net.TCPConn) peer {
	under := &strict{Conn: tcp, tls: h.on(side) != 0}
	switch {
	case h.on(side) == 0:
		return peer{under, tcp, under}
	case side == messages.FrontSide:
		return peer{tls.Client(under, h.client), tcp, under}
	}
	return peer{tls.Server(under, h.backend), tcp, under}
}

// greet does the peer's part of the handshake.
func (p peer) greet() error {
	if c, ok := p.Conn.(*tls.Conn); ok {
		return c.Handshake()
	}
	return nil
}

func (p peer) resumed() bool {
	c, ok := p.Conn.(*tls.Conn)
	return !ok || c.ConnectionState().DidResume
}

// closeWrite says that no more comes: by close_notify, or by FIN.
func (p peer) closeWrite() error {
	if c, ok := p.Conn.(*tls.Conn); ok {
		return c.CloseWrite()
	}
	return p.tcp.CloseWrite()
}

// secureRig is a rig whose peers are in TLS, or not, as the house has it.
type secureRig struct {
	*rig
	source, dest peer
}

// startSecure runs a channel and has both peers connected and greeted.
func startSecure(t testing.TB, w way, h *house, adjust ...func(*Config)) *secureRig {
	t.Helper()
	r := &secureRig{}
	var wg conc.WaitGroup
	var berr error
	var backend peer
	adjust = append([]func(*Config){h.secure}, adjust...)
	r.rig = startWith(t, w, func(tcp *net.TCPConn) {
		backend = h.peer(messages.BackSide, tcp)
		wg.Go(func() { berr = backend.greet() })
	}, adjust...)
	front := r.rig.dest
	if w.upload {
		front = r.rig.source
	}
	client := h.peer(messages.FrontSide, front)
	err := client.greet()
	wg.Wait()
	if err := errors.Join(err, berr); err != nil {
		t.Fatal(err)
	}
	r.source, r.dest = backend, client
	if w.upload {
		r.source, r.dest = client, backend
	}
	return r
}

// begunSecure is a transfer in the middle, like begun.
func begunSecure(t testing.TB, w way, h *house, adjust ...func(*Config)) *secureRig {
	t.Helper()
	r := startSecure(t, w, h, adjust...)
	if _, err := r.source.Write([]byte("some")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r.dest, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	return r
}

func background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
