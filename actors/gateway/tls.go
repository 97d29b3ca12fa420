package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// secure gives the sessions of a server what they need for TLS.
func (g *Gateway) secure(s *ftpsession.Setup, cfg *config.Config, set *config.Settings) (err error) {
	s.TLSLog = g.logs.tls(set.TLS, s.Log)
	if s.TLS, err = g.frontTLS(cfg, set.TLS, s.TLSLog); err != nil {
		return err
	}
	if s.BackendTLS, err = g.backTLS(s.Pool, set.BackendTLS, s.ProxyLog); err != nil {
		return err
	}
	s.LaxClose = set.TLS.Options.NoCloseNotifyRequired
	s.BackendLaxClose = set.BackendTLS.Options.NoCloseNotifyRequired
	return nil
}

// noneIfZero turns a setting whose zero means none into one whose zero means the
// default.
func noneIfZero[T int | time.Duration](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

// terms are what a handshake may agree on.
type terms struct {
	versions tlspolicy.Bounds
	ciphers  tlspolicy.Ciphers
	curves   tlspolicy.Curves
}

// readTerms translates from OpenSSL's words. The directives begin with prefix.
func readTerms(prefix string, versions config.TLSVersions, ciphers string, curves []string) (t terms, err error) {
	if t.versions, err = tlspolicy.Versions(versions).Bounds(); err != nil {
		return t, fmt.Errorf("%sProtocol: %w", prefix, err)
	}
	if t.ciphers, err = tlspolicy.ParseCiphers(ciphers); err != nil {
		return t, fmt.Errorf("%sCipherSuite: %w", prefix, err)
	}
	if t.curves, err = tlspolicy.ParseCurves(curves); err != nil {
		return t, fmt.Errorf("%sECDHCurve: %w", prefix, err)
	}
	return t, nil
}

// readable adds what to do about a file that must not be read.
func readable(directive string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: %w; %s", directive, err, unreadable)
	}
	return fmt.Errorf("%s: %w", directive, err)
}
