package stage

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

func TestVerifyClient(t *testing.T) {
	now := time.Now()
	ca, stranger := newCA(t, "root"), newCA(t, "stranger")
	middle := ca.make(t, ecKey(t), named("middle"), isCA)
	good := ca.make(t, ecKey(t), named("client"))
	below := middle.make(t, ecKey(t), named("client"))
	roots := Authorities{CAFile: file(t, certPEM(ca))}
	lists := func(all ...[]byte) Authorities { return Authorities{CAFile: roots.CAFile, CRLFile: file(t, all...)} }
	tomorrow := now.Add(12 * time.Hour)
	atHome := func(netip.Addr) string { return "client.example" }
	type config = ServerConfig

	for _, tt := range []struct {
		claim  string
		config config
		cert   *authority // nil: shows none
		bad    string     // part of the error; empty: accepted
	}{
		{"off_asks_for_none", config{}, nil, ""},
		{"off_minds_none", config{Authorities: roots}, stranger.make(t, ecKey(t)), ""},
		{"optional_needs_none", config{Verify: VerifyOptional, Authorities: roots}, nil, ""},
		{"optional_takes_a_good_one", config{Verify: VerifyOptional, Authorities: roots}, good, ""},
		{"optional_refuses_a_bad_one", config{Verify: VerifyOptional, Authorities: roots}, stranger.make(t, ecKey(t)), "unknown authority"},
		{"on_needs_one", config{Verify: VerifyOn, Authorities: roots}, nil, "didn't provide a certificate"},
		{"on_takes_a_good_one", config{Verify: VerifyOn, Authorities: roots}, good, ""},
		{"on_takes_a_chain", config{Verify: VerifyOn, Authorities: roots}, below, ""},
		{"on_refuses_a_bad_one", config{Verify: VerifyOn, Authorities: roots}, stranger.make(t, ecKey(t)), "client certificate 'CN = somebody': tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"on_refuses_an_expired_one", config{Verify: VerifyOn, Authorities: roots}, ca.make(t, ecKey(t), until(now.Add(-time.Hour))), "client certificate 'CN = somebody': tls: failed to verify certificate: x509: certificate has expired"},
		{"without_authorities_those_of_the_system", config{Verify: VerifyOn}, good, "unknown authority"},
		{"depth_1_takes_what_a_root_signed", config{Verify: VerifyOn, Authorities: roots, VerifyDepth: 1}, good, ""},
		{"depth_1_refuses_a_longer_chain", config{Verify: VerifyOn, Authorities: roots, VerifyDepth: 1}, below, "TLSVerifyDepth 1"},
		{"depth_2_takes_it", config{Verify: VerifyOn, Authorities: roots, VerifyDepth: 2}, below, ""},
		{"depth_0_takes_self_signed_ones_only", config{Verify: VerifyOn, Authorities: roots, VerifyDepth: -1}, good, "TLSVerifyDepth 0"},
		{"depth_0_takes_a_trusted_one", config{Verify: VerifyOn, Authorities: Authorities{CAFile: file(t, certPEM(good))}, VerifyDepth: -1}, good, ""},
		{"a_revoked_one", config{Verify: VerifyOn, Authorities: lists(ca.crl(t, tomorrow, good))}, good, "certificate revoked"},
		{"a_revoked_authority", config{Verify: VerifyOn, Authorities: lists(ca.crl(t, tomorrow, middle))}, below, "certificate revoked"},
		{"one_that_is_not_on_the_list", config{Verify: VerifyOn, Authorities: lists(ca.crl(t, tomorrow, middle))}, good, ""},
		{"an_expired_list", config{Verify: VerifyOn, Authorities: lists(ca.crl(t, now.Add(-time.Hour)))}, good, "certificate revocation list expired"},
		{"a_list_of_somebody_else", config{Verify: VerifyOn, Authorities: lists(stranger.crl(t, tomorrow, good))}, good, ""},
		{"an_address_that_it_names", config{Verify: VerifyOn, Authorities: roots, Identity: tlspolicy.ClientChecks{IPAddress: true}}, ca.make(t, ecKey(t), addresses("127.0.0.1")), ""},
		{"an_address_that_it_does_not_name", config{Verify: VerifyOn, Authorities: roots, Identity: tlspolicy.ClientChecks{IPAddress: true}}, good, "unable to verify client certificate 'CN = client'"},
		{"a_name_that_it_names", config{Verify: VerifyOn, Authorities: roots, Identity: tlspolicy.ClientChecks{DNSName: true}, ClientName: atHome}, ca.make(t, ecKey(t), hosts("client.example")), ""},
		{"a_name_that_it_does_not_name", config{Verify: VerifyOn, Authorities: roots, Identity: tlspolicy.ClientChecks{DNSName: true}, ClientName: atHome}, good, "unable to verify"},
		{"a_client_without_a_name", config{Verify: VerifyOn, Authorities: roots, Identity: tlspolicy.ClientChecks{DNSName: true}}, ca.make(t, ecKey(t), hosts("client.example")), "unable to verify"},
	} {
		for name, version := range versions {
			t.Run(tt.claim+"/"+name, func(t *testing.T) {
				w := &wallet{}
				c := client(version, w)
				if tt.cert != nil {
					c.Certificates = []tls.Certificate{tt.cert.sends()}
					// Also where the server says that it knows other authorities only.
					c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.Certificates[0], nil }
				}
				g := server(t, tt.config).Guest(nil)
				_, cerr, serr := hello(t, c, control(t, g))
				if tt.bad != "" {
					if serr == nil || cerr == nil || !strings.Contains(serr.Error(), tt.bad) {
						t.Errorf("server %v, client %v", serr, cerr)
					}
					return
				}
				if serr != nil || cerr != nil {
					t.Fatalf("server %v, client %v", serr, cerr)
				}
				w.last()
				if state, cerr, serr := hello(t, c, data(t, g)); serr != nil || cerr != nil || !state.DidResume {
					t.Errorf("data connection: server %v, client %v, resumed: %v", serr, cerr, state.DidResume)
				}
			})
		}
	}
}

// Time passes between a session and its resumption.
func TestResumedClientsAreVerified(t *testing.T) {
	ca := newCA(t, "root")
	for name, version := range versions {
		for claim, bad := range map[string]string{"certificate_expired": "expired", "list_expired": "certificate revocation list expired"} {
			t.Run(claim+"/"+name, func(t *testing.T) {
				var clk clock
				config := ServerConfig{Verify: VerifyOn, Tickets: true, Authorities: Authorities{CAFile: file(t, certPEM(ca))}, now: clk.now}
				life := change(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(10 * time.Hour) })
				if claim == "list_expired" {
					life = func(c *x509.Certificate) {}
					config.Authorities.CRLFile = file(t, ca.crl(t, time.Now().Add(10*time.Hour)))
				}
				w := &wallet{}
				c := client(version, w)
				c.Certificates = []tls.Certificate{ca.make(t, ecKey(t), named("client"), life).Certificate}
				s := server(t, config)
				g := s.Guest(nil)
				greet(t, g, c)
				w.last()
				if !greet(t, s.Guest(nil), c).DidResume {
					t.Fatal("not resumed in time")
				}
				clk.advance(11 * time.Hour)
				w.last()
				for kind, serve := range map[string]func(*net.TCPConn) (*Conn, error){"control": control(t, s.Guest(nil)), "data": data(t, g)} {
					if _, cerr, serr := hello(t, c, serve); serr == nil || cerr == nil || !strings.Contains(serr.Error(), bad) {
						t.Errorf("%s: server %v, client %v", kind, serr, cerr)
					}
				}
			})
		}
	}
}

func TestCertificatesSideBySide(t *testing.T) {
	ca := newCA(t, "root")
	middle := ca.make(t, ecKey(t), named("middle"), isCA)
	other := ca.make(t, ecKey(t), named("other middle"), isCA)
	ec, rs := middle.make(t, ecKey(t), named("ec")), other.make(t, rsaKey(t), named("rsa"))
	split := KeyPair{Certificate: file(t, certPEM(rs)), Key: file(t, keyPEM(t, rs))}
	s := server(t, ServerConfig{KeyPairs: []KeyPair{split, pair(t, ec)}, Chain: file(t, certPEM(other, middle))})
	for claim, tt := range map[string]struct {
		version uint16
		suite   uint16
		cn      string
		above   string
	}{
		"ec_first":                        {tls.VersionTLS13, 0, "ec", "middle"},
		"rsa_for_who_can_do_nothing_else": {tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "rsa", "other middle"},
		"ec_for_who_can_do_nothing_else":  {tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ec", "middle"},
	} {
		t.Run(claim, func(t *testing.T) {
			c := client(tt.version, nil)
			c.ServerName = "whatever.example" // a name that no certificate has must not decide
			if tt.suite != 0 {
				c.CipherSuites = []uint16{tt.suite}
			}
			state := greet(t, s.Guest(nil), c)
			if got := state.PeerCertificates; len(got) != 2 || got[0].Subject.CommonName != tt.cn || got[1].Subject.CommonName != tt.above {
				t.Errorf("got %d certificates, the first of %v", len(got), got[0].Subject)
			}
		})
	}
}

func TestServerFilesThatWillNotDo(t *testing.T) {
	ca := newCA(t, "root")
	one, two := ca.make(t, ecKey(t)), ca.make(t, ecKey(t))
	open := pair(t, one)
	if err := os.Chmod(open.Certificate, 0o640); err != nil {
		t.Fatal(err)
	}
	encrypted := []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	good := []KeyPair{pair(t, one)}
	text := file(t, []byte("words\n"))
	forged := ca.crl(t, time.Now().Add(time.Hour))
	for claim, tt := range map[string]struct {
		config ServerConfig
		want   string
	}{
		"no_certificate":               {ServerConfig{}, "needs a certificate"},
		"a_missing_file":               {ServerConfig{KeyPairs: []KeyPair{{Certificate: "/nowhere.pem"}}}, "/nowhere.pem"},
		"a_directory":                  {ServerConfig{KeyPairs: []KeyPair{{Certificate: t.TempDir()}}}, "no regular file"},
		"a_key_for_all_to_read":        {ServerConfig{KeyPairs: []KeyPair{open}}, "accessible to group or others (perms 0640)"},
		"an_encrypted_key":             {ServerConfig{KeyPairs: []KeyPair{{file(t, certPEM(one)), file(t, encrypted)}}}, "encrypted"},
		"somebody_elses_key":           {ServerConfig{KeyPairs: []KeyPair{{file(t, certPEM(one)), file(t, keyPEM(t, two))}}}, "does not match"},
		"no_key":                       {ServerConfig{KeyPairs: []KeyPair{{Certificate: file(t, certPEM(one))}}}, "key"},
		"a_chain_without_certificates": {ServerConfig{KeyPairs: good, Chain: text}, "no certificate in it"},
		"no_authorities":               {ServerConfig{KeyPairs: good, Verify: VerifyOn, Authorities: Authorities{CAFile: text}}, "no certificate in it"},
		"an_empty_directory":           {ServerConfig{KeyPairs: good, Verify: VerifyOn, Authorities: Authorities{CAPath: t.TempDir()}}, "no file in"},
		"no_lists":                     {ServerConfig{KeyPairs: good, Verify: VerifyOn, Authorities: Authorities{CRLFile: text}}, "no certificate revocation list in it"},
		"a_damaged_list":               {ServerConfig{KeyPairs: good, Verify: VerifyOn, Authorities: Authorities{CRLFile: file(t, bytes.Replace(forged, []byte("M"), []byte("N"), 1))}}, "certificate revocation lists"},
	} {
		t.Run(claim, func(t *testing.T) {
			if _, err := NewServer(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A list that somebody else signed in an authority's name says nothing, and hides
// nothing either.
func TestForgedLists(t *testing.T) {
	ca := newCA(t, "root")
	cert := ca.make(t, ecKey(t))
	namesake := newCA(t, "root")
	tomorrow := time.Now().Add(12 * time.Hour)
	chain := []*x509.Certificate{cert.Leaf, ca.Leaf}
	sign := func(a *authority, revoked ...*authority) []byte {
		signer := &authority{tls.Certificate{Leaf: ca.Leaf, PrivateKey: a.PrivateKey}, nil}
		return signer.crl(t, tomorrow, revoked...)
	}
	for claim, tt := range map[string]struct {
		lists [][]byte
		want  string
	}{
		"alone":                  {[][]byte{sign(namesake)}, "not signed by it"},
		"beside_a_real_one":      {[][]byte{sign(namesake), sign(ca)}, ""},
		"beside_one_that_counts": {[][]byte{sign(namesake), sign(ca, cert)}, "certificate revoked"},
		"with_a_revocation":      {[][]byte{sign(namesake, cert), sign(ca)}, ""},
	} {
		t.Run(claim, func(t *testing.T) {
			lists, err := Authorities{CRLFile: file(t, tt.lists...)}.lists()
			if err != nil {
				t.Fatal(err)
			}
			err = lists.check(chain, time.Now())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDefaultRoots(t *testing.T) {
	pool, err := defaultRoots(x509.NewCertPool(), nil)
	if err != nil || pool == nil || pool.Equal(x509.NewCertPool()) {
		t.Errorf("without roots of the system: %v, %v", pool, err)
	}
	if pool, err = defaultRoots(nil, os.ErrNotExist); err != nil || pool == nil {
		t.Errorf("without an answer of the system: %v, %v", pool, err)
	}
	own := x509.NewCertPool()
	own.AddCert(newCA(t, "of the system").Leaf)
	if pool, err = defaultRoots(own, nil); err != nil || pool != nil {
		t.Errorf("with roots of the system: %v, %v", pool, err)
	}
}

func TestGuestSays(t *testing.T) {
	ca := newCA(t, "root")
	mine := ca.make(t, ecKey(t), named("alice"))
	var log bytes.Buffer
	s := server(t, ServerConfig{
		Verify: VerifyOn, Authorities: Authorities{CAFile: file(t, certPEM(ca))}, Diags: true,
		Vars: tlspolicy.VarOptions{Std: true}, Log: zerolog.New(&log),
	})
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			w := &wallet{}
			c := client(version, w)
			c.Certificates = []tls.Certificate{mine.Certificate}
			for _, resumed := range []bool{false, true} {
				g := s.Guest(nil)
				var info messages.TLSInfo
				_, cerr, serr := hello(t, c, func(tcp *net.TCPConn) (conn *Conn, err error) {
					conn, info, err = g.Control(within(t), tcp)
					return conn, err
				})
				if cerr != nil || serr != nil {
					t.Fatal(cerr, serr)
				}
				if info.Version != tlspolicy.VersionName(version) || info.Bits < 128 || info.Resumed != resumed ||
					info.Vars["TLS_CLIENT_S_DN_CN"] != "alice" || info.Vars["TLS_PROTOCOL"] != info.Version || info.Vars["TLS_SERVER_S_DN_CN"] != "gateway" {
					t.Errorf("got %+v", info)
				}
				w.last()
			}
			for _, want := range []string{tlspolicy.VersionName(version) + " connection created, using cipher ", `"peer":"CN = alice"`, "TLS handshake done"} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log lacks %q:\n%s", want, log.String())
				}
			}
		})
	}
}

// A file that links nowhere, and a directory, lie beside certificates in practice.
func TestDirectoriesOfAuthorities(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t, "root")
	put(t, filepath.Join(dir, "ca.pem"), certPEM(ca))
	if err := errors.Join(os.Symlink("ca.pem", filepath.Join(dir, "12345678.0")), os.Symlink("gone", filepath.Join(dir, "dangling.0")),
		os.Mkdir(filepath.Join(dir, "private"), 0o700)); err != nil {
		t.Fatal(err)
	}
	pool, err := Authorities{CAPath: dir}.roots(zerolog.Nop())
	want := x509.NewCertPool()
	want.AddCert(ca.Leaf)
	if err != nil || !pool.Equal(want) {
		t.Errorf("got %v", err)
	}
}
