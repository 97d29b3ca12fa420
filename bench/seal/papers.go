// Package seal is TLS for the two ends of a measurement, the load and the backend. Both share their
// processors with the gateway in the middle, so they speak what costs least and is the same whoever
// stands between them: TLS 1.3, AES-128-GCM, X25519, with many records in one system call. A peer that
// agrees on anything else makes the measurement fail, rather than a figure that compares two ciphers.
package seal

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/sluice-gateway/sluice/bench/certs"
)

// Papers are the certificates of a measurement. The gateway has an RSA key of 2048 bits, as most servers
// do, and pays for its signatures; the backend's is on P-256, so that it costs next to nothing.
type Papers struct {
	CA      string      `json:"ca"`
	Gateway certs.Files `json:"gateway"`
	Backend certs.Files `json:"backend"`
}

// NewPapers makes papers in dir, for 127.0.0.1.
func NewPapers(dir string) (Papers, error) {
	p := Papers{CA: filepath.Join(dir, "ca.pem")}
	authority, err := certs.NewAuthority("Proving Ground Root")
	if err != nil {
		return Papers{}, err
	}
	if err := os.WriteFile(p.CA, authority.PEM(), 0o644); err != nil {
		return Papers{}, fmt.Errorf("write the authority's certificate: %w", err)
	}
	for _, end := range []struct {
		to   *certs.Files
		name string
		key  certs.KeyKind
	}{{&p.Gateway, "gateway", certs.RSA}, {&p.Backend, "backend", certs.EC}} {
		leaf, err := authority.Issue(certs.Spec{
			Name: "localhost", DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Key: end.key,
		})
		if err != nil {
			return Papers{}, err
		}
		if *end.to, err = leaf.Write(dir, end.name); err != nil {
			return Papers{}, err
		}
	}
	return p, nil
}

// common is what both ends insist on.
func common() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519},
		DynamicRecordSizingDisabled: true,
	}
}

// ServerConfig is for a server with the given certificate.
func ServerConfig(own certs.Files) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		return nil, fmt.Errorf("load the backend's certificate: %w", err)
	}
	c := common()
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// ClientConfig is for clients that accept one certificate only, the first in a PEM file: a comparison
// is cheaper than the verification of a chain.
func ClientConfig(path string) (*tls.Config, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the certificate to expect: %w", err)
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return nil, fmt.Errorf("read the certificate to expect: %s is not in PEM", path)
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return nil, fmt.Errorf("read the certificate to expect: %s: %w", path, err)
	}
	c := common()
	c.ServerName, c.InsecureSkipVerify = "localhost", true
	c.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || !bytes.Equal(raw[0], block.Bytes) {
			return errors.New("the server shows another certificate than it was given")
		}
		return nil
	}
	return c, nil
}

// Agreed tells whether both ends agreed on what is measured here.
func Agreed(state tls.ConnectionState) error {
	if state.Version != tls.VersionTLS13 || state.CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		return fmt.Errorf("%s with %s was agreed on, which is not to be compared with the others' TLS_AES_128_GCM_SHA256",
			tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	}
	return nil
}
