package ftpsession

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/actors/stage"
)

// identity is a certificate that is its own authority.
type identity struct {
	pair tls.Certificate
	pool *x509.CertPool
	file string // certificate and key
}

func newIdentity(t testing.TB, names ...string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	id := identity{pool: x509.NewCertPool(), file: filepath.Join(t.TempDir(), "identity.pem")}
	if err := os.WriteFile(id.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if id.pair, err = tls.X509KeyPair(text, text); err != nil {
		t.Fatal(err)
	}
	id.pool.AddCert(id.pair.Leaf)
	return id
}

// towardsClients is a stage server with an identity.
func (id identity) towardsClients(t testing.TB, change func(*stage.ServerConfig)) *stage.Server {
	t.Helper()
	cfg := stage.ServerConfig{KeyPairs: []stage.KeyPair{{Certificate: id.file}}}
	if change != nil {
		change(&cfg)
	}
	s, err := stage.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// towardsBackends is a stage client that trusts an identity.
func (id identity) towardsBackends(t testing.TB) *stage.Client {
	t.Helper()
	c, err := stage.NewClient(stage.ClientConfig{Authorities: stage.Authorities{CAFile: id.file}, HandshakeLimit: patience})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tlsRig is a rig with TLS on both sides.
type tlsRig struct {
	*rig
	front  identity
	config *tls.Config // the client's
	tls    *tls.Conn   // nil: in clear
}

func newTLSRig(t testing.TB, backends ...*server) *tlsRig {
	t.Helper()
	back := newIdentity(t)
	addrs := picking(backends[0].addr())
	for _, b := range backends {
		b.set(func() { b.tls = &tls.Config{Certificates: []tls.Certificate{back.pair}} })
	}
	r := &tlsRig{rig: newRig(t, addrs), front: newIdentity(t, "here.example")}
	r.setup.TLS, r.setup.BackendTLS = r.front.towardsClients(t, nil), back.towardsBackends(t)
	r.setup.Dialogue.BackendTLS = dialogue.TLSIfOffered
	r.config = &tls.Config{RootCAs: r.front.pool, ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	return r
}

// handshake brings the client's control connection into TLS.
func (r *tlsRig) handshake() {
	r.t.Helper()
	r.tls = tls.Client(r.client, r.config)
	_ = r.client.SetDeadline(time.Now().Add(patience))
	if err := r.tls.Handshake(); err != nil {
		r.t.Fatalf("handshake: %v; log:\n%s", err, r.logs)
	}
	r.out, r.in = r.tls, bufio.NewReader(r.tls)
}

// authTLS greets and goes into TLS explicitly.
func (r *tlsRig) authTLS() {
	r.t.Helper()
	r.hear("220 ")
	r.send("AUTH TLS\r\n")
	r.hear("234 ")
	r.handshake()
}

// ask says a command and hears its reply.
func (r *tlsRig) ask(command, reply string) string {
	r.t.Helper()
	r.send(command + "\r\n")
	return r.hear(reply)
}

func (r *tlsRig) private() {
	r.t.Helper()
	r.ask("PBSZ 0", "200 PBSZ 0 successful")
	r.ask("PROT P", "200 Protection set to Private")
}

func (r *tlsRig) login() {
	r.t.Helper()
	r.ask("USER ann", "331 ")
	r.ask("PASS canary-4711", "230 ")
}

// open begins a transfer and returns the client's data connection in TLS.
func (r *tlsRig) open(command string) *tls.Conn {
	r.t.Helper()
	d := dialFrom(r.t, "127.0.0.1", portOf(r.t, r.ask("EPSV", "229 ")))
	r.t.Cleanup(func() { d.Close() })
	_ = d.SetDeadline(time.Now().Add(patience))
	r.ask(command, "150 ")
	c := tls.Client(d, r.config)
	if err := c.Handshake(); err != nil {
		r.t.Fatalf("data handshake: %v; log:\n%s", err, r.logs)
	}
	return c
}

// leftAlone waits for the session's end and sees that the client hears nothing
// more but, in TLS, the proper end of that.
func (r *tlsRig) leftAlone() {
	r.t.Helper()
	rest, err := r.hearEnd()
	if rest != "" || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		r.t.Errorf("the client heard %q, %v; log:\n%s", rest, err, r.logs)
	}
	if err := r.ended(); err != nil {
		r.t.Errorf("the session ended with %v", err)
	}
}

// secure brings a visit into TLS.
func (v *visit) secure() {
	c := tls.Server(v.conn, v.tls)
	if err := c.Handshake(); err != nil {
		v.conn.Close()
		return
	}
	v.out, v.in = c, bufio.NewReader(c)
}

// set changes what the next visits find.
func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// said tells which verbs a backend heard.
func (s *server) said(verb string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.heard, verb)
}

func (s *server) lastStored() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.stored, "|")
}

// transfer does one over the data connection that was agreed on. A protected one
// has to resume the control connection's session, as many servers want it.
func (v *visit) transfer(do func(net.Conn) error) {
	tcp, err := v.pasv.AcceptTCP()
	v.pasv.Close()
	if err != nil {
		v.say("425 %v", err)
		return
	}
	defer tcp.Close()
	v.say("150 here it comes")
	if v.prot != "P" {
		if err := do(tcp); err != nil {
			v.say("426 %v", err)
			return
		}
		tcp.Close()
		v.say("226 done")
		return
	}
	c := tls.Server(tcp, v.tls)
	if err := c.Handshake(); err != nil || !c.ConnectionState().DidResume {
		v.say("522 session reuse required")
		return
	}
	if err := do(c); err != nil {
		v.say("426 %v", err)
		return
	}
	c.Close()
	v.say("226 done")
}
