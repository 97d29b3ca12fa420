package stage

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// revocations are the lists that authorities publish of certificates they take
// back (RFC 5280 section 5). Its rules:
//
//   - Every certificate of a chain but the root is looked up in the lists of its
//     issuer; an issuer without a list revokes nothing.
//   - A list counts only with its issuer's signature, and within its time: a list
//     past its time says nothing about today, so everybody it could speak of is
//     refused until there is a new one.
type revocations struct {
	byIssuer map[string][]*revocationList // by raw name
}

type revocationList struct {
	*x509.RevocationList
	revoked map[string]time.Time // by serial number
}

// ErrRevoked is wrapped by the errors about certificates that were revoked.
var ErrRevoked = errors.New("certificate revoked")

// ErrStaleCRL is wrapped by the errors about lists whose time is over.
var ErrStaleCRL = errors.New("certificate revocation list expired")

// lists reads the lists, nil when none are named.
func (a Authorities) lists() (*revocations, error) {
	if a.CRLFile == "" && a.CRLPath == "" {
		return nil, nil
	}
	r := &revocations{byIssuer: make(map[string][]*revocationList)}
	var bad error
	err := eachFile(a.CRLFile, a.CRLPath, "certificate revocation list", func(b []byte) int {
		n, err := r.add(b)
		if err != nil && bad == nil {
			bad = err
		}
		return n
	})
	if err = errors.Join(bad, err); err != nil { // half of what is revoked would be worse than an error
		return nil, fmt.Errorf("reading certificate revocation lists: %w", err)
	}
	return r, nil
}

// oidDelta marks a list of changes to another one (RFC 5280 section 5.2.4).
var oidDelta = asn1.ObjectIdentifier{2, 5, 29, 27}

// add takes the lists of one file, PEM or DER, and says how many there were.
func (r *revocations) add(b []byte) (int, error) {
	var ders [][]byte
	block, rest := pem.Decode(b)
	if block == nil && len(b) > 0 && b[0] == 0x30 { // a DER sequence; other files may lie beside it
		if _, err := x509.ParseRevocationList(b); err == nil {
			ders = append(ders, b)
		}
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "X509 CRL" {
			ders = append(ders, block.Bytes)
		}
	}
	for _, der := range ders {
		parsed, err := x509.ParseRevocationList(der)
		if err != nil {
			return 0, err
		}
		for _, ext := range parsed.Extensions {
			if ext.Id.Equal(oidDelta) {
				return 0, fmt.Errorf("the list of '%s' is a delta list, which is not understood: name the full one", parsed.Issuer)
			}
		}
		list := &revocationList{parsed, make(map[string]time.Time, len(parsed.RevokedCertificateEntries))}
		for _, e := range parsed.RevokedCertificateEntries {
			list.revoked[string(e.SerialNumber.Bytes())] = e.RevocationTime
		}
		parsed.RevokedCertificateEntries = nil // the map has them
		r.byIssuer[string(parsed.RawIssuer)] = append(r.byIssuer[string(parsed.RawIssuer)], list)
	}
	return len(ders), nil
}

// check looks up all of a verified chain, leaf first. A nil receiver has no lists.
func (r *revocations) check(chain []*x509.Certificate, now time.Time) error {
	if r == nil {
		return nil
	}
	for i := range len(chain) - 1 {
		if err := r.checkOne(chain[i], chain[i+1], now); err != nil {
			return err
		}
	}
	return nil
}

func (r *revocations) checkOne(cert, issuer *x509.Certificate, now time.Time) error {
	var stale, forged error
	current := false
	for _, l := range r.byIssuer[string(cert.RawIssuer)] {
		if len(l.AuthorityKeyId) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(l.AuthorityKeyId, issuer.SubjectKeyId) {
			continue // of another key of an issuer with the same name
		}
		if err := l.CheckSignatureFrom(issuer); err != nil {
			forged = fmt.Errorf("certificate revocation list of '%s' is not signed by it: %s", l.Issuer, plain(err))
			continue
		}
		if when, yes := l.revoked[string(cert.SerialNumber.Bytes())]; yes {
			return fmt.Errorf("%w: '%s' on %s", ErrRevoked, cert.Subject, when.UTC().Format(time.DateOnly))
		}
		switch {
		case !l.NextUpdate.IsZero() && now.After(l.NextUpdate):
			stale = fmt.Errorf("%w: that of '%s' on %s", ErrStaleCRL, l.Issuer, l.NextUpdate.UTC().Format(time.RFC3339))
		case now.Before(l.ThisUpdate):
			stale = fmt.Errorf("certificate revocation list of '%s' is not valid before %s", l.Issuer, l.ThisUpdate.UTC().Format(time.RFC3339))
		default:
			current = true
		}
	}
	switch {
	case current:
		return nil
	case stale != nil:
		return stale
	}
	return forged
}

// checkAny passes chains of which one at least passes.
func (r *revocations) checkAny(chains [][]*x509.Certificate, now time.Time) error {
	var first error
	for _, chain := range chains {
		err := r.check(chain, now)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}
