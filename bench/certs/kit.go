package certs

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Kit is one of everything that a test of certificates wants, as files in one folder.
type Kit struct {
	Dir string
	// Authority signed everything but what Stranger and SelfSigned name; CA is its certificate and
	// CRL its revocation list, which names Revoked and RevokedClient alone.
	Authority *Authority
	CA, CRL   string
	// OtherCA is an authority that signed Stranger alone.
	OtherCA string

	// Servers. RSA and ECDSA are right in every way for localhost, peer.test and every address of
	// Loopback; Chained is so behind an intermediate authority. Each of the others has one fault:
	// it is Expired, not valid yet (Future), for another host (OtherName), SelfSigned, Revoked, or
	// signed by an authority nobody trusts (Stranger).
	RSA, ECDSA, Chained                                       Files
	Expired, Future, OtherName, SelfSigned, Revoked, Stranger Files

	// Clients. Client is CN=alice with the address alice@peer.test.
	Client, ExpiredClient, RevokedClient, StrangerClient Files
}

// The names that the servers of a Kit go by, and the one that OtherName has instead.
var (
	serverNames = []string{"localhost", "peer.test"}
	otherNames  = []string{"elsewhere.test"}
)

// pool is how many further loopback addresses the servers of a Kit answer to.
const pool = 60

// Loopback lists the addresses that a Kit's servers are certified for: 127.0.0.1, 127.0.0.2, ::1 and
// 127.0.99.1 to 127.0.99.60, among which a server finds one where port 990 is free.
func Loopback() []net.IP {
	list := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 2), net.IPv6loopback}
	for i := range pool {
		list = append(list, net.IPv4(127, 0, 99, byte(i+1)))
	}
	return list
}

// NewKit makes a Kit in dir.
func NewKit(dir string) (*Kit, error) {
	k := &Kit{Dir: dir}
	for _, step := range []func() error{k.authorities, k.servers, k.clients, k.list} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("make certificates in %s: %w", dir, err)
		}
	}
	return k, nil
}

// Pool trusts the Kit's authority, for a client or server in this process.
func (k *Kit) Pool() *x509.CertPool { return k.Authority.Pool() }

func (k *Kit) authorities() (err error) {
	if err := os.MkdirAll(k.Dir, 0o755); err != nil {
		return err
	}
	if k.Authority, err = NewAuthority("Proving Ground Root"); err != nil {
		return err
	}
	k.CA = filepath.Join(k.Dir, "ca.pem")
	return place(k.CA, k.Authority.PEM(), 0o644)
}

// issue makes one leaf and writes it.
func (k *Kit) issue(to *Files, name string, s Spec, sign func(Spec) (*Leaf, error)) (*Leaf, error) {
	leaf, err := sign(s)
	if err != nil {
		return nil, err
	}
	*to, err = leaf.Write(k.Dir, name)
	return leaf, err
}

func (k *Kit) servers() error {
	other, err := NewAuthority("Unknown Root")
	if err != nil {
		return err
	}
	between, err := k.Authority.Intermediate("Proving Ground Intermediate")
	if err != nil {
		return err
	}
	k.OtherCA = filepath.Join(k.Dir, "other-ca.pem")
	if err := place(k.OtherCA, other.PEM(), 0o644); err != nil {
		return err
	}
	right := Spec{Name: "localhost", DNS: serverNames, IPs: Loopback()}
	rsa, expired, future, elsewhere := right, right, right, right
	rsa.Key = RSA
	now := time.Now()
	expired.NotBefore, expired.NotAfter = now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	future.NotBefore, future.NotAfter = now.Add(24*time.Hour), now.Add(48*time.Hour)
	elsewhere.Name, elsewhere.DNS, elsewhere.IPs = otherNames[0], otherNames, []net.IP{net.IPv4(192, 0, 2, 1)}
	for _, want := range []struct {
		to   *Files
		name string
		spec Spec
		sign func(Spec) (*Leaf, error)
	}{
		{&k.RSA, "rsa", rsa, k.Authority.Issue},
		{&k.ECDSA, "ecdsa", right, k.Authority.Issue},
		{&k.Chained, "chained", right, between.Issue},
		{&k.Expired, "expired", expired, k.Authority.Issue},
		{&k.Future, "future", future, k.Authority.Issue},
		{&k.OtherName, "other-name", elsewhere, k.Authority.Issue},
		{&k.SelfSigned, "self-signed", right, SelfSigned},
		{&k.Stranger, "stranger", right, other.Issue},
		{&k.StrangerClient, "stranger-client", Spec{Name: "alice", Client: true}, other.Issue},
	} {
		if _, err := k.issue(want.to, want.name, want.spec, want.sign); err != nil {
			return err
		}
	}
	return k.revoked(&k.Revoked, "revoked", right)
}

func (k *Kit) clients() error {
	alice := Spec{Name: "alice", Email: "alice@peer.test", Client: true}
	if _, err := k.issue(&k.Client, "client", alice, k.Authority.Issue); err != nil {
		return err
	}
	late := alice
	late.NotBefore, late.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	if _, err := k.issue(&k.ExpiredClient, "expired-client", late, k.Authority.Issue); err != nil {
		return err
	}
	return k.revoked(&k.RevokedClient, "revoked-client", alice)
}

func (k *Kit) revoked(to *Files, name string, s Spec) error {
	leaf, err := k.issue(to, name, s, k.Authority.Issue)
	if err == nil {
		k.Authority.Revoke(leaf)
	}
	return err
}

func (k *Kit) list() error {
	body, err := k.Authority.CRL()
	if err != nil {
		return err
	}
	k.CRL = filepath.Join(k.Dir, "crl.pem")
	return place(k.CRL, body, 0o644)
}
