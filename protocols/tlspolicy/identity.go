package tlspolicy

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Which server a certificate names, by the rules of ProxyTLSVerifyServer. A
// name that a certificate and a configuration have in common is looked for in
// this order: the address that was connected to among the iPAddress SANs, and
// as a CN; then the host of the URL among the dNSName SANs, and as a CN. CNs
// count even where there are SANs. Whether the certificate can be trusted at
// all is a question of its own.

// IdentityError says that a certificate is somebody else's.
type IdentityError struct {
	Want  string   // whose it should be
	Names []string // whose it is
}

// Error names both.
func (e *IdentityError) Error() string {
	if len(e.Names) == 0 {
		return fmt.Sprintf("the certificate names nobody, expected %s", e.Want)
	}
	const shown = 8
	names := e.Names
	if len(names) > shown {
		names = append(names[:shown:shown], fmt.Sprintf("%d more", len(e.Names)-shown))
	}
	return fmt.Sprintf("the certificate is for %s, not for %s", strings.Join(names, ", "), e.Want)
}

// errNUL is about names made to be read differently by those who stop at NUL
// (CVE-2009-2408 and its kin).
var errNUL = errors.New("the certificate has a name with a NUL byte in it, which is a forgery")

// MatchServer tells by which of its names a certificate belongs to the host of
// a URL or to the address that was connected to, such as "dNSName
// *.example.com". Otherwise the error is an *IdentityError.
func MatchServer(cert *x509.Certificate, host string, peer netip.Addr) (string, error) {
	cns := commonNames(cert)
	if embeddedNUL(cert.DNSNames, cns) {
		return "", errNUL
	}
	if matchesAddress(cert, peer) {
		return "iPAddress " + peer.Unmap().WithZone("").String(), nil
	}
	for _, cn := range cns {
		if isAddress(cn, peer) {
			return "CN " + cn, nil
		}
	}
	for _, name := range cert.DNSNames {
		if matchesHost(name, host) {
			return "dNSName " + name, nil
		}
	}
	for _, cn := range cns {
		if matchesHost(cn, host) {
			return "CN " + cn, nil
		}
	}
	return "", &IdentityError{Want: wanted(host, peer), Names: ServerNames(cert)}
}

func wanted(host string, peer netip.Addr) string {
	address := peer.Unmap().String()
	switch {
	case !peer.IsValid():
		return host
	case host == "" || host == address:
		return address
	}
	return host + " (" + address + ")"
}

// ServerNames lists what a certificate names: dNSName and iPAddress SANs, then
// CNs that differ from them. Control characters are shown escaped.
func ServerNames(cert *x509.Certificate) []string {
	var names []string
	seen := map[string]bool{}
	note := func(name string) {
		if quoted := fmt.Sprintf("%q", name); quoted != `"`+name+`"` {
			name = quoted
		}
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, name := range cert.DNSNames {
		note(name)
	}
	for _, ip := range cert.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			note(addr.Unmap().String())
		}
	}
	for _, cn := range commonNames(cert) {
		note(cn)
	}
	return names
}

// ClientChecks are what TLSOptions asks of clients' certificates.
type ClientChecks struct {
	IPAddress  bool // iPAddressRequired: an iPAddress SAN is the client's address
	DNSName    bool // dNSNameRequired: a dNSName SAN is the client's name in DNS
	CommonName bool // CommonNameRequired: a CN is the client's name in DNS
}

// Check holds a client's certificate against where the client comes from. Every
// check that is asked for must pass. dnsName is the client's name in DNS; empty
// means that it has none, and the checks of names fail.
func (c ClientChecks) Check(cert *x509.Certificate, peer netip.Addr, dnsName string) error {
	cns := commonNames(cert)
	if (c.IPAddress || c.DNSName || c.CommonName) && embeddedNUL(cert.DNSNames, cns) {
		return errNUL
	}
	if (c.DNSName || c.CommonName) && dnsName == "" {
		return fmt.Errorf("the client at %s has no name in DNS that its certificate could be compared with", peer.Unmap())
	}
	switch {
	case c.IPAddress && !matchesAddress(cert, peer):
		return fmt.Errorf("no iPAddress of the client's certificate fits: %w", &IdentityError{peer.Unmap().String(), ServerNames(cert)})
	case c.DNSName && !anyHost(cert.DNSNames, dnsName):
		return fmt.Errorf("no dNSName of the client's certificate fits: %w", &IdentityError{dnsName, ServerNames(cert)})
	case c.CommonName && !anyHost(cns, dnsName):
		return fmt.Errorf("no CN of the client's certificate fits: %w", &IdentityError{dnsName, ServerNames(cert)})
	}
	return nil
}

func anyHost(names []string, host string) bool {
	for _, name := range names {
		if matchesHost(name, host) {
			return true
		}
	}
	return false
}

func embeddedNUL(lists ...[]string) bool {
	for _, list := range lists {
		for _, name := range list {
			if strings.IndexByte(name, 0) >= 0 {
				return true
			}
		}
	}
	return false
}

func matchesAddress(cert *x509.Certificate, peer netip.Addr) bool {
	for _, ip := range cert.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok && same(addr, peer) {
			return true
		}
	}
	return false
}

func isAddress(name string, peer netip.Addr) bool {
	addr, err := netip.ParseAddr(name)
	return err == nil && same(addr, peer)
}

func same(a, b netip.Addr) bool {
	return a.IsValid() && a.Unmap().WithZone("") == b.Unmap().WithZone("")
}

// minWildcard is the shortest wildcard: a '*', a '.', and a top-level domain.
const minWildcard = 4

// matchesHost compares a certificate's name with a host, without regard to
// case. A wildcard is one '*' in the leftmost label, and stands for one or more
// characters of that label; it never reaches into another label, an address,
// or the code of an international name (RFC 6125 section 6.4.3).
func matchesHost(name, host string) bool {
	name, host = strings.ToLower(name), strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "" || host == "" {
		return false
	}
	if strings.Count(name, "*") == 0 {
		return strings.TrimSuffix(name, ".") == host
	}
	if _, err := netip.ParseAddr(host); err == nil || len(name) < minWildcard || strings.Count(name, "*") != 1 {
		return false
	}
	label, domain, _ := strings.Cut(name, ".")
	hostLabel, hostDomain, dotted := strings.Cut(host, ".")
	before, after, inLabel := strings.Cut(label, "*")
	if !inLabel || !dotted || domain == "" || domain != hostDomain || strings.HasPrefix(label, "xn--") {
		return false
	}
	if label != "*" && strings.HasPrefix(hostLabel, "xn--") {
		return false
	}
	return len(hostLabel) > len(before)+len(after) &&
		strings.HasPrefix(hostLabel, before) && strings.HasSuffix(hostLabel, after)
}
