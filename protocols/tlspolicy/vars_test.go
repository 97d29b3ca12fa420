package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func attr(oid string, value any) pkix.AttributeTypeAndValue {
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(oid, ".") {
		n := 0
		for _, d := range part {
			n = n*10 + int(d-'0')
		}
		id = append(id, n)
	}
	return pkix.AttributeTypeAndValue{Type: id, Value: value}
}

// names are subjects that are hard to print.
func hardNames(t testing.TB) map[string]*x509.Certificate {
	one := func(a ...pkix.AttributeTypeAndValue) []pkix.AttributeTypeAndValue { return a }
	utf8 := func(s string) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagUTF8String, Bytes: []byte(s)}
	}
	return map[string]*x509.Certificate{
		"plain":         withSubject(t, one(attr("2.5.4.6", "DE")), one(attr("2.5.4.10", "Example")), one(attr("2.5.4.3", "www.example.com"))),
		"commas":        withSubject(t, one(attr("2.5.4.10", "Example, Inc.")), one(attr("2.5.4.3", "a+b"))),
		"quotes":        withSubject(t, one(attr("2.5.4.10", `say "x" \ y`)), one(attr("2.5.4.11", "<a>;b"))),
		"blanks":        withSubject(t, one(attr("2.5.4.10", " x")), one(attr("2.5.4.11", "x ")), one(attr("2.5.4.3", "#x"))),
		"umlauts":       withSubject(t, one(attr("2.5.4.7", utf8("Köln")))),
		"control":       withSubject(t, one(attr("2.5.4.3", utf8("a\nb\x7f")))),
		"together":      withSubject(t, one(attr("2.5.4.3", "x"), attr("2.5.4.5", "17")), one(attr("2.5.4.10", "O"))),
		"email_and_uid": withSubject(t, one(attr("1.2.840.113549.1.9.1", "a@b.c")), one(attr("0.9.2342.19200300.100.1.1", "alice")), one(attr("0.9.2342.19200300.100.1.25", "example"))),
		"unknown_type":  withSubject(t, one(attr("1.3.6.1.4.1.99999.7", "x")), one(attr("2.5.4.4", "Doe")), one(attr("2.5.4.42", "Jane")), one(attr("2.5.4.12", "Dr"))),
		"empty_value":   withSubject(t, one(attr("2.5.4.10", "")), one(attr("2.5.4.3", "x"))),
		"sixteen_bits":  withSubject(t, one(attr("2.5.4.3", asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagBMPString, Bytes: []byte{0, 'B', 0, 0xfc}}))),
	}
}

// TestDNAsOpenSSLPrintsIt compares with the real program.
func TestDNAsOpenSSLPrintsIt(t *testing.T) {
	openssl := needOpenSSL(t)
	for name, cert := range hardNames(t) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.pem")
			if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(openssl, "x509", "-in", file, "-noout", "-subject", "-nameopt", "oneline").Output()
			if err != nil {
				t.Fatal(err)
			}
			want := strings.TrimPrefix(strings.TrimSuffix(string(out), "\n"), "subject=")
			if got := DN(cert.RawSubject); got != want {
				t.Errorf("%s, openssl prints %s", got, want)
			}
		})
	}
}

func TestVars(t *testing.T) {
	one := func(oid string, value any) []pkix.AttributeTypeAndValue {
		return []pkix.AttributeTypeAndValue{attr(oid, value)}
	}
	client := withSubject(t, one("2.5.4.6", "DE"), one("2.5.4.8", "NRW"), one("2.5.4.7", "Bonn"), one("2.5.4.10", "Example"),
		one("2.5.4.11", "First"), one("2.5.4.11", "Second"), one("2.5.4.3", "alice"), one("2.5.4.12", "Dr"), one("2.5.4.43", "A"),
		one("2.5.4.42", "Alice"), one("2.5.4.4", "Doe"), one("2.5.4.13", "bad\r\nline"), one("2.5.4.45", "u7"), one("1.2.840.113549.1.9.1", "a@example.com"))
	server := certFor(t, "ftp.example.com")
	state := anyState
	state.ServerName = "ftp.example.com"
	state.PeerCertificates = []*x509.Certificate{client, server}

	got := Vars(&state, server, VarOptions{Std: true})
	library := got["TLS_LIBRARY_VERSION"]
	if !strings.HasPrefix(library, "crypto/tls go") {
		t.Errorf("library %q", library)
	}
	want := map[string]string{
		"FTPS": "1", "TLS_PROTOCOL": "TLSv1.2", "TLS_CIPHER": "ECDHE-RSA-AES128-GCM-SHA256",
		"TLS_CIPHER_ALGKEYSIZE": "128", "TLS_CIPHER_USEKEYSIZE": "128", "TLS_CIPHER_KEYSIZE_POSSIBLE": "128", "TLS_CIPHER_KEYSIZE_USED": "128",
		"TLS_LIBRARY_VERSION": library, "TLS_SERVER_NAME": "ftp.example.com",
		"TLS_CLIENT_M_VERSION": "3", "TLS_CLIENT_M_SERIAL": "4711",
		"TLS_CLIENT_S_DN_C": "DE", "TLS_CLIENT_S_DN_ST": "NRW", "TLS_CLIENT_S_DN_L": "Bonn", "TLS_CLIENT_S_DN_O": "Example",
		"TLS_CLIENT_S_DN_OU": "Second", "TLS_CLIENT_S_DN_CN": "alice", "TLS_CLIENT_S_DN_T": "Dr", "TLS_CLIENT_S_DN_I": "A",
		"TLS_CLIENT_S_DN_G": "Alice", "TLS_CLIENT_S_DN_S": "Doe", "TLS_CLIENT_S_DN_UID": "u7", "TLS_CLIENT_S_DN_Email": "a@example.com",
		"TLS_CLIENT_V_START": "Jan  2 03:04:05 2025 GMT", "TLS_CLIENT_V_END": "Nov 12 13:14:15 2096 GMT",
		"TLS_CLIENT_A_SIG": "ecdsa-with-SHA256", "TLS_CLIENT_A_KEY": "id-ecPublicKey",
		"TLS_SERVER_M_VERSION": "3", "TLS_SERVER_M_SERIAL": "4711", "TLS_SERVER_S_DN": "CN = ftp.example.com", "TLS_SERVER_S_DN_CN": "ftp.example.com",
		"TLS_SERVER_I_DN": "CN = ftp.example.com", "TLS_SERVER_I_DN_CN": "ftp.example.com",
		"TLS_SERVER_V_START": "Jan  2 03:04:05 2025 GMT", "TLS_SERVER_V_END": "Nov 12 13:14:15 2096 GMT",
		"TLS_SERVER_A_SIG": "ecdsa-with-SHA256", "TLS_SERVER_A_KEY": "id-ecPublicKey",
	}
	want["TLS_CLIENT_S_DN"] = DN(client.RawSubject)
	for name, value := range want { // signed by itself: the issuer is the subject
		if field, ok := strings.CutPrefix(name, "TLS_CLIENT_S_DN"); ok {
			want["TLS_CLIENT_I_DN"+field] = value
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCertDataAlone(t *testing.T) {
	client := certFor(t, "alice")
	state := anyState
	state.PeerCertificates = []*x509.Certificate{client}
	got := Vars(&state, nil, VarOptions{CertData: true})
	if len(got) != 2 || got["TLS_CLIENT_CERT"] != got["TLS_CLIENT_CERT_CHAIN1"] {
		t.Errorf("%d variables", len(got))
	}
	block, _ := pem.Decode([]byte(got["TLS_CLIENT_CERT"]))
	if block == nil || string(block.Bytes) != string(client.Raw) {
		t.Error("the certificate is not what it was")
	}
	if Vars(&state, nil, VarOptions{}) != nil || Vars(nil, nil, VarOptions{Std: true}) != nil {
		t.Error("nothing was asked for")
	}
	if got := Vars(&tls.ConnectionState{}, nil, VarOptions{Std: true}); got["TLS_CLIENT_S_DN"] != "" {
		t.Error("there is no client certificate")
	}
}

func TestUserName(t *testing.T) {
	tmpl := template("alice")
	tmpl.EmailAddresses = []string{"alice@example.com"}
	value, _ := asn1.Marshal("bob")
	tmpl.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: value}}
	cert, _ := signedBySelf(t, tmpl)
	for field, want := range map[string]string{
		"CommonName": "alice", "EmailSubjAltName": "alice@example.com", "1.3.6.1.4.1.99999.1": "bob", "1.2.3": "",
	} {
		if got, err := UserName(cert, field); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v", field, got, err)
		}
	}
	if _, err := UserName(certFor(t, "a\r\nQUIT"), "CommonName"); err == nil {
		t.Error("a line break became a user name")
	}
}

func FuzzDN(f *testing.F) {
	for _, cert := range hardNames(f) {
		f.Add(cert.RawSubject)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, r := range DN(raw) {
			if r < ' ' || r > '~' {
				t.Fatalf("%q shows in the text", r)
			}
		}
		vars := map[string]string{}
		nameVars(vars, "X", raw)
	})
}
