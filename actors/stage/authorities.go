package stage

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Authorities names the certificates of those whom to trust, and their lists of
// certificates that were revoked. Of a path every file counts.
type Authorities struct {
	CAFile, CAPath   string // both empty: the system's roots, or bundled ones
	CRLFile, CRLPath string
}

// load reads what is named. Roots are nil when they are the system's own.
func (a Authorities) load(log zerolog.Logger) (*x509.CertPool, *revocations, error) {
	roots, err := a.roots(log)
	if err != nil {
		return nil, nil, err
	}
	lists, err := a.lists()
	return roots, lists, err
}

func (a Authorities) roots(log zerolog.Logger) (*x509.CertPool, error) {
	if a.CAFile == "" && a.CAPath == "" {
		return defaultRoots(x509.SystemCertPool())
	}
	pool := x509.NewCertPool()
	var bad int
	add := func(b []byte) int {
		certs, spoilt := parseCertificates(b)
		for _, c := range certs {
			pool.AddCert(c)
		}
		bad += spoilt
		return len(certs)
	}
	if err := eachFile(a.CAFile, a.CAPath, "certificate", add); err != nil {
		return nil, fmt.Errorf("reading certificates of authorities: %w", err)
	}
	if bad > 0 {
		log.Warn().Int("certificates", bad).Str("file", a.CAFile).Str("path", a.CAPath).
			Msg("some certificates of authorities cannot be parsed and are left out")
	}
	return pool, nil
}

// defaultRoots are the system's, nil, or bundled ones where it has none, as an
// empty container does. The bundle's own init would parse it in every process,
// so it is asked for here.
func defaultRoots(system *x509.CertPool, err error) (*x509.CertPool, error) {
	if err == nil && !system.Equal(x509.NewCertPool()) {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		c, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("reading the bundled roots: %w", err)
		}
		pool.AddCertWithConstraint(c, root.Constraint)
	}
	return pool, nil
}

// eachFile gives the contents of a file and of all files of a directory to add,
// which says how much it found. Nothing at all is an error; so is a named file
// with nothing.
func eachFile(file, dir, what string, add func([]byte) int) error {
	if file != "" {
		b, err := readPEM(file)
		if err != nil {
			return err
		}
		if add(b) == 0 {
			return fmt.Errorf("'%s' has no %s in it", file, what)
		}
	}
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := 0
	for _, e := range entries {
		b, err := readPEM(filepath.Join(dir, e.Name()))
		switch {
		case err == nil:
			found += add(b)
		case !e.Type().IsRegular() || errors.Is(err, os.ErrNotExist):
			// A directory, or a link that leads nowhere: hashed directories have them.
		default:
			return err
		}
	}
	if found == 0 {
		return fmt.Errorf("no file in '%s' has a %s in it", dir, what)
	}
	return nil
}
