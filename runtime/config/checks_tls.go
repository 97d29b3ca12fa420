package config

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// Checks of TLS settings against each other and against the files they name.
// They run on the resolved settings of each server and class.

func (l *loader) checkFrontTLS(r resolved) {
	t := r.TLS
	if !t.Engine {
		if at, written := r.origin["TLSRequired"]; written && t.Required != (TLSRequired{}) {
			l.report(Warning, at, "TLSRequired", "has no effect, and clients may send passwords in clear: write TLSEngine on")
		}
		return
	}
	if !r.written("TLSRSACertificateFile", "TLSECCertificateFile") {
		l.report(Error, r.at("TLSEngine"), "TLSEngine", "no certificate: name one with TLSRSACertificateFile or TLSECCertificateFile")
	}
	l.checkPair(r, pair{"TLSRSACertificateFile", "TLSRSACertificateKeyFile", t.RSACertFile, t.RSAKeyFile})
	l.checkPair(r, pair{"TLSECCertificateFile", "TLSECCertificateKeyFile", t.ECCertFile, t.ECKeyFile})
	l.checkCertificates(r, "TLSCertificateChainFile", t.ChainFile)
	l.checkTerms(r, "TLS", t.Protocols, t.Ciphers, l.keyKinds(t.RSACertFile, t.ECCertFile))
	l.checkVerification(r)
}

// checkTerms tells when protocols, cipher suites and keys cannot come together.
// What is wrong with one of them alone was reported where it stands.
func (l *loader) checkTerms(r resolved, prefix string, protocols TLSVersions, list string, kinds []string) {
	bounds, err := tlspolicy.Versions(protocols).Bounds()
	if err != nil || bounds.Min > tls.VersionTLS12 {
		return // TLS 1.3 has suites of its own, for every kind of key
	}
	known, err := tlspolicy.ParseCiphers(list)
	name := prefix + "CipherSuite"
	switch {
	case err != nil:
	case !known.Fits(bounds):
		l.report(Error, r.at(name), name, fmt.Sprintf("none of the cipher suites belongs to a protocol of %sProtocol: write TLSv1.2 there, or suites such as ECDHE+AES+SHA here", prefix))
	case !known.Fits(bounds, kinds...) && bounds.Max <= tls.VersionTLS12:
		l.report(Error, r.at(name), name, fmt.Sprintf("none of the cipher suites fits the certificate, which has a key of the kind %s", strings.Join(kinds, " or ")))
	case !known.Fits(bounds, kinds...):
		l.report(Warning, r.at(name), name, fmt.Sprintf("none of the cipher suites fits the certificate, which has a key of the kind %s: "+
			"clients up to TLS 1.2 cannot encrypt", strings.Join(kinds, " or ")))
	}
}

// keyKinds are the kinds of keys in certificates; nil if one cannot be read.
func (l *loader) keyKinds(files ...string) []string {
	var kinds []string
	for _, name := range files {
		if name == "" {
			continue
		}
		f := l.pem(name)
		if len(f.certs) == 0 {
			return nil
		}
		switch f.certs[0].PublicKey.(type) {
		case *rsa.PublicKey:
			kinds = append(kinds, tlspolicy.KeyRSA)
		case *ecdsa.PublicKey, ed25519.PublicKey:
			kinds = append(kinds, tlspolicy.KeyECDSA)
		}
	}
	return kinds
}

// checkVerification is about clients' certificates.
func (l *loader) checkVerification(r resolved) {
	t := r.TLS
	o := t.Options
	if t.VerifyClient == VerifyClientOff {
		if at, written := r.origin["TLSOptions"]; written && (o.IPAddressRequired || o.DNSNameRequired || o.CommonNameRequired) {
			l.report(Warning, at, "TLSOptions", "clients are not asked for certificates, so nothing is required of them: write TLSVerifyClient on")
		}
		return
	}
	if !r.written("TLSCACertificateFile", "TLSCACertificatePath") {
		severity := Warning // as long as no client sends one
		if t.VerifyClient == VerifyClientOn {
			severity = Error
		}
		l.report(severity, r.at("TLSVerifyClient"), "TLSVerifyClient",
			"no client's certificate can be verified: name the roots with TLSCACertificateFile or TLSCACertificatePath")
	}
	l.checkAuthorities(r, "TLS", t.CAFile, t.CAPath, t.CRLFile, t.CRLPath)
}

// checkAuthorities looks into the roots and revocation lists of one side, whose
// directives begin with prefix.
func (l *loader) checkAuthorities(r resolved, prefix, caFile, caPath, crlFile, crlPath string) {
	l.checkCertificates(r, prefix+"CACertificateFile", caFile)
	l.checkDirectory(r, prefix+"CACertificatePath", caPath, aCertificate)
	if crlFile != "" {
		l.checkFile(r, prefix+"CARevocationFile", crlFile, aList)
	}
	l.checkDirectory(r, prefix+"CARevocationPath", crlPath, aList)
}

// checkClientNames tells of checks that nobody can pass.
func (l *loader) checkClientNames(c *Config, s *Server) {
	o := s.base.TLS.Options
	if s.base.TLS.Engine && s.base.TLS.VerifyClient != VerifyClientOff && !c.Process.UseReverseDNS && (o.DNSNameRequired || o.CommonNameRequired) {
		l.report(Warning, s.Pos, "TLSOptions", fmt.Sprintf(
			"dNSNameRequired and CommonNameRequired need clients' names in DNS, and UseReverseDNS is off: server '%s' refuses all certificates", s.Name))
	}
}

func (l *loader) checkBackendTLS(r resolved) {
	t := r.BackendTLS
	if !r.Proxy.Engine || r.SSH.Engine || t.Engine == TLSOff {
		return
	}
	if t.KeyFile != "" && !r.written("ProxyTLSCertificateFile") {
		l.report(Warning, r.at("ProxyTLSCertificateKeyFile"), "ProxyTLSCertificateKeyFile", "has no effect without a ProxyTLSCertificateFile")
	}
	l.checkTerms(r, "ProxyTLS", t.Protocols, t.Ciphers, nil)
	l.checkPair(r, pair{"ProxyTLSCertificateFile", "ProxyTLSCertificateKeyFile", t.CertificateFile, t.KeyFile})
	if t.VerifyServer {
		l.checkAuthorities(r, "ProxyTLS", t.CAFile, t.CAPath, t.CRLFile, t.CRLPath)
	} else if at, written := r.origin["ProxyTLSCARevocationFile"]; written {
		l.report(Warning, at, "ProxyTLSCARevocationFile", "has no effect: ProxyTLSVerifyServer is off, any certificate is accepted")
	}
	l.checkMatchClient(r)
}

// checkMatchClient points out where matching can only mean clear text: a
// backend that is picked at connect time is spoken to before the client has
// said AUTH TLS.
func (l *loader) checkMatchClient(r resolved) {
	afterLogin := r.Proxy.Role == RoleForward || r.Proxy.Policy == PolicyPerUser || r.Proxy.Policy == PolicyPerGroup ||
		r.Proxy.Options.UseReverseProxyAuth
	if r.BackendTLS.Engine == TLSMatchClient && !afterLogin && !r.TLS.Options.UseImplicitSSL {
		l.report(Warning, r.at("ProxyTLSEngine"), "ProxyTLSEngine", "MatchClient means clear text here: the backend is connected to before the client "+
			"can say AUTH TLS; write auto, or ProxyOptions UseReverseProxyAuth")
	}
}
