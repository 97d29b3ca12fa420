package sqlsource

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// mode is how much TLS a connection insists on; the words are PostgreSQL's.
type mode string

const (
	disable    mode = "disable"     // never TLS
	prefer     mode = "prefer"      // TLS if the server has it, whoever it is
	require    mode = "require"     // TLS, whoever the server is
	verifyCA   mode = "verify-ca"   // its certificate leads to the CA
	verifyFull mode = "verify-full" // and is for the host's name, too
)

// secure is TLS to a database. A socket of this machine never uses it.
type secure struct {
	mode   mode
	config *tls.Config // nil if disabled
}

// tlsFiles are the options that name files, and what goes with them.
type tlsFiles struct{ cert, key, ca, caDir, ciphers string }

// secure reads the ssl-… options. Without any, TLS is used if the server has
// it. Any of them demands TLS; one that names a CA has the chain verified,
// which is what the peer's libraries do with it; ssl-mode:verify-full, our
// own, compares the name as well.
func (c Connection) secure() (secure, error) {
	var files tlsFiles
	s := secure{mode: prefer}
	written := mode("")
	places := map[string]*string{
		"ssl-cert": &files.cert, "ssl-key": &files.key, "ssl-ca": &files.ca,
		"ssl-ca-dir": &files.caDir, "ssl-ciphers": &files.ciphers, "ssl-mode": (*string)(&written),
	}
	for _, o := range c.TLS {
		place, ok := places[o.Key]
		if !ok {
			return secure{}, fmt.Errorf("unknown option %s: expected ssl-cert, ssl-key, ssl-ca, ssl-ca-dir, ssl-ciphers or ssl-mode", clip(o.Key))
		}
		*place = o.Value
	}
	switch {
	case written != "":
		s.mode = written
	case files.ca != "" || files.caDir != "":
		s.mode = verifyCA
	case len(c.TLS) > 0:
		s.mode = require
	}
	config, err := files.config()
	if err != nil {
		return secure{}, err
	}
	s.config, err = s.mode.apply(config, c.Host)
	return s, err
}

// apply makes a configuration check what the mode demands.
func (m mode) apply(config *tls.Config, host string) (*tls.Config, error) {
	config.ServerName = host
	switch m {
	case disable:
		return nil, nil
	case prefer:
		config.InsecureSkipVerify = true     // as the mode says
		config.MinVersion = tls.VersionTLS10 // an old server would be spoken to in clear otherwise
	case require:
		config.InsecureSkipVerify = true // as the mode says
	case verifyCA:
		config.InsecureSkipVerify = true // of the name alone: the chain is verified here
		roots := config.RootCAs
		config.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state.PeerCertificates, roots) }
	case verifyFull:
	default:
		return nil, fmt.Errorf("ssl-mode %q: expected disable, prefer, require, verify-ca or verify-full", clip(string(m)))
	}
	return config, nil
}

func verifyChain(shown []*x509.Certificate, roots *x509.CertPool) error {
	if len(shown) == 0 {
		return errors.New("the database server has shown no certificate")
	}
	between := x509.NewCertPool()
	for _, cert := range shown[1:] {
		between.AddCert(cert)
	}
	if _, err := shown[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return fmt.Errorf("verify the database server's certificate: %w", err)
	}
	return nil
}

// config reads the files.
func (f tlsFiles) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ciphers != "" {
		ciphers, err := tlspolicy.ParseCiphers(f.ciphers)
		if err != nil {
			return nil, fmt.Errorf("ssl-ciphers: %w", err)
		}
		config.CipherSuites = ciphers.IDs
	}
	if f.cert != "" || f.key != "" {
		if f.cert == "" || f.key == "" {
			return nil, errors.New("ssl-cert and ssl-key go together: one is missing")
		}
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("read ssl-cert %s and ssl-key %s: %w", f.cert, f.key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	var err error
	config.RootCAs, err = f.roots()
	return config, err
}

// roots are the certificates to verify against; nil means the system's.
func (f tlsFiles) roots() (*x509.CertPool, error) {
	var paths []string
	if f.ca != "" {
		paths = append(paths, f.ca)
	}
	if f.caDir != "" {
		entries, err := os.ReadDir(f.caDir)
		if err != nil {
			return nil, fmt.Errorf("read ssl-ca-dir: %w", err)
		}
		for _, entry := range entries {
			if !entry.IsDir() {
				paths = append(paths, filepath.Join(f.caDir, entry.Name()))
			}
		}
	}
	if len(paths) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	found := false
	for _, p := range paths {
		pem, err := os.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("read ssl-ca: %w", err)
		}
		found = pool.AppendCertsFromPEM(pem) || found
	}
	if !found {
		return nil, fmt.Errorf("there is no certificate in %s: expected PEM", paths[0])
	}
	return pool, nil
}
