package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"runtime"
	"strconv"
	"strings"
	"unicode"
)

// The variables that mod_tls exports (TLSOptions StdEnvVars, ExportCertData),
// for %{env:TLS_…} in lookups and logs.

// VarOptions say which variables are exported.
type VarOptions struct {
	Std      bool // StdEnvVars
	CertData bool // ExportCertData: whole certificates, in PEM
}

// Vars describes a connection; nil if nothing is to be exported. own is the
// certificate that this server has shown, nil if that is not known.
//
// mod_tls's manual and its code call the key sizes differently; both names are
// set. TLS_CIPHER_EXPORT and TLS_SESSION_ID are never set: no export cipher can
// be spoken, and a session here has a ticket instead of an ID.
func Vars(state *tls.ConnectionState, own *x509.Certificate, o VarOptions) map[string]string {
	if state == nil || !o.Std && !o.CertData {
		return nil
	}
	vars := map[string]string{}
	if o.Std {
		used, possible := SuiteBits(state.CipherSuite)
		vars["FTPS"] = "1"
		vars["TLS_PROTOCOL"] = VersionName(state.Version)
		vars["TLS_CIPHER"] = SuiteName(state.CipherSuite)
		vars["TLS_CIPHER_ALGKEYSIZE"], vars["TLS_CIPHER_KEYSIZE_POSSIBLE"] = strconv.Itoa(possible), strconv.Itoa(possible)
		vars["TLS_CIPHER_USEKEYSIZE"], vars["TLS_CIPHER_KEYSIZE_USED"] = strconv.Itoa(used), strconv.Itoa(used)
		vars["TLS_LIBRARY_VERSION"] = "crypto/tls " + runtime.Version()
		if state.ServerName != "" {
			vars["TLS_SERVER_NAME"] = state.ServerName
		}
	}
	if own != nil {
		certificateVars(vars, "TLS_SERVER_", own, o)
	}
	if len(state.PeerCertificates) > 0 {
		certificateVars(vars, "TLS_CLIENT_", state.PeerCertificates[0], o)
	}
	if o.CertData {
		for i, cert := range state.PeerCertificates {
			vars["TLS_CLIENT_CERT_CHAIN"+strconv.Itoa(i+1)] = inPEM(cert)
		}
	}
	return vars
}

// opensslTime is how OpenSSL prints a time of a certificate.
const opensslTime = "Jan _2 15:04:05 2006 GMT"

func certificateVars(vars map[string]string, prefix string, cert *x509.Certificate, o VarOptions) {
	if o.CertData {
		vars[prefix+"CERT"] = inPEM(cert)
	}
	if !o.Std {
		return
	}
	vars[prefix+"M_VERSION"] = strconv.Itoa(cert.Version)
	if cert.SerialNumber != nil {
		vars[prefix+"M_SERIAL"] = cert.SerialNumber.String()
	}
	nameVars(vars, prefix+"S_DN", cert.RawSubject)
	nameVars(vars, prefix+"I_DN", cert.RawIssuer)
	vars[prefix+"V_START"] = cert.NotBefore.UTC().Format(opensslTime)
	vars[prefix+"V_END"] = cert.NotAfter.UTC().Format(opensslTime)
	vars[prefix+"A_SIG"] = SignatureName(cert)
	vars[prefix+"A_KEY"] = KeyName(cert)
}

// dnVars are the attributes that have a variable of their own.
var dnVars = map[string]string{
	"2.5.4.6": "C", "2.5.4.3": "CN", "2.5.4.13": "D", "2.5.4.42": "G", "2.5.4.43": "I", "2.5.4.7": "L", "2.5.4.10": "O",
	"2.5.4.11": "OU", "2.5.4.8": "ST", "2.5.4.4": "S", "2.5.4.12": "T", "2.5.4.45": "UID", "1.2.840.113549.1.9.1": "Email",
}

// nameVars sets NAME and NAME_CN and its kin. Of an attribute that comes more
// than once the last value stays, as with mod_tls. A value with control
// characters has no business in a query or a log and is left out.
func nameVars(vars map[string]string, name string, raw []byte) {
	vars[name] = DN(raw)
	for _, rdn := range parseName(raw) {
		for _, a := range rdn {
			suffix, exported := dnVars[a.Type.String()]
			if value, ok := text(a.Value); ok && exported && !strings.ContainsFunc(value, unicode.IsControl) {
				vars[name+"_"+suffix] = value
			}
		}
	}
}

func inPEM(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// algorithmNames are OpenSSL's long names.
var algorithmNames = map[string]string{
	"1.2.840.113549.1.1.1": "rsaEncryption", "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
	"1.2.840.113549.1.1.5": "sha1WithRSAEncryption", "1.2.840.113549.1.1.10": "rsassaPss",
	"1.2.840.113549.1.1.11": "sha256WithRSAEncryption", "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
	"1.2.840.113549.1.1.13": "sha512WithRSAEncryption", "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
	"1.2.840.10045.2.1": "id-ecPublicKey", "1.2.840.10045.4.1": "ecdsa-with-SHA1",
	"1.2.840.10045.4.3.2": "ecdsa-with-SHA256", "1.2.840.10045.4.3.3": "ecdsa-with-SHA384", "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
	"1.2.840.10040.4.1": "dsaEncryption", "1.2.840.10040.4.3": "dsaWithSHA1",
	"1.3.101.112": "ED25519", "1.3.101.113": "ED448",
}

// algorithm is the identifier of RFC 5280 section 4.1.1.2.
type algorithm struct {
	ID         asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

func (a algorithm) name() string {
	if name, ok := algorithmNames[a.ID.String()]; ok {
		return name
	}
	return a.ID.String()
}

// SignatureName is what a certificate is signed with, as OpenSSL names it. It reads
// what x509 tells only as a number of its own.
func SignatureName(cert *x509.Certificate) string {
	var outer struct {
		TBS       asn1.RawValue
		Algorithm algorithm
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.Raw, &outer); err != nil {
		return cert.SignatureAlgorithm.String()
	}
	return outer.Algorithm.name()
}

// KeyName is the kind of a certificate's key, as OpenSSL names it.
func KeyName(cert *x509.Certificate) string {
	var key struct {
		Algorithm algorithm
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.RawSubjectPublicKeyInfo, &key); err != nil {
		return cert.PublicKeyAlgorithm.String()
	}
	return key.Algorithm.name()
}
