package stage

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// VerifyClient says what is asked of clients' certificates (TLSVerifyClient).
type VerifyClient uint8

// The values of TLSVerifyClient.
const (
	VerifyOff      VerifyClient = iota // none is asked for
	VerifyOptional                     // one that is shown must be good
	VerifyOn                           // a good one must be shown
)

// ServerConfig is TLS towards the clients of one server. The zero value of every
// field but KeyPairs is the default.
type ServerConfig struct {
	KeyPairs []KeyPair // RSA and EC side by side: what the client can use decides
	Chain    string    // PEM file of what stands between certificates and roots (TLSCertificateChainFile)

	MinVersion, MaxVersion uint16        // 0: crypto/tls' choice
	CipherSuites           []uint16      // up to TLS 1.2; nil: crypto/tls' choice
	Curves                 []tls.CurveID // nil: crypto/tls' choice
	NoALPN                 bool          // TLSNextProtocol off
	IgnoreSNI              bool          // TLSOptions IgnoreSNI: nobody is chosen or refused by name

	Verify      VerifyClient
	VerifyDepth int         // certificates above the client's at most; 0: 9, negative: none
	Authorities Authorities // of clients' certificates
	Identity    tlspolicy.ClientChecks
	// ClientName is a client's name in DNS, empty if it has none, for the checks
	// of Identity that need it. It must have the answer confirmed by the name's
	// own addresses, and end in time. Nil: nobody has a name.
	ClientName func(netip.Addr) string

	CacheLifetime          time.Duration // how long control connections may resume sessions (TLSSessionCache); 0: 300 s, negative: never
	Tickets                bool          // TLSSessionTickets: for as long as TicketKeyAge, in the place of CacheLifetime
	TicketKeyAge           time.Duration // 0: 12 h
	TicketKeyCount         int           // 0: 25
	NoSessionReuseRequired bool          // data connections need not be of the control connection's session

	HandshakeLimit time.Duration // TLSTimeoutHandshake; 0: 300 s, negative: none

	Vars  tlspolicy.VarOptions // which TLS_… variables are exported
	Diags bool                 // TLSOptions EnableDiags: handshakes in detail
	Log   zerolog.Logger       // TLSLog

	now func() time.Time // for tests; nil: the clock
}

// Server is TLS towards clients as configured. It is immutable, but for the keys
// of tickets: a reload makes a new one, and running sessions keep theirs.
type Server struct {
	config ServerConfig
	pairs  []*tls.Certificate
	roots  *x509.CertPool
	lists  *revocations
	keys   keyring
	limit  time.Duration
	base   *tls.Config // what all guests have in common
}

// alpn is the one protocol that is spoken here (RFC 7301). Who names others only
// is no FTP client: its bytes are not ours to interpret.
var alpn = []string{"ftp"}

// NewServer reads all files that the configuration names.
func NewServer(config ServerConfig) (*Server, error) {
	s := &Server{config: config, limit: limitOr(config.HandshakeLimit, 300*time.Second)}
	if s.config.now == nil {
		s.config.now = time.Now
	}
	var err error
	if s.pairs, err = loadPairs(config.KeyPairs, config.Chain); err != nil {
		return nil, err
	}
	if config.Verify != VerifyOff {
		if s.roots, s.lists, err = config.Authorities.load(config.Log); err != nil {
			return nil, err
		}
		if config.Authorities.CAFile == "" && config.Authorities.CAPath == "" {
			config.Log.Warn().Msg("clients' certificates are verified by the system's authorities, that is by anybody's: name yours with TLSCACertificateFile")
		}
	}
	switch {
	case config.Tickets:
		s.keys = newSealer(config.TicketKeyAge, config.TicketKeyCount)
	case config.CacheLifetime < 0:
		s.keys = nobody{}
	default:
		s.keys = newCache(limitOr(config.CacheLifetime, 300*time.Second))
	}
	s.base = s.common()
	for _, p := range s.pairs {
		if now := s.config.now(); now.After(p.Leaf.NotAfter) || now.Before(p.Leaf.NotBefore) {
			config.Log.Warn().Str("certificate", p.Leaf.Subject.String()).Time("from", p.Leaf.NotBefore).Time("until", p.Leaf.NotAfter).
				Msg("the server's certificate is not valid at present")
		}
	}
	return s, nil
}

func (s *Server) common() *tls.Config {
	c := &tls.Config{
		Time:         s.config.now,
		MinVersion:   s.config.MinVersion,
		MaxVersion:   s.config.MaxVersion,
		CipherSuites: s.config.CipherSuites,
		// The sizes of what is sent are known, and no record waits for another.
		DynamicRecordSizingDisabled: true,
		CurvePreferences:            s.config.Curves,
		ClientCAs:                   s.roots,
	}
	if !s.config.NoALPN {
		c.NextProtos = alpn
	}
	switch s.config.Verify {
	case VerifyOptional:
		c.ClientAuth = tls.VerifyClientCertIfGiven
	case VerifyOn:
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c
}

// certificate picks the first that the client's algorithms can deal with. The
// name that it asks for plays no part: a certificate for another one is the
// client's to refuse.
func (s *Server) certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(s.pairs) > 1 {
		nameless := *hello
		nameless.ServerName = ""
		for _, p := range s.pairs {
			if nameless.SupportsCertificate(p) == nil {
				return p
			}
		}
	}
	return s.pairs[0]
}

// verify is what TLS itself does not check of a client: the length of its chain,
// whether it was revoked meanwhile, and whether it comes from where it says.
func (s *Server) verify(state tls.ConnectionState, client netip.Addr) error {
	if s.config.Verify == VerifyOff || len(state.PeerCertificates) == 0 {
		return nil
	}
	depth := s.config.VerifyDepth
	switch {
	case depth == 0:
		depth = 9
	case depth < 0:
		depth = 0
	}
	leaf := state.PeerCertificates[0]
	var chains [][]*x509.Certificate
	for _, chain := range state.VerifiedChains {
		if len(chain)-1 <= depth {
			chains = append(chains, chain)
		}
	}
	err := s.lists.checkAny(chains, s.config.now())
	if len(chains) == 0 {
		err = fmt.Errorf("its chain is longer than TLSVerifyDepth %d allows", depth)
	}
	if err == nil && !state.DidResume { // who resumes was checked, and has the keys
		name := ""
		if c := s.config.Identity; s.config.ClientName != nil && (c.DNSName || c.CommonName) {
			name = s.config.ClientName(client)
		}
		err = s.config.Identity.Check(leaf, client, name)
	}
	if err != nil {
		return unverified(leaf, err)
	}
	return nil
}

func unverified(leaf *x509.Certificate, err error) error {
	return fmt.Errorf("unable to verify client certificate '%s': %w", tlspolicy.DN(leaf.RawSubject), err)
}
