package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/runtime/config"
)

// Whatever a server cannot begin with is said with the file and the place, and
// by the check already, which reads the same.
func TestStart_without_usable_files_of_TLS(t *testing.T) {
	ca := newAuthority(t, "test root")
	for name, c := range map[string]struct {
		directives func(r *rig) string
		want       string
	}{
		"a_key_of_another": {func(r *rig) string {
			other := ca.write(r.path("other.pem"), ca.issue("other.test"))
			return front(ca.write(r.path("cert.pem"), ca.issue("gateway.test"))) + "\nTLSECCertificateKeyFile " + other
		}, "other.pem"},
		"a_certificate_that_is_none": {func(r *rig) string { return front(r.file("cert.pem", "nothing")) }, "cert.pem"},
		"a_key_that_others_read": {func(r *rig) string {
			cert := ca.write(r.path("cert.pem"), ca.issue("gateway.test"))
			if err := os.Chmod(cert, 0o644); err != nil {
				t.Fatal(err)
			}
			return front(cert)
		}, "cert.pem"},
		"an_encrypted_key": {func(r *rig) string {
			ca.write(r.path("cert.pem"), ca.issue("gateway.test"))
			return front(r.path("cert.pem")) + "\nTLSECCertificateKeyFile " +
				r.file("key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
		}, "key.pem"},
		"a_chain_that_is_none": {func(r *rig) string {
			return front(ca.write(r.path("cert.pem"), ca.issue("gateway.test"))) + "\nTLSCertificateChainFile " + r.file("chain.pem", "nothing")
		}, "chain.pem"},
		"roots_for_clients_that_are_none": {func(r *rig) string {
			return front(ca.write(r.path("cert.pem"), ca.issue("gateway.test"))) + "\nTLSVerifyClient on\nTLSCACertificateFile " + r.file("roots.pem", "nothing")
		}, "roots.pem"},
		"roots_for_backends_that_are_none": {func(r *rig) string {
			return "ProxyTLSCACertificateFile " + r.file("roots.pem", "nothing")
		}, "roots.pem"},
		"a_directory_without_roots": {func(r *rig) string {
			if err := os.Mkdir(r.path("roots"), 0o755); err != nil {
				t.Fatal(err)
			}
			return "ProxyTLSCACertificatePath " + r.path("roots")
		}, "roots"},
		"a_revocation_list_that_is_none": {func(r *rig) string {
			return "ProxyTLSCACertificateFile " + ca.root(r.path("roots.pem")) + "\nProxyTLSCARevocationFile " + r.file("crl.pem", "nothing")
		}, "crl.pem"},
		"a_revocation_list_that_is_damaged": {func(r *rig) string {
			return "ProxyTLSCACertificateFile " + ca.root(r.path("roots.pem")) + "\nProxyTLSCARevocationFile " +
				r.file("crl.pem", string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("damaged")})))
		}, "crl.pem"},
		"ciphers_that_nobody_knows":  {func(*rig) string { return "ProxyTLSCipherSuite NO-SUCH-CIPHER" }, "NO-SUCH-CIPHER"},
		"no_protocol_that_is_spoken": {func(*rig) string { return "ProxyTLSProtocol SSLv3" }, "SSLv3"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.configure("Port 0\n%s", tlsHost("127.0.0.1", freePort(t), "ftp://127.0.0.1", c.directives(r)))
			g, err := Start(context.Background(), r.options())
			if err == nil {
				g.Close()
				t.Fatal("it started")
			}
			if !errors.Is(err, ErrConfig) {
				t.Errorf("the check did not find it: %v", err)
			}
			if said := err.Error() + r.out.String(); !strings.Contains(said, c.want) || !strings.Contains(said, "sluice.conf:") {
				t.Errorf("it does not say %q and where:\n%s", c.want, said)
			}
		})
	}
}

// file writes a file that only its owner reads.
func (r *rig) file(name, content string) string {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return r.path(name)
}

// A client without the certificate that is asked for does not come in, nor one
// whose certificate was taken back since.
func TestClients_show_certificates(t *testing.T) {
	r := newRig(t)
	ca := newAuthority(t, "test root")
	good, revoked := ca.issue("good client"), ca.issue("revoked client")
	leaf, err := x509.ParseCertificate(revoked.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	r.configure("Port 0\n%s", tlsHost("127.0.0.1", port, backend(t, "b"), "ProxyTLSEngine off", "TLSVerifyClient on",
		front(ca.write(r.path("cert.pem"), ca.issue("gateway.test"))),
		"TLSCACertificateFile "+ca.root(r.path("ca.pem")),
		"TLSCARevocationFile "+r.file("crl.pem", ca.revoke(leaf.SerialNumber)),
		"TLSLog "+r.path("tls.log")))
	r.run()
	for name, certs := range map[string][]tls.Certificate{"nobody": nil, "good client": {good}, "revoked client": {revoked}} {
		c := dial(t, "127.0.0.1", "127.0.0.1", port)
		c.line()
		c.say("AUTH TLS", "234")
		cfg := clientTLS(ca, "gateway.test")
		cfg.Certificates = certs
		conn := tls.Client(c.conn, cfg)
		err := conn.Handshake()
		if err == nil { // in TLS 1.3 a client learns of it afterwards
			_, err = conn.Write([]byte("NOOP\r\n"))
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if err == nil {
				_, err = conn.Read(make([]byte, 1))
			}
		}
		if welcome := err == nil; welcome != (name == "good client") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.until("the reasons in TLSLog", func() bool {
		text, _ := os.ReadFile(r.path("tls.log"))
		return strings.Contains(string(text), `subject="CN = good client"`) && strings.Contains(string(text), "revoked") && strings.Count(string(text), "level=warn") == 2
	})
}

// revoke makes a list of what the authority takes back.
func (a *authority) revoke(serials ...*big.Int) string {
	a.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, n := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: time.Now().Add(-time.Minute)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// A session with a backend is resumed by nobody whom the backend would not have
// granted it to: not by another server or class, nor after what was shown to the
// backend or asked of it has changed.
func TestOwner_tells_whose_sessions_are_whose(t *testing.T) {
	base := config.BackendTLS{CAFile: "/ca.pem", CertificateFile: "/cert.pem", VerifyServer: true}
	lax, old := base, base
	lax.VerifyServer = false
	old.Protocols = config.TLSv12
	seen := map[string]string{}
	for name, o := range map[string]string{
		"base":                owner("pool", base, []byte("cert")),
		"another pool":        owner("pool/class", base, []byte("cert")),
		"another certificate": owner("pool", base, []byte("cert2")),
		"no verification":     owner("pool", lax, []byte("cert")),
		"other protocols":     owner("pool", old, []byte("cert")),
	} {
		if other, taken := seen[o]; taken {
			t.Errorf("%s and %s share their sessions", name, other)
		}
		seen[o] = name
	}
	if again := owner("pool", base, []byte("cert")); seen[again] != "base" {
		t.Error("the same settings have other sessions the next time")
	}
}
