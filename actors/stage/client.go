package stage

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// ClientConfig is TLS towards the backends of one server. The zero value of every
// field is the default.
type ClientConfig struct {
	KeyPair KeyPair // the client certificate; zero: none

	MinVersion, MaxVersion uint16        // 0: crypto/tls' choice
	CipherSuites           []uint16      // up to TLS 1.2; nil: crypto/tls' choice
	Curves                 []tls.CurveID // nil: crypto/tls' choice

	NoVerify    bool // ProxyTLSVerifyServer off: any certificate will do
	Authorities Authorities

	// Sessions keeps sessions from one control connection to the next. Nil: none
	// are kept (ProxyTLSOptions NoSessionCache); data connections resume their
	// control connection's all the same.
	Sessions SessionStore
	// NoSessionTickets resumes by session ID where TLS 1.2 is spoken, and keeps
	// nothing of TLS 1.3, which has tickets only. See Visit.
	NoSessionTickets bool

	HandshakeLimit time.Duration // ProxyTLSTimeoutHandshake; 0: 30 s, negative: none

	Diags bool // ProxyTLSOptions EnableDiags: handshakes in detail
	Log   zerolog.Logger

	now func() time.Time // for tests; nil: the clock
}

// Client is TLS towards backends as configured. It is immutable: a reload makes a
// new one.
type Client struct {
	config   ClientConfig
	verifier verifier
	limit    time.Duration
	base     *tls.Config // what all connections have in common
}

// NewClient reads all files that the configuration names. A client certificate
// that cannot be loaded is logged and left out, as a backend may do without.
func NewClient(config ClientConfig) (*Client, error) {
	c := &Client{config: config, limit: limitOr(config.HandshakeLimit, 30*time.Second)}
	if c.config.now == nil {
		c.config.now = time.Now
	}
	c.verifier.now = c.config.now
	if !config.NoVerify {
		var err error
		if c.verifier.roots, c.verifier.lists, err = config.Authorities.load(config.Log); err != nil {
			return nil, err
		}
	}
	c.base = &tls.Config{
		Time:             c.config.now,
		MinVersion:       config.MinVersion,
		MaxVersion:       config.MaxVersion,
		CipherSuites:     config.CipherSuites,
		CurvePreferences: config.Curves,
		NextProtos:       alpn,
		// Certificates are verified by our own rules, in VerifyConnection, which
		// is asked about resumed sessions, too.
		InsecureSkipVerify:          true,
		DynamicRecordSizingDisabled: true,
	}
	if config.KeyPair != (KeyPair{}) {
		pair, err := config.KeyPair.load(false)
		if err != nil {
			config.Log.Error().Err(err).Msg("going on without the client certificate for backends")
			return c, nil
		}
		// Whatever authorities a backend says it knows: it is the only one there is.
		c.base.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return c, nil
}

// oldAtMost says whether nothing newer than TLS 1.2 is spoken.
func (c *Client) oldAtMost() bool {
	return c.config.MaxVersion != 0 && c.config.MaxVersion < tls.VersionTLS13
}

// Visit begins one control session with one backend.
func (c *Client) Visit(url backendurl.URL) *Visit {
	v := &Visit{client: c, host: url.Host, key: "ftp://" + url.Addr(), log: c.config.Log}
	if isASCII(url.Host) {
		v.sni = url.Host // crypto/tls leaves IP literals out
	}
	return v
}

// Check is for a connection that a health check makes: it belongs to no session,
// resumes nothing and leaves nothing behind, but takes only what a session would.
// The backend is at an address; an invalid one is not known.
func (c *Client) Check(url backendurl.URL, at netip.Addr) *tls.Config {
	config := c.base.Clone()
	if isASCII(url.Host) {
		config.ServerName = url.Host
	}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if c.config.NoVerify {
			return nil
		}
		return c.verifier.verify(state.PeerCertificates, url.Host, at)
	}
	return config
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
