// Package certs is the certificate authority of tests and measurements: it makes keys, certificates
// and revocation lists when they are wanted and writes them as PEM files. Nothing it makes outlives
// the day, and nothing of it is kept in the repository.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// KeyKind is the kind of a certificate's key.
type KeyKind string

// The kinds of keys: ECDSA on P-256, which is made in no time, and RSA of 2048 bits.
const (
	EC  KeyKind = "EC"
	RSA KeyKind = "RSA"
)

// rsaBits is the size that public authorities still sign.
const rsaBits = 2048

// life is how long a certificate is valid before and after now, unless its Spec says otherwise.
const life = 12 * time.Hour

// Spec says what a certificate shall be.
type Spec struct {
	// Name is the subject's common name.
	Name string
	// DNS and IPs are the subject's alternative names.
	DNS []string
	IPs []net.IP
	// Email is a further alternative name, as client certificates have it.
	Email string
	// Key is EC by default. All RSA certificates of one process share one key, since making one
	// takes longer than most tests.
	Key KeyKind
	// Client makes a certificate for a client's use instead of a server's.
	Client bool
	// NotBefore and NotAfter are half a day ago and in half a day by default.
	NotBefore, NotAfter time.Time
}

// Authority signs certificates and revokes them.
type Authority struct {
	cert   *x509.Certificate
	key    crypto.Signer
	issuer *Authority // nil for a root

	mu      sync.Mutex
	revoked []x509.RevocationListEntry
	lists   int64 // revocation lists made so far
}

// NewAuthority makes a root authority.
func NewAuthority(name string) (*Authority, error) {
	return newAuthority(name, nil)
}

// Intermediate makes an authority that a signs.
func (a *Authority) Intermediate(name string) (*Authority, error) {
	return newAuthority(name, a)
}

func newAuthority(name string, issuer *Authority) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of %s: %w", name, err)
	}
	template, err := Spec{Name: name}.template()
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.ExtKeyUsage = nil
	a := &Authority{key: key, issuer: issuer}
	signer, signing := a.key, template
	if issuer != nil {
		signer, signing = issuer.key, issuer.cert
	}
	if a.cert, err = sign(template, signing, key.Public(), signer); err != nil {
		return nil, fmt.Errorf("sign the authority %s: %w", name, err)
	}
	return a, nil
}

// Certificate is the authority's own.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// PEM is the authority's own certificate.
func (a *Authority) PEM() []byte { return certificatePEM(a.cert) }

// Pool holds the authority alone, for a client or server in this process that is to trust it.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Issue makes a key and has the authority sign its certificate.
func (a *Authority) Issue(s Spec) (*Leaf, error) {
	return s.issue(a)
}

// SelfSigned makes a certificate that nobody vouches for.
func SelfSigned(s Spec) (*Leaf, error) {
	return s.issue(nil)
}

func (s Spec) issue(by *Authority) (*Leaf, error) {
	key, err := s.makeKey()
	if err != nil {
		return nil, fmt.Errorf("make the key of %s: %w", s.Name, err)
	}
	template, err := s.template()
	if err != nil {
		return nil, err
	}
	leaf := &Leaf{Key: key}
	signer, signing := key, template
	if by != nil {
		signer, signing = by.key, by.cert
	}
	if leaf.Certificate, err = sign(template, signing, key.Public(), signer); err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", s.Name, err)
	}
	for ; by != nil && by.issuer != nil; by = by.issuer {
		leaf.Chain = append(leaf.Chain, by.cert)
	}
	return leaf, nil
}

// sharedRSA is the one RSA key of the process.
var sharedRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) })

func (s Spec) makeKey() (crypto.Signer, error) {
	if s.Key == RSA {
		return sharedRSA()
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func (s Spec) template() (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("choose a serial number: %w", err)
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: s.Name, Organization: []string{"Proving Ground"}},
		NotBefore:    now.Add(-life), NotAfter: now.Add(life),
		DNSNames: s.DNS, IPAddresses: s.IPs,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if s.Key == RSA {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment // RSA key exchange of TLS 1.2
	}
	if s.Email != "" {
		t.EmailAddresses = []string{s.Email}
	}
	if s.Client {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if !s.NotBefore.IsZero() {
		t.NotBefore = s.NotBefore
	}
	if !s.NotAfter.IsZero() {
		t.NotAfter = s.NotAfter
	}
	return t, nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Revoke enters certificates into the authority's next revocation list.
func (a *Authority) Revoke(leaves ...*Leaf) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range leaves {
		a.revoked = append(a.revoked, x509.RevocationListEntry{
			SerialNumber: l.Certificate.SerialNumber, RevocationTime: time.Now().Add(-time.Minute),
		})
	}
}

// CRL is the list of what was revoked so far, as PEM; it is valid for half a day.
func (a *Authority) CRL() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lists++
	list := &x509.RevocationList{
		Number: big.NewInt(a.lists), RevokedCertificateEntries: a.revoked,
		ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(life),
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign the revocation list of %s: %w", a.cert.Subject.CommonName, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}
