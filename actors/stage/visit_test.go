package stage

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// drawer is a session store.
type drawer struct {
	mu    sync.Mutex
	m     map[string][]byte
	saves int
}

func newDrawer() *drawer { return &drawer{m: map[string][]byte{}} }

func (d *drawer) Load(key string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.m[key]
}

func (d *drawer) Save(key, _ string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.m[key] = b
	d.saves++
}

func (d *drawer) Drop(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.m, key)
}

func (d *drawer) keys() (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := range d.m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func link(t testing.TB, s string) backendurl.URL {
	t.Helper()
	u, err := backendurl.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func newClient(t testing.TB, config ClientConfig) *Client {
	t.Helper()
	c, err := NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// backend is a server of crypto/tls, with what it saw of the last handshake.
type backend struct {
	config *tls.Config
	state  tls.ConnectionState
}

// call lets one side of a visit shake hands with the backend, and reads what the
// backend says, so that its tickets arrive.
func (b *backend) call(t testing.TB, begin func(*net.TCPConn) (*Conn, error)) (state tls.ConnectionState, client, server error) {
	t.Helper()
	far, near := tcpPair(t)
	both(func() {
		defer far.Close()
		c := tls.Server(far, b.config)
		if server = c.Handshake(); server != nil {
			return
		}
		b.state = c.ConnectionState()
		_, server = c.Write([]byte("."))
	}, func() {
		var c *Conn
		if c, client = begin(near); client != nil {
			near.Close()
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		var word [1]byte
		if _, client = c.Read(word[:]); client == nil {
			state = c.State()
		}
	})
	return state, client, server
}

func controlOf(t testing.TB, v *Visit) func(*net.TCPConn) (*Conn, error) {
	return func(c *net.TCPConn) (*Conn, error) {
		conn, _, err := v.Control(within(t), c)
		return conn, err
	}
}

func dataOf(t testing.TB, v *Visit) func(*net.TCPConn) (*Conn, error) {
	return func(c *net.TCPConn) (*Conn, error) { return v.Data(within(t), c) }
}

func TestVisitResumes(t *testing.T) {
	ca := newCA(t, "root")
	cert := ca.make(t, ecKey(t), hosts("ftp.example"))
	roots := Authorities{CAFile: file(t, certPEM(ca))}
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			for _, tt := range []struct {
				claim         string
				kept, nothing bool // sessions are stored; NoSessionTickets
				again         bool // the next visit resumes
			}{
				{"across_visits_with_a_store", true, false, true},
				{"within_a_visit_only_without_a_store", false, false, false},
				{"within_a_visit_only_without_tickets", true, true, false},
			} {
				t.Run(tt.claim, func(t *testing.T) {
					store := newDrawer()
					config := ClientConfig{Authorities: roots, NoSessionTickets: tt.nothing}
					if tt.kept {
						config.Sessions = store
					}
					client := newClient(t, config)
					b := &backend{config: &tls.Config{Certificates: []tls.Certificate{cert.sends()}, MinVersion: version, MaxVersion: version}}
					for visit := range 3 {
						v := client.Visit(link(t, "ftp://ftp.example:2121"))
						state, cerr, serr := b.call(t, controlOf(t, v))
						if cerr != nil || serr != nil || state.DidResume != (tt.again && visit > 0) {
							t.Fatalf("visit %d: client %v, server %v, resumed: %v", visit, cerr, serr, state.DidResume)
						}
						for i := range 10 {
							state, cerr, serr := b.call(t, dataOf(t, v))
							if cerr != nil || serr != nil || !state.DidResume {
								t.Fatalf("visit %d, data connection %d: client %v, server %v, resumed: %v", visit, i, cerr, serr, state.DidResume)
							}
						}
					}
					if got := store.keys(); tt.again && !slices.Equal(got, []string{"ftp://ftp.example:2121"}) || !tt.again && len(got) > 0 {
						t.Errorf("the store has %v", got)
					}
				})
			}
		})
	}
}

// A session of the store must never make a login fail that would do without.
func TestStaleSessions(t *testing.T) {
	var c clock
	ca, newer := newCA(t, "root"), newCA(t, "newer root")
	cert := ca.make(t, ecKey(t), hosts("ftp.example"))
	for name, version := range versions {
		for claim, spoil := range map[string]func(b *backend, store *drawer, config *ClientConfig){
			"garbage": func(_ *backend, s *drawer, _ *ClientConfig) { s.m["ftp://ftp.example:21"] = []byte("garbage") },
			"nothing": func(_ *backend, s *drawer, _ *ClientConfig) { s.m["ftp://ftp.example:21"] = []byte{} },
			"cut_off": func(_ *backend, s *drawer, _ *ClientConfig) {
				k := "ftp://ftp.example:21"
				s.m[k] = s.m[k][:len(s.m[k])-9]
			},
			"other_format": func(_ *backend, s *drawer, _ *ClientConfig) { s.m["ftp://ftp.example:21"][0]++ },
			"other_go":     func(_ *backend, s *drawer, _ *ClientConfig) { s.m["ftp://ftp.example:21"][3]++ },
			"the_server_forgot": func(b *backend, _ *drawer, _ *ClientConfig) {
				b.config = b.config.Clone()
				b.config.SetSessionTicketKeys([][32]byte{{9}})
			},
			"the_server_has_no_tickets_any_more": func(b *backend, _ *drawer, _ *ClientConfig) {
				b.config = b.config.Clone()
				b.config.SessionTicketsDisabled = true
			},
			"the_server_has_a_certificate_of_an_authority_that_took_the_place_of_the_old_one": func(b *backend, _ *drawer, config *ClientConfig) {
				b.config = b.config.Clone()
				b.config.Certificates = []tls.Certificate{newer.make(t, ecKey(t), hosts("ftp.example")).sends()}
				config.Authorities = Authorities{CAFile: file(t, certPEM(newer))}
			},
			"the_certificate_was_revoked_and_replaced": func(b *backend, _ *drawer, config *ClientConfig) {
				b.config = b.config.Clone()
				b.config.Certificates = []tls.Certificate{ca.make(t, ecKey(t), hosts("ftp.example")).sends()}
				config.Authorities.CRLFile = file(t, ca.crl(t, time.Now().Add(time.Hour), cert))
			},
		} {
			t.Run(claim+"/"+name, func(t *testing.T) {
				store := newDrawer()
				config := ClientConfig{Authorities: Authorities{CAFile: file(t, certPEM(ca))}, Sessions: store, now: c.now}
				b := &backend{config: &tls.Config{Certificates: []tls.Certificate{cert.sends()}, MinVersion: version, MaxVersion: version}}
				url := link(t, "ftp://ftp.example")
				if _, cerr, serr := b.call(t, controlOf(t, newClient(t, config).Visit(url))); cerr != nil || serr != nil {
					t.Fatalf("first visit: client %v, server %v", cerr, serr)
				}
				if len(store.keys()) != 1 {
					t.Fatal("nothing was stored")
				}
				spoil(b, store, &config)
				state, cerr, serr := b.call(t, controlOf(t, newClient(t, config).Visit(url)))
				if cerr != nil || serr != nil || state.DidResume {
					t.Errorf("client %v, server %v, resumed: %v", cerr, serr, state.DidResume)
				}
			})
		}
	}
}

func TestVerifyServer(t *testing.T) {
	now := time.Now()
	ca, stranger := newCA(t, "root"), newCA(t, "stranger")
	middle := ca.make(t, ecKey(t), named("middle"), isCA)
	good := ca.make(t, ecKey(t), hosts("ftp.example"))
	below := middle.make(t, ecKey(t), hosts("ftp.example"))
	expired := ca.make(t, ecKey(t), hosts("ftp.example"), until(now.Add(-time.Hour)))
	early := ca.make(t, ecKey(t), hosts("ftp.example"), until(now.Add(100*time.Hour)))
	alone := (*authority)(nil).make(t, ecKey(t), hosts("ftp.example"))
	forClients := ca.make(t, ecKey(t), hosts("ftp.example"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	caFile := file(t, certPEM(ca))
	lists := func(all ...[]byte) Authorities { return Authorities{CAFile: caFile, CRLFile: file(t, all...)} }
	tomorrow := now.Add(12 * time.Hour)

	dir := t.TempDir()
	put(t, dir+"/a.pem", certPEM(stranger))
	put(t, dir+"/b.0", certPEM(ca))
	put(t, dir+"/README", []byte("no certificate"))
	crls := t.TempDir()
	put(t, crls+"/a.r0", stranger.crl(t, tomorrow))
	put(t, crls+"/b.r0", ca.crl(t, tomorrow, good))

	for _, tt := range []struct {
		claim string
		cert  *authority
		who   Authorities
		host  string
		off   bool
		want  error  // nil: accepted
		text  string // of the log line
	}{
		{"a_known_authority_and_the_right_name", good, Authorities{CAFile: caFile}, "ftp.example", false, nil, ""},
		{"an_authority_of_a_directory", good, Authorities{CAPath: dir}, "ftp.example", false, nil, ""},
		{"a_chain", below, Authorities{CAFile: caFile}, "ftp.example", false, nil, ""},
		{"a_chain_to_a_known_middle_is_enough", below, Authorities{CAFile: file(t, certPEM(middle))}, "ftp.example", false, nil, ""},
		{"the_address_that_is_connected_to", ca.make(t, ecKey(t), addresses("127.0.0.1")), Authorities{CAFile: caFile}, "ftp.example", false, nil, ""},
		{"a_wrong_name", good, Authorities{CAFile: caFile}, "other.example", false, new(tlspolicy.IdentityError),
			"unable to verify 'other.example' server certificate: the certificate is for ftp.example, somebody, not for other.example (127.0.0.1)"},
		{"an_unknown_authority", good, Authorities{CAFile: file(t, certPEM(stranger))}, "ftp.example", false, ErrUnknownIssuer,
			"unable to verify 'ftp.example' server certificate: certificate of an unknown issuer 'CN = root'"},
		{"no_authority_of_the_system", good, Authorities{}, "ftp.example", false, ErrUnknownIssuer, ""},
		{"a_self_signed_one", alone, Authorities{CAFile: caFile}, "ftp.example", false, ErrSelfSigned,
			"unable to verify 'ftp.example' server certificate: self-signed certificate 'CN = somebody'"},
		{"a_self_signed_one_that_is_trusted", alone, Authorities{CAFile: file(t, certPEM(alone))}, "ftp.example", false, nil, ""},
		{"a_self_signed_one_without_verification", alone, Authorities{CAFile: caFile}, "other.example", true, nil, ""},
		{"an_expired_one", expired, Authorities{CAFile: caFile}, "ftp.example", false, ErrExpired,
			"unable to verify 'ftp.example' server certificate: certificate expired: 'CN = somebody' on " + expired.Leaf.NotAfter.UTC().Format(time.RFC3339)},
		{"an_early_one", early, Authorities{CAFile: caFile}, "ftp.example", false, ErrNotYetValid, ""},
		{"one_for_clients", forClients, Authorities{CAFile: caFile}, "ftp.example", false, new(VerifyError), ""},
		{"a_revoked_one", good, lists(ca.crl(t, tomorrow, good)), "ftp.example", false, ErrRevoked,
			"unable to verify 'ftp.example' server certificate: certificate revoked: 'CN=somebody' on 2020-02-03"},
		{"a_revoked_one_of_a_directory_of_lists", good, Authorities{CAFile: caFile, CRLPath: crls}, "ftp.example", false, ErrRevoked, ""},
		{"a_revoked_authority_in_the_chain", below, lists(ca.crl(t, tomorrow, middle)), "ftp.example", false, ErrRevoked, ""},
		{"one_that_another_authority_revokes", good, lists(stranger.crl(t, tomorrow, good)), "ftp.example", false, nil, ""},
		{"one_on_no_list", below, lists(middle.crl(t, tomorrow, good), ca.crl(t, tomorrow)), "ftp.example", false, nil, ""},
		{"one_whose_issuer_has_an_expired_list", good, lists(ca.crl(t, now.Add(-time.Hour))), "ftp.example", false, ErrStaleCRL,
			"unable to verify 'ftp.example' server certificate: certificate revocation list expired: that of 'CN=root' on "},
		{"an_expired_list_beside_a_current_one", good, lists(ca.crl(t, now.Add(-time.Hour)), ca.crl(t, tomorrow)), "ftp.example", false, nil, ""},
	} {
		for name, version := range versions {
			t.Run(tt.claim+"/"+name, func(t *testing.T) {
				v := newClient(t, ClientConfig{Authorities: tt.who, NoVerify: tt.off}).Visit(link(t, "ftps://"+tt.host))
				b := &backend{config: &tls.Config{Certificates: []tls.Certificate{tt.cert.sends()}, MinVersion: version, MaxVersion: version}}
				_, cerr, serr := b.call(t, controlOf(t, v))
				if tt.want == nil {
					if cerr != nil || serr != nil {
						t.Errorf("client %v, server %v", cerr, serr)
					}
					return
				}
				var verify *VerifyError
				var identity *tlspolicy.IdentityError
				known := errors.Is(cerr, tt.want)
				switch tt.want.(type) {
				case *VerifyError:
					known = errors.As(cerr, &verify)
				case *tlspolicy.IdentityError:
					known = errors.As(cerr, &identity)
				}
				if !known || !errors.As(cerr, &verify) {
					t.Errorf("got %v", cerr)
				} else if got := cerr.Error(); len(got) < len(tt.text) || got[:len(tt.text)] != tt.text {
					t.Errorf("got text\n%s, want\n%s", got, tt.text)
				}
				if serr == nil && version == tls.VersionTLS12 {
					t.Error("the server was not told")
				}
			})
		}
	}
}

// A data connection that is not resumed may be anybody's: it is verified anew.
func TestDataIsVerified(t *testing.T) {
	ca := newCA(t, "root")
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			v := newClient(t, ClientConfig{Authorities: Authorities{CAFile: file(t, certPEM(ca))}}).Visit(link(t, "ftp://ftp.example"))
			b := &backend{config: &tls.Config{Certificates: []tls.Certificate{ca.make(t, ecKey(t), hosts("ftp.example")).sends()}, MinVersion: version, MaxVersion: version}}
			if _, cerr, serr := b.call(t, controlOf(t, v)); cerr != nil || serr != nil {
				t.Fatal(cerr, serr)
			}
			impostor := &backend{config: &tls.Config{Certificates: []tls.Certificate{ca.make(t, ecKey(t), hosts("impostor.example")).sends()}, MinVersion: version, MaxVersion: version}}
			var wrong *tlspolicy.IdentityError
			if _, cerr, _ := impostor.call(t, dataOf(t, v)); !errors.As(cerr, &wrong) {
				t.Errorf("got %v", cerr)
			}
			if state, cerr, serr := b.call(t, dataOf(t, v)); cerr != nil || serr != nil || !state.DidResume {
				t.Errorf("the next one: client %v, server %v, resumed: %v", cerr, serr, state.DidResume)
			}
		})
	}
}

func TestVisitSays(t *testing.T) {
	ca := newCA(t, "root")
	mine := ca.make(t, rsaKey(t), named("gateway"))
	for name, version := range versions {
		for _, host := range []string{"ftp.example", "127.0.0.1"} {
			t.Run(name+"/"+host, func(t *testing.T) {
				v := newClient(t, ClientConfig{NoVerify: true, KeyPair: pair(t, mine)}).Visit(link(t, "ftp://"+host))
				b := &backend{config: &tls.Config{
					Certificates: []tls.Certificate{newCA(t, "x").Certificate}, ClientAuth: tls.RequireAnyClientCert,
					ClientCAs: x509.NewCertPool(), NextProtos: []string{"ftp"}, MinVersion: version, MaxVersion: version,
				}}
				b.config.ClientCAs.AddCert(newCA(t, "somebody else's").Leaf) // an acceptable authority that is not ours
				var info messages.TLSInfo
				_, cerr, serr := b.call(t, func(c *net.TCPConn) (conn *Conn, err error) {
					conn, info, err = v.Control(within(t), c)
					return conn, err
				})
				if cerr != nil || serr != nil {
					t.Fatalf("client %v, server %v", cerr, serr)
				}
				sni := host
				if _, err := netip.ParseAddr(host); err == nil {
					sni = "" // RFC 6066 section 3
				}
				if b.state.ServerName != sni || b.state.NegotiatedProtocol != "ftp" || len(b.state.PeerCertificates) != 1 || b.state.PeerCertificates[0].Subject.CommonName != "gateway" {
					t.Errorf("the server heard name %q, protocol %q and %d certificates", b.state.ServerName, b.state.NegotiatedProtocol, len(b.state.PeerCertificates))
				}
				if info.Version != tlspolicy.VersionName(version) || info.Bits < 128 || info.Cipher == "" {
					t.Errorf("got %+v", info)
				}
			})
		}
	}
}
