package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// credential is a certificate with its key, signed by itself, in PEM.
type credential struct {
	cert, key string
	x509      *x509.Certificate
	private   *ecdsa.PrivateKey
}

// credentials are those that the examples name.
var credentials = sync.OnceValue(func() credential { return newCredential(time.Now().AddDate(1, 0, 0)) })

// newCredential panics on what cannot happen: it serves where no test is at hand.
func newCredential(until time.Time) credential {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "ftp.example.com"}, NotBefore: until.AddDate(-2, 0, 0), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return credential{inPEM("CERTIFICATE", der), inPEM("PRIVATE KEY", raw), cert, key}
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func (c credential) list(t *testing.T, until time.Time, more ...pkix.Extension) string {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: until.AddDate(0, -1, 0), NextUpdate: until, ExtraExtensions: more,
	}, c.x509, c.private)
	if err != nil {
		t.Fatal(err)
	}
	return inPEM("X509 CRL", der)
}

// tlsWorld has files of every kind that can be wrong.
func tlsWorld(t *testing.T) memFS {
	m := world()
	good, other := credentials(), newCredential(time.Now().AddDate(1, 0, 0))
	expired, future := newCredential(time.Now().AddDate(0, 0, -1)), newCredential(time.Now().AddDate(5, 0, 0))
	m.put("/both", good.cert+good.key, 0o600)
	m.put("/bothopen", good.cert+good.key, 0o644)
	m.put("/otherkey", other.key, 0o600)
	m.put("/expired", expired.cert+expired.key, 0o600)
	m.put("/future", future.cert+future.key, 0o600)
	m.put("/encrypted", inPEM("ENCRYPTED PRIVATE KEY", []byte("x")), 0o600)
	m.put("/oldencrypted", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", 0o600)
	m.put("/empty", "", 0o600)
	m.put("/damaged", inPEM("CERTIFICATE", []byte("nothing")), 0o600)
	m.put("/partly", good.cert+inPEM("CERTIFICATE", []byte("nothing")), 0o644)
	m.put("/crl", good.list(t, time.Now().AddDate(0, 1, 0)), 0o644)
	m.put("/stale", good.list(t, time.Now().AddDate(0, 0, -1)), 0o644)
	m.put("/delta", good.list(t, time.Now().AddDate(0, 1, 0), pkix.Extension{Id: oidDelta, Value: []byte{2, 1, 1}}), 0o644)
	m.put("/badcrl", inPEM("X509 CRL", []byte("nothing")), 0o644)
	m.put("/dir/a.pem", good.cert, 0o644)
	m.put("/dir/readme", "hello", 0o644)
	m.put("/crls/a.r0", good.list(t, time.Now().AddDate(0, 0, -1)), 0o644)
	m.put("/nothing/readme", "hello", 0o644)
	return m
}

const (
	engine   = "TLSEngine on\n"
	withCert = engine + "TLSRSACertificateFile /pem\nTLSRSACertificateKeyFile /key\n"
	verify   = withCert + "TLSVerifyClient on\n"
	proxy    = "ProxyEngine on\nProxyReverseServers ftp://a\n"
)

// TestTLS holds one finding per case: its place and gist. Severity error means
// that the configuration is refused.
func TestTLS(t *testing.T) {
	cases := map[string]struct {
		src      string
		severity Severity
		place    string // empty: nothing at all is reported
		gist     string
	}{
		// Certificates and keys.
		"good_pair":                        {withCert, 0, "", ""},
		"key_in_the_same_file":             {engine + "TLSECCertificateFile /both", 0, "", ""},
		"key_in_an_open_file":              {engine + "TLSECCertificateFile /bothopen", Error, "2:1", "holds a private key and is accessible by group or world (perms 0644)"},
		"no_certificate_at_all":            {engine, Error, "1:1", "no certificate: name one"},
		"dsa_alone_is_no_certificate":      {engine + "TLSDSACertificateFile /pem", Error, "1:1", "no certificate: name one"},
		"wrong_key":                        {engine + "TLSRSACertificateFile /pem\nTLSRSACertificateKeyFile /otherkey", Error, "3:1", "cannot be used together: private key does not match"},
		"expired":                          {engine + "TLSRSACertificateFile /expired", Warning, "2:1", "expired on"},
		"from_tomorrow_on":                 {engine + "TLSRSACertificateFile /future", Warning, "2:1", "is not valid before"},
		"key_missing":                      {engine + "TLSRSACertificateFile /pem", Error, "2:1", "holds no private key: name the file that does with TLSRSACertificateKeyFile"},
		"key_file_without_key":             {engine + "TLSRSACertificateFile /pem\nTLSRSACertificateKeyFile /empty", Error, "3:1", "holds no private key in PEM form"},
		"key_with_pass_phrase":             {engine + "TLSRSACertificateFile /pem\nTLSRSACertificateKeyFile /encrypted", Error, "3:1", "has a pass phrase, and nobody is there to type it"},
		"key_with_pass_phrase_the_old_way": {engine + "TLSRSACertificateFile /pem\nTLSRSACertificateKeyFile /oldencrypted", Error, "3:1", "has a pass phrase"},
		"file_without_certificate":         {engine + "TLSRSACertificateFile /empty", Error, "2:1", "'/empty' holds no certificate in PEM form"},
		"damaged_certificate":              {engine + "TLSRSACertificateFile /damaged", Error, "2:1", "'/damaged' is damaged"},
		"chain_without_certificate":        {withCert + "TLSCertificateChainFile /empty", Error, "4:1", "'/empty' holds no certificate"},
		"files_are_not_read_when_off":      {"TLSRSACertificateFile /empty", 0, "", ""},
		"pkcs12":                           {withCert + "TLSPKCS12File /x.p12", Error, "4:1", "convert it with openssl pkcs12"},
		"client_certificate_wrong_key":     {proxy + "ProxyTLSCertificateFile /pem\nProxyTLSCertificateKeyFile /otherkey", Error, "4:1", "private key does not match"},
		"sni_without_tls":                  {"ProxyEngine on\nProxyRole forward\nProxyForwardMethod user@sni", Warning, "3:1", "lets nobody in without TLS"},
		"client_key_alone":                 {proxy + "ProxyTLSCertificateKeyFile /key", Warning, "3:1", "has no effect without a ProxyTLSCertificateFile"},
		"client_certificate_when_tls_off":  {proxy + "ProxyTLSEngine off\nProxyTLSCertificateFile /empty", 0, "", ""},

		// Verification.
		"verify_without_roots":         {verify, Error, "4:1", "no client's certificate can be verified"},
		"optional_without_roots":       {withCert + "TLSVerifyClient optional", Warning, "4:1", "no client's certificate can be verified"},
		"roots_of_a_file":              {verify + "TLSCACertificateFile /certs/ca.pem", 0, "", ""},
		"roots_of_a_directory":         {verify + "TLSCACertificatePath /dir", 0, "", ""},
		"directory_without_roots":      {verify + "TLSCACertificatePath /nothing", Error, "5:1", "no file in '/nothing' holds a certificate"},
		"bundle_with_an_odd_one":       {verify + "TLSCACertificateFile /partly", Warning, "5:1", "cannot be read and is left out"},
		"good_list":                    {verify + "TLSCACertificateFile /pem\nTLSCARevocationFile /crl", 0, "", ""},
		"list_that_is_none":            {verify + "TLSCACertificateFile /pem\nTLSCARevocationFile /pem", Error, "6:1", "holds no revocation list"},
		"damaged_list":                 {verify + "TLSCACertificateFile /pem\nTLSCARevocationFile /badcrl", Error, "6:1", "is damaged"},
		"list_past_its_time":           {verify + "TLSCACertificateFile /pem\nTLSCARevocationFile /stale", Warning, "6:1", "was due to be replaced on"},
		"lists_of_a_directory":         {verify + "TLSCACertificateFile /pem\nTLSCARevocationPath /crls", Warning, "6:1", "was due to be replaced on"},
		"delta_list":                   {verify + "TLSCACertificateFile /pem\nTLSCARevocationFile /delta", Error, "6:1", "is a delta list"},
		"list_of_backends":             {proxy + "ProxyTLSCARevocationFile /pem", Error, "3:1", "holds no revocation list"},
		"list_and_no_verification":     {proxy + "ProxyTLSVerifyServer off\nProxyTLSCARevocationFile /crl", Warning, "4:1", "ProxyTLSVerifyServer is off"},
		"required_of_nobody":           {withCert + "TLSOptions dNSNameRequired", Warning, "4:1", "write TLSVerifyClient on"},
		"names_without_dns":            {"UseReverseDNS off\n" + verify + "TLSCACertificateFile /pem\nTLSOptions CommonNameRequired", Warning, "1:1", "UseReverseDNS is off"},
		"ocsp":                         {withCert + "TLSVerifyOrder crl ocsp", Warning, "4:20", "ocsp is not asked"},
		"order_unknown":                {"TLSVerifyOrder spell", Error, "1:16", "expected crl or ocsp"},
		"required_without_engine":      {"TLSRequired on", Warning, "1:1", "clients may send passwords in clear"},
		"match_client_in_clear":        {proxy + "ProxyTLSEngine MatchClient", Warning, "3:1", "MatchClient means clear text here"},
		"match_client_after_the_login": {proxy + "ProxyTLSEngine MatchClient\nProxyReverseConnectPolicy PerUser", 0, "", ""},

		// Ciphers, versions, curves.
		"cipher_unknown":           {"TLSCipherSuite HIGH:!aNUL", Error, "1:16", "unable to use ciphersuite: unknown cipher 'aNUL': did you mean aNULL?"},
		"cipher_unknown_backend":   {"ProxyTLSCipherSuite TLSv1.2 AES128-SHB", Error, "1:29", "unknown cipher 'AES128-SHB'"},
		"cipher_by_name_unspoken":  {"TLSCipherSuite DHE-RSA-AES128-SHA:AES128-SHA", Warning, "1:16", "DHE-RSA-AES128-SHA cannot be spoken here"},
		"cipher_keyword_is_silent": {"TLSCipherSuite DHE:AES128-SHA", 0, "", ""},
		"cipher_nothing_left":      {"TLSCipherSuite DHE", Error, "1:16", "none can be spoken here"},
		"cipher_broken":            {"ProxyTLSCipherSuite HIGH:RC4", Warning, "1:21", "can be broken"},
		"cipher_empty":             {"ProxyTLSCipherSuite :", Error, "1:21", "the list is empty"},
		"the_peers_default":        {"TLSCipherSuite DEFAULT:!ADH:!EXPORT:!DES", 0, "", ""},
		"the_seeds_list":           {"ProxyTLSCipherSuite HIGH:MEDIUM:!aNULL:!SSLv2:+SSLv3", 0, "", ""},
		"tls13_some_stay_on":       {"TLSCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384", Warning, "1:24", "TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256 stays on"},
		"tls13_unknown":            {"TLSCipherSuite TLSv1.3 TLS_AES_256", Error, "1:24", "unknown cipher of TLS 1.3 'TLS_AES_256'"},
		"ssl3_stays_off":           {"TLSProtocol SSLv23", Warning, "1:1", "SSLv3 cannot be spoken"},
		"ssl3_alone":               {"ProxyTLSProtocol SSLv3", Error, "1:1", "none can be spoken here"},
		"protocols_with_a_gap":     {"ProxyTLSProtocol TLSv1 TLSv1.2", Warning, "1:1", "TLSv1 stays off: only an unbroken range"},
		"curve_unknown":            {"TLSECDHCurve X25519:secp256r2", Error, "1:14", "unknown curve 'secp256r2': did you mean secp256r1?"},
		"curve_unspoken":           {"TLSECDHCurve X448:X25519", Warning, "1:14", "X448 cannot be spoken"},

		// What fits together.
		"suites_of_another_protocol":         {withCert + "TLSProtocol TLSv1 TLSv1.1\nTLSCipherSuite AESGCM", Error, "5:1", "belongs to a protocol of TLSProtocol"},
		"suites_of_another_protocol_backend": {proxy + "ProxyTLSProtocol TLSv1\nProxyTLSCipherSuite CHACHA20", Error, "4:1", "belongs to a protocol of ProxyTLSProtocol"},
		"suites_for_another_key":             {withCert + "TLSCipherSuite ECDHE+aRSA", Warning, "4:1", "has a key of the kind ECDSA: clients up to TLS 1.2"},
		"suites_for_another_key_only":        {withCert + "TLSProtocol TLSv1.2\nTLSCipherSuite ECDHE+aRSA", Error, "5:1", "none of the cipher suites fits the certificate"},
		"suites_do_not_matter_to_tls13":      {withCert + "TLSProtocol TLSv1.3\nTLSCipherSuite ECDHE+aRSA", 0, "", ""},

		// Directives and options that cannot have an effect.
		"psk_towards_backends":    {"ProxyTLSPreSharedKey me hex:/psk", Error, "1:1", "pre-shared keys cannot be had"},
		"psk_towards_clients":     {"TLSPreSharedKey me hex:/psk", Error, "1:1", "RFC 8446, section 7.1"},
		"option_without_effect":   {withCert + "TLSOptions StdEnvVars AllowClientRenegotiations", Warning, "4:23", "AllowClientRenegotiations has no effect"},
		"backend_option_without":  {"ProxyTLSOptions AllowWeakSecurity", Warning, "1:17", "AllowWeakSecurity has no effect"},
		"preference_of_clients":   {"TLSServerCipherPreference off", Warning, "1:27", "has no effect"},
		"ticket_keys":             {"TLSSessionTicketKeys age 12h count 5", 0, "", ""},
		"ticket_keys_too_young":   {"TLSSessionTicketKeys age 5", Error, "1:26", "a minute or more"},
		"ticket_keys_unknown":     {"TLSSessionTicketKeys keys 5", Error, "1:22", "unknown word 'keys'"},
		"user_name_field":         {"TLSUserName Surname", Error, "1:13", "expected CommonName, EmailSubjAltName"},
		"session_cache_of_a_kind": {"TLSSessionCache tape:/dev/st0 60", Warning, "1:17", "the type 'tape' is unknown"},

		// ftps:// while TLS is off, wherever both are written.
		"ftps_off_in_global":         {"<Global>\nProxyTLSEngine off\n</Global>\nProxyEngine on\nProxyReverseServers ftp://b\nProxyReverseServers ftps://a", Error, "6:1", "'ftps://a' asks for TLS, but ProxyTLSEngine is off"},
		"ftps_of_global_off_here":    {"Port 0\n<Global>\nProxyEngine on\nProxyReverseServers ftps://a\n</Global>\n<VirtualHost 192.0.2.1>\nProxyTLSEngine off\n</VirtualHost>", Error, "4:1", "asks for TLS"},
		"ftps_off_for_a_class":       {"<Class lan>\nFrom all\n</Class>\nProxyEngine on\nProxyReverseServers ftps://a:990\n<IfClass lan>\nProxyTLSEngine off\n</IfClass>", Error, "5:1", "asks for TLS"},
		"ftps_off_by_global_only_on": {"<Global>\nProxyTLSEngine off\n</Global>\nProxyEngine on\nProxyTLSEngine on\nProxyReverseServers ftps://a", 0, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText(c.src, tlsWorld(t))
			if (conf == nil) != (c.severity == Error) {
				t.Errorf("accepted: %v", conf != nil)
			}
			if c.place == "" {
				if len(r.Problems) > 0 {
					t.Errorf("want nothing, got:\n%s", describe(r))
				}
				return
			}
			if len(r.Problems) != 1 {
				t.Errorf("want one problem, got %d", len(r.Problems))
			}
			for _, p := range r.Problems {
				if p.Severity == c.severity && strings.Contains(p.Text, c.gist) && fmt.Sprintf("%d:%d", p.Pos.Line, p.Pos.Column) == c.place {
					return
				}
			}
			t.Errorf("want %s %s %q, got:\n%s", c.place, c.severity, c.gist, describe(r))
		})
	}
}

func TestTLSOptionsPerClass(t *testing.T) {
	c := mustLoad(t, `
<Class broken>
  From 192.0.2.0/24
</Class>
TLSOptions StdEnvVars
ProxyTLSOptions EnableDiags
ProxyTLSCipherSuite HIGH
<IfClass broken>
  TLSOptions NoCloseNotifyRequired
  ProxyTLSOptions NoCloseNotifyRequired
  ProxyTLSCipherSuite AES128-SHA
  ProxyTLSCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256
</IfClass>`)
	all, broken := c.Servers[0].Settings(""), c.Servers[0].Settings("broken")
	if all.TLS.Options.NoCloseNotifyRequired || all.BackendTLS.Options.NoCloseNotifyRequired || all.BackendTLS.Ciphers != "HIGH" {
		t.Error("the section of a class reached everybody")
	}
	if o := broken.TLS.Options; !o.NoCloseNotifyRequired || !o.StdEnvVars {
		t.Errorf("TLSOptions of the class: %+v", o)
	}
	if o := broken.BackendTLS.Options; !o.NoCloseNotifyRequired || !o.EnableDiags {
		t.Errorf("ProxyTLSOptions of the class: %+v", o)
	}
	if b := broken.BackendTLS; b.Ciphers != "AES128-SHA" || b.Ciphers13 != "TLS_AES_128_GCM_SHA256" {
		t.Errorf("ciphers of the class: %q, %q", b.Ciphers, b.Ciphers13)
	}
}

func TestTicketKeysAreSeconds(t *testing.T) {
	if got := strings.Join(at(t, "TLSSessionTicketKeys count 5 age 2h").TLS.TicketKeys, " "); got != "count 5 age 7200" {
		t.Errorf("%q", got)
	}
}

// The sets of versions are one and the same in both rooms.
func TestVersionsAreThoseOfThePolicy(t *testing.T) {
	for ours, theirs := range map[TLSVersions]tlspolicy.Versions{
		SSLv3: tlspolicy.SSL30, TLSv10: tlspolicy.TLS10, TLSv11: tlspolicy.TLS11, TLSv12: tlspolicy.TLS12, TLSv13: tlspolicy.TLS13,
	} {
		if tlspolicy.Versions(ours) != theirs {
			t.Errorf("%s has another bit here", theirs)
		}
	}
}

// FuzzPEM: a file may hold anything.
func FuzzPEM(f *testing.F) {
	c := credentials()
	f.Add([]byte(c.cert + c.key))
	f.Add(c.x509.Raw)
	f.Add([]byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := pemFile{raw: raw}
		p.read()
		if p.encrypted && !p.hasKey {
			t.Fatal("a key with a pass phrase is a key")
		}
	})
}

// The built-in default must be what the directive would accept.
func TestDefaultCiphersCanBeSpoken(t *testing.T) {
	known, err := tlspolicy.ParseCiphers(at(t, "").BackendTLS.Ciphers)
	if err != nil || len(known.Unspoken)+len(known.Broken) > 0 {
		t.Errorf("%+v, %v", known, err)
	}
}
