// Package examples_test keeps the example configurations loadable.
package examples_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/runtime/config"
)

// house is where the examples say that certificates, keys and lists are.
const house = "/etc/sluice/"

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("*.conf")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text := read(t, file)
			report := load(t, text, true)
			for _, problem := range report.Problems {
				t.Error(problem)
			}
			for _, note := range report.NoEffectYet {
				t.Errorf("%s: %s has no effect: an example should not recommend it", note.Pos, note.Directive)
			}
			for _, problem := range load(t, text, false).Problems {
				if !strings.Contains(problem.Text, "does not exist") {
					t.Error(problem)
				}
			}
		})
	}
}

// commented is a directive behind a "#". Prose has one blank there.
var commented = regexp.MustCompile(`(?m)^( *)#((?:  +)?<?/?[A-Z])`)

// TestExamplesWithoutTheirComments: what is only proposed would be accepted, too.
func TestExamplesWithoutTheirComments(t *testing.T) {
	text := read(t, "full.conf")
	bare := commented.ReplaceAllString(text, "$1$2")
	if n := len(commented.FindAllString(text, -1)); n < 15 {
		t.Fatalf("%d directives are commented out", n)
	}
	report := load(t, strings.ReplaceAll(bare, "/etc/ssl/certs/ca-certificates.crt", house+"backends-ca.crt"), true)
	for _, problem := range report.Problems {
		t.Error(problem)
	}
	for _, note := range report.NoEffectYet {
		if !strings.HasPrefix(note.Directive, "SFTP") { // as the comment says
			t.Errorf("%s: %s has no effect", note.Pos, note.Directive)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// load reads an example whose files lie in a directory of the test's own, or
// are missing.
func load(t *testing.T, text string, furnished bool) *config.Report {
	t.Helper()
	dir := t.TempDir() + "/"
	if furnished {
		furnish(t, dir)
	}
	moved := filepath.Join(dir, "sluice.conf")
	if err := os.WriteFile(moved, []byte(strings.ReplaceAll(text, " "+house, " "+dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, report := config.Load(moved, config.Options{Getenv: os.LookupEnv})
	for _, note := range report.Ignored {
		t.Errorf("%s: %s is ignored: an example should not recommend it", note.Pos, note.Directive)
	}
	return report
}

// furnish puts everything in place that an example may name.
func furnish(t *testing.T, dir string) {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ftp.example.com.rsa": rsaKey, "ftp.example.com.ec": ecKey, "ftp.example.com": rsaKey, "clients-ca": ecKey, "backends-ca": ecKey} {
		cert := selfSigned(t, key)
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().AddDate(0, 1, 0),
		}, cert, key)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir+name+".crt", "CERTIFICATE", cert.Raw)
		write(t, dir+name+".key", "PRIVATE KEY", raw)
		write(t, dir+name+".crl", "X509 CRL", list)
		write(t, dir+"ssh_host_ed25519_key", "PRIVATE KEY", raw) // nobody looks into it yet
	}
}

func selfSigned(t *testing.T, key crypto.Signer) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ftp.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
