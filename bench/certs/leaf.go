package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// Leaf is a certificate with its key.
type Leaf struct {
	Certificate *x509.Certificate
	// Chain holds the intermediate authorities, the nearest first; roots are left out.
	Chain []*x509.Certificate
	Key   crypto.Signer
}

// TLS is the leaf as crypto/tls takes it.
func (l *Leaf) TLS() tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{l.Certificate.Raw}, PrivateKey: l.Key, Leaf: l.Certificate}
	for _, between := range l.Chain {
		c.Certificate = append(c.Certificate, between.Raw)
	}
	return c
}

// PEM is the certificate with its chain, and the key (PKCS #8).
func (l *Leaf) PEM() (certificate, key []byte, err error) {
	certificate = certificatePEM(append([]*x509.Certificate{l.Certificate}, l.Chain...)...)
	der, err := x509.MarshalPKCS8PrivateKey(l.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the key of %s: %w", l.Certificate.Subject.CommonName, err)
	}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certificatePEM(list ...*x509.Certificate) (text []byte) {
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

// Files says where a leaf was written. The zero value names no certificate.
type Files struct {
	// Cert holds the certificate and its chain and is readable by all; Key holds the key, and Both
	// holds the two in one, readable by their owner only, which ProFTPD insists on.
	Cert, Key, Both string
}

// Write places NAME.pem, NAME.key and NAME.both in dir.
func (l *Leaf) Write(dir, name string) (Files, error) {
	certificate, key, err := l.PEM()
	if err != nil {
		return Files{}, err
	}
	at := filepath.Join(dir, name)
	f := Files{Cert: at + ".pem", Key: at + ".key", Both: at + ".both"}
	for _, file := range []struct {
		path string
		body []byte
		mode os.FileMode
	}{
		{f.Cert, certificate, 0o644},
		{f.Key, key, 0o600},
		{f.Both, append(append([]byte(nil), certificate...), key...), 0o600},
	} {
		if err := place(file.path, file.body, file.mode); err != nil {
			return Files{}, err
		}
	}
	return f, nil
}

// place writes a file anew, so that it never has another mode than it shall have.
func place(path string, body []byte, mode os.FileMode) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("write a certificate file: %w", err)
	}
	if err := os.WriteFile(path, body, mode); err != nil {
		return fmt.Errorf("write a certificate file: %w", err)
	}
	return nil
}

// KindOf tells the kind of key of the first certificate in a PEM file.
func KindOf(path string) (KeyKind, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a certificate: %w", err)
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return "", fmt.Errorf("read a certificate: %s is not in PEM", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("read a certificate: %s: %w", path, err)
	}
	if cert.PublicKeyAlgorithm == x509.RSA {
		return RSA, nil
	}
	return EC, nil
}
