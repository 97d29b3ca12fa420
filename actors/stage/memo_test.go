package stage

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

func TestVerificationsAreRemembered(t *testing.T) {
	ca := newCA(t, "root")
	leaf := ca.make(t, ecKey(t), hosts("ftp.example"))
	other := ca.make(t, ecKey(t), hosts("ftp.example"))
	peer, elsewhere := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	roots := x509.NewCertPool()
	roots.AddCert(ca.Leaf)
	var c clock
	v := &verifier{roots: roots, now: c.now}
	shown := []*x509.Certificate{leaf.Leaf}
	if err := v.verify(shown, "ftp.example", peer); err != nil {
		t.Fatal(err)
	}
	v.roots = x509.NewCertPool() // from here on nothing new passes
	for _, tt := range []struct {
		claim string
		sent  []*x509.Certificate
		host  string
		peer  netip.Addr
		known bool
	}{
		{"the_same_again", shown, "ftp.example", peer, true},
		{"another_certificate", []*x509.Certificate{other.Leaf}, "ftp.example", peer, false},
		{"one_certificate_more", []*x509.Certificate{leaf.Leaf, other.Leaf}, "ftp.example", peer, false},
		{"another_name", shown, "ftp.elsewhere", peer, false},
		{"another_address", shown, "ftp.example", elsewhere, false},
	} {
		if err := v.verify(tt.sent, tt.host, tt.peer); (err == nil) != tt.known {
			t.Errorf("%s: got %v", tt.claim, err)
		}
	}
	c.advance(memoTime)
	if err := v.verify(shown, "ftp.example", peer); !errors.Is(err, ErrUnknownIssuer) {
		t.Errorf("after %v: got %v", memoTime, err)
	}
}

func TestVerificationsEndWithTheCertificate(t *testing.T) {
	var c clock
	ca := newCA(t, "root")
	leaf := ca.make(t, ecKey(t), hosts("ftp.example"), func(x *x509.Certificate) { x.NotAfter = c.now().Add(10 * time.Second) })
	v := &verifier{roots: x509.NewCertPool(), now: c.now}
	v.roots.AddCert(ca.Leaf)
	shown := []*x509.Certificate{leaf.Leaf}
	if err := v.verify(shown, "ftp.example", netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	c.advance(20 * time.Second)
	if err := v.verify(shown, "ftp.example", netip.Addr{}); !errors.Is(err, ErrExpired) {
		t.Errorf("got %v", err)
	}
}

func TestFailuresAreNotRemembered(t *testing.T) {
	ca := newCA(t, "root")
	leaf := ca.make(t, ecKey(t), hosts("ftp.example"))
	v := &verifier{roots: x509.NewCertPool(), now: time.Now}
	shown := []*x509.Certificate{leaf.Leaf}
	var wrong *tlspolicy.IdentityError
	v.roots.AddCert(ca.Leaf)
	for range 2 {
		if err := v.verify(shown, "ftp.elsewhere", netip.Addr{}); !errors.As(err, &wrong) {
			t.Errorf("got %v", err)
		}
	}
}

func TestKeyExchangesAreRemembered(t *testing.T) {
	var c clock
	var m memo
	begin := c.now()
	m.chose("a", tls.X25519, begin)
	m.chose("b", tls.X25519MLKEM768, begin)
	for i, tt := range []struct {
		backend string
		after   time.Duration
		want    tls.CurveID
	}{
		{"a", 0, tls.X25519}, {"b", memoTime - 1, tls.X25519MLKEM768}, {"a", memoTime, 0}, {"c", 0, 0}, {"a", -time.Second, 0},
	} {
		if got := m.choice(tt.backend, begin.Add(tt.after)); got != tt.want {
			t.Errorf("case %d: %v, want %v", i, got, tt.want)
		}
	}
	m.chose("a", tls.X25519, begin.Add(memoTime/2)) // the narrow offer must not prolong itself
	if got := m.choice("a", begin.Add(memoTime)); got != 0 {
		t.Errorf("a choice from a narrow offer counts as one from the whole: %v", got)
	}
}

func TestCertificatesAreShared(t *testing.T) {
	leaf := newCA(t, "root")
	var m memo
	a, err := m.parse(leaf.Leaf.Raw)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := m.parse(append([]byte(nil), leaf.Leaf.Raw...))
	if a != b {
		t.Error("the same certificate was parsed twice")
	}
	if _, err := m.parse(leaf.Leaf.Raw[1:]); err == nil {
		t.Error("half a certificate was taken")
	}
}
