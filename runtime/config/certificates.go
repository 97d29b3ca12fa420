package config

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Certificates, keys and revocation lists, looked into before anything starts:
// what a handshake would find out at night is found out here. Each file is
// read once, however many servers and classes name it.

// maxPEM bounds a file of certificates or lists, in bytes. A system's bundle of
// roots has a few hundred kilobytes, the list of a large authority megabytes.
const maxPEM = 32 << 20

// pemFile is what was found in a file, PEM or one object in DER.
type pemFile struct {
	raw       []byte
	certs     []*x509.Certificate
	lists     []*x509.RevocationList
	hasKey    bool
	encrypted bool  // there is a key with a pass phrase
	broken    error // a block that says what it is and is not
	err       error // the file cannot be read
}

// content is what a file is named for.
type content string

const (
	aCertificate content = "certificate"
	aList        content = "revocation list"
)

func (f *pemFile) count(what content) int {
	if what == aList {
		return len(f.lists)
	}
	return len(f.certs)
}

func (l *loader) pem(name string) *pemFile {
	f, known := l.pems[name]
	if !known {
		f = &pemFile{}
		f.raw, f.err = l.files.ReadFile(name, maxPEM)
		f.read()
		l.pems[name] = f
	}
	return f
}

func (f *pemFile) read() {
	block, rest := pem.Decode(f.raw)
	if block == nil {
		if cert, err := x509.ParseCertificate(f.raw); err == nil {
			f.certs = append(f.certs, cert)
		} else if list, err := x509.ParseRevocationList(f.raw); err == nil {
			f.lists = append(f.lists, list)
		}
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		f.block(block)
	}
}

func (f *pemFile) block(b *pem.Block) {
	var err error
	switch {
	case strings.HasSuffix(b.Type, "PRIVATE KEY"):
		f.hasKey = true
		f.encrypted = f.encrypted || b.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED")
	case b.Type == "X509 CRL":
		var list *x509.RevocationList
		if list, err = x509.ParseRevocationList(b.Bytes); err == nil {
			f.lists = append(f.lists, list)
		}
	case b.Type == "CERTIFICATE", b.Type == "X509 CERTIFICATE", b.Type == "TRUSTED CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(b.Bytes); err == nil {
			f.certs = append(f.certs, cert)
		}
	}
	if err != nil && f.broken == nil {
		f.broken = err
	}
}

// pair is a certificate and its key, with the directives that name them.
type pair struct {
	certDirective, keyDirective string
	cert, key                   string // key empty: in the certificate's file
}

func (l *loader) checkPair(r resolved, p pair) {
	if !l.checkCertificates(r, p.certDirective, p.cert) {
		return
	}
	cert := l.pem(p.cert)
	l.checkDates(r, p, cert.certs[0])
	key, keyPath, at := cert, p.cert, p.certDirective
	if p.key != "" {
		key, keyPath, at = l.pem(p.key), p.key, p.keyDirective
	}
	switch {
	case key.err != nil:
		l.reportUnreadable(r, at, keyPath, key.err)
	case !key.hasKey && p.key == "":
		l.report(Error, r.at(at), at, fmt.Sprintf("'%s' holds no private key: name the file that does with %s", keyPath, p.keyDirective))
	case !key.hasKey:
		l.report(Error, r.at(at), at, fmt.Sprintf("'%s' holds no private key in PEM form", keyPath))
	case key.encrypted:
		l.report(Error, r.at(at), at, fmt.Sprintf("the key in '%s' has a pass phrase, and nobody is there to type it: "+
			"store it without (openssl pkey -in FILE -out NEWFILE) and chmod 600 that", keyPath))
	default:
		if p.key == "" {
			l.checkPrivate(r, at, keyPath)
		}
		if _, err := tls.X509KeyPair(cert.raw, key.raw); err != nil {
			l.report(Error, r.at(at), at, fmt.Sprintf("the certificate in '%s' and the key in '%s' cannot be used together: %s",
				p.cert, keyPath, strings.TrimPrefix(err.Error(), "tls: ")))
		}
	}
}

// checkPrivate is for a certificate's file that holds the key, too; files of
// keys alone are checked where they are named.
func (l *loader) checkPrivate(r resolved, directive, name string) {
	info, err := l.files.Stat(name)
	if err != nil {
		return // it has just been read
	}
	if perm := info.Mode().Perm(); perm&othersAny != 0 {
		l.report(Error, r.at(directive), directive, fmt.Sprintf(
			"'%s' holds a private key and is accessible by group or world (perms %04o): run chmod 600 on it", name, perm))
	}
}

func (l *loader) checkDates(r resolved, p pair, cert *x509.Certificate) {
	switch now := l.opts.Now; {
	case now.After(cert.NotAfter):
		l.report(Warning, r.at(p.certDirective), p.certDirective, fmt.Sprintf("the certificate in '%s' expired on %s: get a new one", p.cert, cert.NotAfter.UTC().Format(time.DateOnly)))
	case now.Before(cert.NotBefore):
		l.report(Warning, r.at(p.certDirective), p.certDirective, fmt.Sprintf("the certificate in '%s' is not valid before %s", p.cert, cert.NotBefore.UTC().Format(time.DateOnly)))
	}
}

// checkCertificates reports a file without a certificate; false if there is
// nothing to go on with.
func (l *loader) checkCertificates(r resolved, directive, name string) bool {
	return name != "" && l.checkFile(r, directive, name, aCertificate)
}

// checkFile also reports lists past their time. A bundle may hold certificates
// that cannot be read among others; half of what is revoked would be worse than
// an error.
func (l *loader) checkFile(r resolved, directive, name string, what content) bool {
	f := l.pem(name)
	switch {
	case f.err != nil:
		l.reportUnreadable(r, directive, name, f.err)
		return false
	case f.broken != nil && (what == aList || f.count(what) == 0):
		l.report(Error, r.at(directive), directive, fmt.Sprintf("'%s' is damaged: %v", name, f.broken))
		return false
	case f.count(what) == 0:
		l.report(Error, r.at(directive), directive, fmt.Sprintf("'%s' holds no %s in PEM form", name, what))
		return false
	case f.broken != nil:
		l.report(Warning, r.at(directive), directive, fmt.Sprintf("a %s in '%s' cannot be read and is left out: %v", what, name, f.broken))
	}
	if what == aList {
		l.checkListFile(r, directive, name)
	}
	return true
}

// oidDelta marks a list of changes to another one (RFC 5280 section 5.2.4).
var oidDelta = asn1.ObjectIdentifier{2, 5, 29, 27}

func (l *loader) checkListFile(r resolved, directive, name string) {
	for _, list := range l.pem(name).lists {
		if slices.ContainsFunc(list.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidDelta) }) {
			l.report(Error, r.at(directive), directive, fmt.Sprintf("the list of '%s' in '%s' is a delta list: name the full one", list.Issuer, name))
		}
		if !list.NextUpdate.IsZero() && l.opts.Now.After(list.NextUpdate) {
			l.report(Warning, r.at(directive), directive, fmt.Sprintf(
				"the list of '%s' in '%s' was due to be replaced on %s: until it is, everybody with a certificate of that issuer is refused",
				list.Issuer, name, list.NextUpdate.UTC().Format(time.DateOnly)))
		}
	}
}

func (l *loader) reportUnreadable(r resolved, directive, name string, err error) {
	l.report(Error, r.at(directive), directive, fmt.Sprintf("'%s' cannot be read: %v", name, err))
}

// maxDirectory bounds the files that are looked at in one directory.
const maxDirectory = 10_000

// checkDirectory reports a directory in which no file holds what it is for.
// Files with other content may lie beside.
func (l *loader) checkDirectory(r resolved, directive, dir string, what content) {
	if dir == "" {
		return
	}
	entries, err := l.files.ReadDir(dir)
	if err != nil {
		l.reportUnreadable(r, directive, dir, err)
		return
	}
	found := 0
	for _, e := range entries[:min(len(entries), maxDirectory)] {
		name := path.Join(dir, e.Name())
		if info, err := l.files.Stat(name); err != nil || !info.Mode().IsRegular() {
			continue // a link that leads nowhere, as hashed directories have them
		}
		n := l.pem(name).count(what)
		if n > 0 || l.pem(name).err != nil {
			l.checkFile(r, directive, name, what)
		}
		found += n
	}
	if found == 0 {
		l.report(Error, r.at(directive), directive, fmt.Sprintf("no file in '%s' holds a %s in PEM form", dir, what))
	}
}
