package stage

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// within bounds a test's waits.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// authority signs certificates for tests.
type authority struct {
	tls.Certificate
	parent *authority
}

var serial atomic.Int64

type change func(*x509.Certificate)

// make issues a certificate; an authority of nil makes one that is signed by itself.
func (a *authority) make(t testing.TB, key crypto.Signer, changes ...change) *authority {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(serial.Add(1) + 1000),
		Subject:               pkix.Name{CommonName: "somebody"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true,
	}
	for _, c := range changes {
		c(tmpl)
	}
	parent, signer := tmpl, key
	if a != nil {
		parent, signer = a.Leaf, a.PrivateKey.(crypto.Signer)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, a}
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func named(cn string) change { return func(c *x509.Certificate) { c.Subject.CommonName = cn } }
func hosts(names ...string) change {
	return func(c *x509.Certificate) { c.DNSNames = names }
}
func addresses(ips ...string) change {
	return func(c *x509.Certificate) {
		for _, ip := range ips {
			c.IPAddresses = append(c.IPAddresses, net.ParseIP(ip))
		}
	}
}
func until(when time.Time) change {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = when.Add(-48*time.Hour), when }
}
func isCA(c *x509.Certificate) {
	c.IsCA = true
	c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
}

func newCA(t testing.TB, cn string) *authority {
	t.Helper()
	return (*authority)(nil).make(t, ecKey(t), named(cn), isCA)
}

// sends has a certificate sent with those of the authorities below the root.
func (a *authority) sends() tls.Certificate {
	c := a.Certificate
	for up := a.parent; up != nil && up.parent != nil; up = up.parent {
		c.Certificate = append(c.Certificate, up.Leaf.Raw)
	}
	return c
}

func certPEM(as ...*authority) []byte {
	var b []byte
	for _, a := range as {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Leaf.Raw})...)
	}
	return b
}

func keyPEM(t testing.TB, a *authority) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// file writes one that only its owner may read.
func file(t testing.TB, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	put(t, path, parts...)
	return path
}

func put(t testing.TB, path string, parts ...[]byte) {
	t.Helper()
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// pair writes certificate and key into one file.
func pair(t testing.TB, a *authority, more ...*authority) KeyPair {
	t.Helper()
	return KeyPair{Certificate: file(t, certPEM(append([]*authority{a}, more...)...), keyPEM(t, a))}
}

// crl is the authority's list, valid until a time.
func (a *authority) crl(t testing.TB, until time.Time, revoked ...*authority) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: until.Add(-24 * time.Hour), NextUpdate: until}
	for _, r := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: r.Leaf.SerialNumber, RevocationTime: time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.Leaf, a.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// tcpPair is two ends of one connection.
func tcpPair(t testing.TB) (far, near *net.TCPConn) {
	t.Helper()
	far, near = socketstest.Pair(t)
	_ = far.SetDeadline(time.Now().Add(2 * patience))
	return far, near
}

// clock is a time that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// both runs two sides and waits for them.
func both(a, b func()) {
	var wg conc.WaitGroup
	wg.Go(a)
	wg.Go(b)
	wg.Wait()
}

// hello lets a client shake hands with a guest's control or data connection, and
// reads on so that it gets its tickets: the guest says a word.
func hello(t testing.TB, config *tls.Config, serve func(*net.TCPConn) (*Conn, error)) (state tls.ConnectionState, client, server error) {
	t.Helper()
	far, near := tcpPair(t)
	both(func() {
		c := tls.Client(far, config)
		defer far.Close()
		if client = c.Handshake(); client != nil {
			return
		}
		var word [1]byte
		_, client = io.ReadFull(c, word[:])
		state = c.ConnectionState()
	}, func() {
		var c *Conn
		if c, server = serve(near); server == nil {
			_ = c.SetDeadline(time.Now().Add(patience))
			_, server = c.Write([]byte("."))
			server = errors.Join(server, c.CloseNotify())
		}
		near.Close()
	})
	return state, client, server
}

func control(t testing.TB, g *Guest) func(*net.TCPConn) (*Conn, error) {
	return func(c *net.TCPConn) (*Conn, error) {
		conn, _, err := g.Control(within(t), c)
		return conn, err
	}
}

func data(t testing.TB, g *Guest) func(*net.TCPConn) (*Conn, error) {
	return func(c *net.TCPConn) (*Conn, error) { return g.Data(within(t), c) }
}

// versions of TLS that most claims are about.
var versions = map[string]uint16{"tls12": tls.VersionTLS12, "tls13": tls.VersionTLS13}

// locateOpenSSL finds the program. Without it a test says what is missing, and fails
// in CI, where nothing may be.
func locateOpenSSL(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "":
		t.Fatal("openssl is missing, and CI must not pass without it: apt-get install openssl")
	}
	t.Skip("openssl is missing: apt-get install openssl to face it")
	return ""
}
