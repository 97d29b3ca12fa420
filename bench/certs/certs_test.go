package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
)

func kit(t *testing.T) *certs.Kit {
	t.Helper()
	k, err := certs.NewKit(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func load(t *testing.T, f certs.Files) (*x509.Certificate, *x509.CertPool) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	if both, err := tls.LoadX509KeyPair(f.Both, f.Both); err != nil || !both.Leaf.Equal(pair.Leaf) {
		t.Errorf("%s is not the same pair (%v)", f.Both, err)
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(c)
	}
	return pair.Leaf, between
}

func TestKit_each_certificate_has_the_fault_of_its_name_only(t *testing.T) {
	k := kit(t)
	cases := map[string]struct {
		files  certs.Files
		client bool
		good   bool
	}{
		"rsa":             {files: k.RSA, good: true},
		"ecdsa":           {files: k.ECDSA, good: true},
		"chained":         {files: k.Chained, good: true},
		"expired":         {files: k.Expired},
		"future":          {files: k.Future},
		"other name":      {files: k.OtherName},
		"self-signed":     {files: k.SelfSigned},
		"stranger":        {files: k.Stranger},
		"revoked":         {files: k.Revoked, good: true}, // Verify knows no lists
		"client":          {files: k.Client, client: true, good: true},
		"expired client":  {files: k.ExpiredClient, client: true},
		"stranger client": {files: k.StrangerClient, client: true},
		"revoked client":  {files: k.RevokedClient, client: true, good: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			leaf, between := load(t, c.files)
			for _, host := range []string{"localhost", "peer.test", "127.0.0.1", "::1", "127.0.99.60"} {
				o := x509.VerifyOptions{Roots: k.Pool(), Intermediates: between, DNSName: host}
				if c.client {
					o.DNSName, o.KeyUsages = "", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
				}
				if _, err := leaf.Verify(o); (err == nil) != c.good {
					t.Errorf("for %s: %v", host, err)
				}
			}
			if info, err := os.Stat(c.files.Key); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the key's mode is %v (%v)", info.Mode(), err)
			}
		})
	}
}

func TestKit_keys_are_of_the_kind_that_was_asked_for(t *testing.T) {
	k := kit(t)
	for path, want := range map[string]certs.KeyKind{k.RSA.Cert: certs.RSA, k.ECDSA.Both: certs.EC} {
		if got, err := certs.KindOf(path); err != nil || got != want {
			t.Errorf("%s: %s (%v), want %s", path, got, err, want)
		}
	}
	if leaf, _ := load(t, k.RSA); leaf.PublicKey.(interface{ Size() int }).Size() != 2048/8 {
		t.Error("the RSA key has not 2048 bits")
	}
}

func TestKit_the_list_names_what_was_revoked(t *testing.T) {
	k := kit(t)
	body, err := os.ReadFile(k.CRL)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(body)
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(k.Authority.Certificate()); err != nil {
		t.Error(err)
	}
	if !list.NextUpdate.After(time.Now()) {
		t.Errorf("the list is stale since %v", list.NextUpdate)
	}
	listed := map[string]bool{}
	for _, entry := range list.RevokedCertificateEntries {
		listed[entry.SerialNumber.String()] = true
	}
	for files, want := range map[certs.Files]bool{k.Revoked: true, k.RevokedClient: true, k.RSA: false, k.Client: false} {
		if leaf, _ := load(t, files); listed[leaf.SerialNumber.String()] != want {
			t.Errorf("%s is listed: %v", files.Cert, !want)
		}
	}
}
