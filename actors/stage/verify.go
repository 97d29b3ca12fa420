package stage

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// VerifyError says that a backend's certificate is none to go by. Its text is
// one line for the log.
type VerifyError struct {
	Host string // of the URL
	Err  error  // one of the causes below, or crypto/x509's
}

// Error names the host and the cause.
func (e *VerifyError) Error() string {
	return fmt.Sprintf("unable to verify '%s' server certificate: %s", e.Host, plain(e.Err))
}

// Unwrap gives the cause.
func (e *VerifyError) Unwrap() error { return e.Err }

// Causes of a VerifyError, beside ErrRevoked, ErrStaleCRL and a
// *tlspolicy.IdentityError, which is about a wrong name.
var (
	ErrSelfSigned    = errors.New("self-signed certificate")
	ErrUnknownIssuer = errors.New("certificate of an unknown issuer")
	ErrExpired       = errors.New("certificate expired")
	ErrNotYetValid   = errors.New("certificate not valid yet")
)

// verifier is how a backend's certificate is verified: by a chain to a known
// authority, its lists of revoked certificates, and the names of the certificate.
type verifier struct {
	roots *x509.CertPool // nil: the system's
	lists *revocations
	now   func() time.Time
	memo  memo
}

// verify takes the certificates as the backend sent them, its own first.
func (v *verifier) verify(sent []*x509.Certificate, host string, peer netip.Addr) error {
	key, now := occasion(sent, host, peer), v.now()
	expired := func(c *x509.Certificate) bool { return now.After(c.NotAfter) }
	if v.memo.knows(key, now) && !slices.ContainsFunc(sent, expired) {
		return nil
	}
	err := v.verifyAnew(sent, host, peer)
	if err == nil {
		v.memo.learn(key, now)
	}
	return err
}

func (v *verifier) verifyAnew(sent []*x509.Certificate, host string, peer netip.Addr) error {
	if err := v.trust(sent); err != nil {
		return &VerifyError{host, err}
	}
	if _, err := tlspolicy.MatchServer(sent[0], host, peer); err != nil {
		return &VerifyError{host, err}
	}
	return nil
}

func (v *verifier) trust(sent []*x509.Certificate) error {
	if len(sent) == 0 {
		return errors.New("there is none")
	}
	now := v.now()
	opts := x509.VerifyOptions{
		Roots:         v.roots,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range sent[1:] {
		opts.Intermediates.AddCert(c)
	}
	chains, err := sent[0].Verify(opts)
	if err != nil {
		return distrust(err, sent, now)
	}
	return v.lists.checkAny(chains, now)
}

// distrust says in one clause why there is no chain.
func distrust(err error, sent []*x509.Certificate, now time.Time) error {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		name := tlspolicy.DN(invalid.Cert.RawSubject)
		if now.Before(invalid.Cert.NotBefore) {
			return fmt.Errorf("%w: '%s' begins on %s", ErrNotYetValid, name, invalid.Cert.NotBefore.UTC().Format(time.RFC3339))
		}
		return fmt.Errorf("%w: '%s' on %s", ErrExpired, name, invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &unknown):
		top := highest(sent)
		if top == sent[0] && bytes.Equal(top.RawIssuer, top.RawSubject) {
			return fmt.Errorf("%w '%s'", ErrSelfSigned, tlspolicy.DN(top.RawSubject))
		}
		return fmt.Errorf("%w '%s'", ErrUnknownIssuer, tlspolicy.DN(top.RawIssuer))
	}
	return err
}

// highest is how far up the certificates that were sent lead.
func highest(sent []*x509.Certificate) *x509.Certificate {
	top := sent[0]
	for range sent {
		i := slices.IndexFunc(sent, func(c *x509.Certificate) bool {
			return c != top && bytes.Equal(c.RawSubject, top.RawIssuer)
		})
		if i < 0 || bytes.Equal(top.RawIssuer, top.RawSubject) {
			break
		}
		top = sent[i]
	}
	return top
}
