package stage

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// KeyPair names a certificate and its key, both PEM.
type KeyPair struct {
	Certificate string // may go on with the chain, and hold the key too
	Key         string // empty: in Certificate
}

// maxPEM bounds every file that is read here: a system's bundle of roots has
// some 220 KiB, the lists of large authorities a few megabytes.
const maxPEM = 32 << 20

func readPEM(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("'%s' is no regular file", path)
	}
	if info.Size() > maxPEM {
		return nil, fmt.Errorf("'%s' is larger than %d MiB", path, maxPEM>>20)
	}
	return os.ReadFile(path)
}

// load reads the pair. Only the owner may have access to a private file.
func (k KeyPair) load(private bool) (tls.Certificate, error) {
	certs, err := readPEM(k.Certificate)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading certificate: %w", err)
	}
	path, keys := k.Certificate, certs
	if k.Key != "" {
		path = k.Key
		if strings.HasPrefix(path, "pkcs11:") {
			return tls.Certificate{}, fmt.Errorf("key '%s': keys in PKCS#11 devices cannot be used, name a PEM file", path)
		}
		if keys, err = readPEM(path); err != nil {
			return tls.Certificate{}, fmt.Errorf("reading key: %w", err)
		}
	}
	if private {
		if err := onlyOwner(path); err != nil {
			return tls.Certificate{}, err
		}
	}
	if err := inClear(keys); err != nil {
		return tls.Certificate{}, fmt.Errorf("key '%s': %w", path, err)
	}
	pair, err := tls.X509KeyPair(certs, keys)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate '%s' with key '%s': %s", k.Certificate, path, plain(err))
	}
	return pair, nil
}

// onlyOwner holds to the rule that a server's key is nobody else's.
func onlyOwner(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("key '%s' is accessible to group or others (perms %04o): chmod 600 it", path, perm)
	}
	return nil
}

func inClear(keys []byte) error {
	for block, rest := pem.Decode(keys); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return errors.New("it is encrypted, and nobody is there to give its passphrase: store it in clear, e.g. by 'openssl pkey'")
		}
	}
	return nil
}

// plain is an error of crypto/tls or crypto/x509 without its prefix.
func plain(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "tls: "), "x509: ")
}

// loadPairs reads a server's certificates. Those with small fast keys come
// first, as the first that a client can use is used.
func loadPairs(pairs []KeyPair, chainFile string) ([]*tls.Certificate, error) {
	if len(pairs) == 0 {
		return nil, errors.New("a TLS server needs a certificate: TLSRSACertificateFile or TLSECCertificateFile")
	}
	var chain []*x509.Certificate
	if chainFile != "" {
		b, err := readPEM(chainFile)
		if err != nil {
			return nil, fmt.Errorf("reading certificate chain: %w", err)
		}
		if chain, _ = parseCertificates(b); len(chain) == 0 {
			return nil, fmt.Errorf("certificate chain '%s' has no certificate in it", chainFile)
		}
	}
	var all []*tls.Certificate
	for _, k := range pairs {
		pair, err := k.load(true)
		if err != nil {
			return nil, err
		}
		extend(&pair, chain)
		all = append(all, &pair)
	}
	slices.SortStableFunc(all, func(a, b *tls.Certificate) int { return rank(a) - rank(b) })
	return all, nil
}

func rank(c *tls.Certificate) int {
	switch c.Leaf.PublicKey.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return 0
	}
	return 1
}

// extend appends the certificates that lead on from the pair's last one. One
// file serves pairs of different authorities, and each sends its own only.
func extend(pair *tls.Certificate, chain []*x509.Certificate) {
	last, err := x509.ParseCertificate(pair.Certificate[len(pair.Certificate)-1])
	if err != nil {
		return // a surplus block that crypto/tls does not look at either
	}
	for range chain {
		i := slices.IndexFunc(chain, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, last.RawIssuer) && !slices.ContainsFunc(pair.Certificate, func(have []byte) bool { return bytes.Equal(have, c.Raw) })
		})
		if i < 0 {
			return
		}
		last = chain[i]
		pair.Certificate = append(pair.Certificate, last.Raw)
	}
}

// parseCertificates reads all certificates of a PEM file, or of a DER file that
// is one. Those that cannot be parsed are counted.
func parseCertificates(b []byte) (certs []*x509.Certificate, bad int) {
	blocks := 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, c)
		} else {
			bad++
		}
	}
	if blocks == 0 {
		if c, err := x509.ParseCertificate(b); err == nil {
			certs = append(certs, c)
		}
	}
	return certs, bad
}
