package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/peers"
)

// backendCase is one certificate of a backend and what is to come of it: why is what the log says of a
// refused one, "" for one that is accepted.
type backendCase struct {
	name  string
	cert  func(*certs.Kit) certs.Files
	lines func(*certs.Kit) []string
	why   string
}

func withCA(k *certs.Kit) []string { return []string{"ProxyTLSCACertificateFile " + k.CA} }

func withCRL(k *certs.Kit) []string {
	return append(withCA(k), "ProxyTLSCARevocationFile "+k.CRL)
}

func unverified(*certs.Kit) []string { return []string{"ProxyTLSVerifyServer off"} }

var backendCases = []backendCase{
	{"a_good_one_RSA", func(k *certs.Kit) certs.Files { return k.RSA }, withCA, ""},
	{"a_good_one_EC", func(k *certs.Kit) certs.Files { return k.ECDSA }, withCA, ""},
	{"one_behind_an_intermediate", func(k *certs.Kit) certs.Files { return k.Chained }, withCA, ""},
	{"a_wrong_authority", func(k *certs.Kit) certs.Files { return k.Stranger }, withCA, "certificate of an unknown issuer"},
	{"no_authority_named", func(k *certs.Kit) certs.Files { return k.RSA }, func(*certs.Kit) []string { return nil }, "certificate of an unknown issuer"},
	{"the_other_authority_named", func(k *certs.Kit) certs.Files { return k.Stranger },
		func(k *certs.Kit) []string { return []string{"ProxyTLSCACertificateFile " + k.OtherCA} }, ""},
	{"a_wrong_name", func(k *certs.Kit) certs.Files { return k.OtherName }, withCA, "elsewhere.test"},
	{"expired", func(k *certs.Kit) certs.Files { return k.Expired }, withCA, "certificate expired"},
	{"not_valid_yet", func(k *certs.Kit) certs.Files { return k.Future }, withCA, "certificate not valid yet"},
	{"revoked", func(k *certs.Kit) certs.Files { return k.Revoked }, withCRL, "certificate revoked"},
	{"revoked_but_no_list_named", func(k *certs.Kit) certs.Files { return k.Revoked }, withCA, ""},
	{"a_good_one_and_a_list", func(k *certs.Kit) certs.Files { return k.RSA }, withCRL, ""},
	{"self_signed", func(k *certs.Kit) certs.Files { return k.SelfSigned }, withCA, "self-signed certificate"},
	{"self_signed_and_named_as_authority", func(k *certs.Kit) certs.Files { return k.SelfSigned },
		func(k *certs.Kit) []string { return []string{"ProxyTLSCACertificateFile " + k.SelfSigned.Cert} }, ""},
	{"self_signed_without_verification", func(k *certs.Kit) certs.Files { return k.SelfSigned }, unverified, ""},
	{"a_wrong_name_without_verification", func(k *certs.Kit) certs.Files { return k.OtherName }, unverified, ""},
	{"expired_without_verification", func(k *certs.Kit) certs.Files { return k.Expired }, unverified, ""},
}

// TestBackendCertificates: who is not to be trusted is passed over with one line in the log, and hears
// no password; when it was the only one, the client is sent away.
func TestBackendCertificates(t *testing.T) {
	k := certificates(t)
	body := noise(30_000)
	for _, tc := range backendCases {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s", tc.name, version), func(t *testing.T) {
				t.Parallel()
				config := identity(t, tc.cert(k))
				if version == peers.TLS12 {
					config.MaxVersion = tls.VersionTLS12
				}
				suspect := startSecurePeer(t, peerScript{config: config, banner: "220 suspect", files: map[string][]byte{"f": body}})
				lines := append([]string{"ProxyTLSEngine on", "ProxyRetryCount 1"}, tc.lines(k)...)
				g, addr := secureGateway(t, []string{suspect.url()}, lines...)
				c := peers.Dial(t, addr)
				if tc.why != "" {
					c.ExpectClosed(10 * time.Second)
					oneLine(t, g, attemptFailed, "unable to verify '127.0.0.1' server certificate", tc.why, suspect.listen.Addr().String())
					expectNoSecrets(t, suspect)
					return
				}
				c.Login("bob", "x")
				sameBytes(t, "RETR", c.Fetch(peers.EPSV, "RETR f"), body)
				if !suspect.heardAny("tls PASS x") || suspect.heardAny("clear PASS") {
					t.Errorf("the backend heard %q", suspect.heard())
				}
				if lines := noted(g, attemptFailed); len(lines) > 0 {
					t.Errorf("the log complains:\n%s", lines)
				}
			})
		}
	}
}

func expectNoSecrets(t *testing.T, p *securePeer) {
	t.Helper()
	for _, prefix := range []string{"tls USER", "clear USER", "tls PASS", "clear PASS"} {
		if p.heardAny(prefix) {
			t.Errorf("it was told %q", prefix)
		}
	}
}

// TestBackendCertificate_leads_to_the_next: a backend that is not to be trusted costs its clients nothing
// as long as there is another.
func TestBackendCertificate_leads_to_the_next(t *testing.T) {
	k := certificates(t)
	for name, cert := range map[string]certs.Files{
		"a_wrong_authority": k.Stranger, "a_wrong_name": k.OtherName, "expired": k.Expired, "revoked": k.Revoked, "self_signed": k.SelfSigned,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suspect := startSecurePeer(t, peerScript{config: identity(t, cert), banner: "220 suspect"})
			other := startSecurePeer(t, peerScript{banner: "220 other"})
			g, addr := secureGateway(t, []string{suspect.url(), other.url()}, append(withCRL(k), "ProxyTLSEngine on")...)
			c := peers.Dial(t, addr)
			c.ExpectLine("220 other")
			c.Must(331, "USER bob")
			oneLine(t, g, attemptFailed, suspect.listen.Addr().String())
			expectNoSecrets(t, suspect)
		})
	}
}

// TestBackendCertificate_of_a_data_connection: a data connection is verified too. Whoever is first at a
// backend's passive port must not get an upload, nor plant a download.
func TestBackendCertificate_of_a_data_connection(t *testing.T) {
	k := certificates(t)
	for name, cert := range map[string]certs.Files{"a_stranger": k.Stranger, "another_name": k.OtherName, "expired": k.Expired} {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s", name, version), func(t *testing.T) {
				t.Parallel()
				thief := identity(t, cert)
				if version == peers.TLS12 {
					thief.MaxVersion = tls.VersionTLS12
				}
				p := startSecurePeer(t, peerScript{data: thief, files: map[string][]byte{"f": noise(30_000)}})
				_, addr := secureGateway(t, []string{p.url()}, backLines(t, explicit)...)
				c := peers.Dial(t, addr).Login("bob", "x")
				d := c.Begin(peers.EPSV, "RETR f")
				if got, _ := io.ReadAll(d.Open()); len(got) > 0 {
					t.Errorf("%d bytes of a stranger reached the client", len(got))
				}
				d.Close()
				if r := c.Reply(); r.Code < 400 {
					t.Errorf("the planted download was answered %q", r)
				}
			})
		}
	}
}

// clientCase is one certificate of a client and what is to come of it.
type clientCase struct {
	name   string
	cert   func(*certs.Kit) certs.Files
	verify string // TLSVerifyClient
	why    string // what the log says of a refusal; "" for a client who is let in
}

func none(*certs.Kit) certs.Files { return certs.Files{} }

var clientCases = []clientCase{
	{"a_good_one", func(k *certs.Kit) certs.Files { return k.Client }, "on", ""},
	{"none", none, "on", "certificate"},
	{"of_a_stranger", func(k *certs.Kit) certs.Files { return k.StrangerClient }, "on", "unknown authority"},
	{"expired", func(k *certs.Kit) certs.Files { return k.ExpiredClient }, "on", "expired"},
	{"revoked", func(k *certs.Kit) certs.Files { return k.RevokedClient }, "on", "certificate revoked"},
	{"a_good_one", func(k *certs.Kit) certs.Files { return k.Client }, "optional", ""},
	{"none", none, "optional", ""},
	{"of_a_stranger", func(k *certs.Kit) certs.Files { return k.StrangerClient }, "optional", "unknown authority"},
	{"revoked", func(k *certs.Kit) certs.Files { return k.RevokedClient }, "optional", "certificate revoked"},
	{"of_a_stranger", func(k *certs.Kit) certs.Files { return k.StrangerClient }, "off", ""},
}

// TestClientCertificates: clients without the certificate that is asked for do not get in, and the log
// says why in one line.
func TestClientCertificates(t *testing.T) {
	k := certificates(t)
	for _, verify := range []string{"on", "optional", "off"} {
		s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": noise(40_000)}})
		lines := bothLines(t, explicit, plain, "TLSVerifyClient "+verify, "TLSCACertificateFile "+k.CA, "TLSCARevocationFile "+k.CRL)
		g, addr := secureGateway(t, []string{s.URL()}, lines...)
		for _, tc := range clientCases {
			for _, version := range versions {
				if tc.verify != verify {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", verify, tc.name, version), func(t *testing.T) {
					config := clientConfig(t, version)
					if f := tc.cert(k); f.Cert != "" {
						pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
						if err != nil {
							t.Fatal(err)
						}
						// Sent whatever authorities the gateway names.
						config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
					}
					before := len(noted(g, refusedClient))
					c := peers.Dial(t, addr).Greeting()
					c.Must(234, "AUTH TLS")
					err := c.HandshakeErr(config) // with TLS 1.3 a client learns of its refusal later
					if tc.why == "" {
						if err != nil {
							t.Fatal(err)
						}
						c.Login("bob", "x").Protect("P")
						sameBytes(t, "RETR", c.Fetch(peers.EPSV, "RETR f"), noise(40_000))
						return
					}
					if err == nil {
						_, err = c.ReplyErr(10 * time.Second)
					}
					if err == nil || isTimeout(err) {
						t.Fatalf("the client was let in (%v)", err)
					}
					eventually(t, 5*time.Second, "a line in the log", func() bool { return len(noted(g, refusedClient)) > before })
					if fresh := noted(g, refusedClient)[before:]; len(fresh) != 1 || !holds(fresh[0], []string{tc.why, "127.0.0.1"}) {
						t.Errorf("the log says\n%s\nwant one line with %q", fresh, tc.why)
					}
				})
			}
		}
	}
}

// refusedClient is what the log says of a handshake with a client that failed.
const refusedClient = "TLS negotiation failed on control channel"
