package stage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
)

// Guest is one client session's TLS. Its control connection comes first; the
// data connections then have to be of the same TLS session, lest somebody else
// pick up or plant the data (data connection theft: an address is not enough).
// Control and Data are not for concurrent use.
type Guest struct {
	server *Server
	choose func(sni string) (*Server, error)

	key    guestKey
	former *guestKey // of the guest whose session the control connection resumed; nil: none
	client netip.Addr
	log    zerolog.Logger

	config  *tls.Config // of all the guest's connections; nil before the first
	secured bool        // the control connection is done
	ticket  bool        // the client was given one at least

	// Of the handshake under way:
	refusal error             // why it is refused, better than crypto/tls knows
	offered *guestKey         // which opened the client's ticket
	shown   *x509.Certificate // to the client
}

// Guest begins one client session. choose finds the server that a client asks
// for by name (SNI); nil, or a nil answer, stays with this one, and an error
// refuses the name. It is not called for clients that give none.
func (s *Server) Guest(choose func(sni string) (*Server, error)) *Guest {
	return &Guest{server: s, choose: choose, key: newGuestKey(), log: s.config.Log}
}

// Logger has the session's own logger take what is said about its handshakes.
func (g *Guest) Logger(log zerolog.Logger) { g.log = log }

// From says where the client is, should the connection come through a proxy that
// spoke for it.
func (g *Guest) From(client netip.Addr) { g.client = client }

// Control does the handshake on the control connection.
func (g *Guest) Control(ctx context.Context, tcp *net.TCPConn) (*Conn, messages.TLSInfo, error) {
	g.secured, g.former = false, nil
	if !g.client.IsValid() {
		g.client = addrOf(tcp.RemoteAddr())
	}
	first := g.server.base.Clone()
	if g.choose != nil && !g.server.config.IgnoreSNI {
		first.GetConfigForClient = g.find
	}
	g.adopt(first)
	conn, err := g.handshake(ctx, tcp, true, first)
	if err != nil {
		return nil, messages.TLSInfo{}, err
	}
	state := conn.State()
	if state.DidResume {
		g.former = g.offered
	}
	g.secured = true
	info := describe(&state)
	info.Vars, info.Peer = g.vars(&state), g.peer(&state)
	logCreated(introduced(g.log.Info(), &state), info, "control")
	return conn, info, nil
}

// Data does the handshake on a data connection. The error is ErrNotResumed when
// it is not of the control connection's session.
//
// Uploads bring the client a new ticket, too. It may close them with the ticket
// unread, which resets the connection; but OpenSSL's clients use a ticket of TLS
// 1.3 once, and without a new one their next data connection would not resume.
// crypto/tls sends it along with its own end of the handshake, so that it is there
// long before the client looks into the connection a last time, as curl and lftp do.
func (g *Guest) Data(ctx context.Context, tcp *net.TCPConn) (*Conn, error) {
	if !g.secured {
		return nil, ErrNoControl
	}
	conn, err := g.handshake(ctx, tcp, false, g.config)
	if err != nil {
		return nil, err
	}
	state := conn.State()
	logCreated(g.log.Debug(), describe(&state), "data")
	return conn, nil
}

func (g *Guest) handshake(ctx context.Context, tcp *net.TCPConn, exact bool, config *tls.Config) (*Conn, error) {
	g.refusal, g.offered, g.shown = nil, nil, nil
	conn, err := attempt{
		limit: g.server.limit,
		exact: exact,
		wrap:  func(c net.Conn) *tls.Conn { return tls.Server(c, config) },
	}.handshake(ctx, tcp)
	if err != nil && g.refusal != nil {
		err = g.refusal
	}
	err = whose(err)
	g.diagnose(conn, err)
	return conn, err
}

// whose says whose certificate it was that crypto/tls refused.
func whose(err error) error {
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) || len(refused.UnverifiedCertificates) == 0 {
		return err
	}
	return unverified(refused.UnverifiedCertificates[0], err)
}

// adopt makes a configuration this guest's own.
func (g *Guest) adopt(config *tls.Config) {
	config.WrapSession = g.wrap
	config.UnwrapSession = g.unwrap
	config.VerifyConnection = g.verify
	config.GetCertificate = g.certificate
	g.config = config
}

func (g *Guest) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair := g.server.certificate(hello)
	g.shown = pair.Leaf
	return pair, nil
}

// find is asked once a client said which server it wants. The data connections
// stay with the control connection's.
func (g *Guest) find(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if hello.ServerName == "" || g.secured {
		return nil, nil
	}
	s, err := g.choose(hello.ServerName)
	if err != nil {
		g.refusal = err
		if !errors.Is(err, ErrUnknownName) {
			g.refusal = fmt.Errorf("%w: %q: %w", ErrUnknownName, hello.ServerName, err)
		}
		// Without certificates crypto/tls says unrecognized_name, and without
		// tickets it has no other way to go on.
		return &tls.Config{SessionTicketsDisabled: true}, nil
	}
	if s == nil || s == g.server {
		return nil, nil
	}
	g.server = s
	config := s.base.Clone()
	g.adopt(config)
	return config, nil
}

func (g *Guest) verify(state tls.ConnectionState) error {
	err := g.server.verify(state, g.client)
	if err == nil && g.secured && !state.DidResume && !g.server.config.NoSessionReuseRequired {
		if err = ErrNotResumed; !g.ticket {
			// crypto/tls gives no session IDs, and there are clients of TLS 1.2
			// that know nothing else, such as curl with OpenSSL.
			err = fmt.Errorf("%w; the client takes no session tickets, without which sessions of TLS 1.2 cannot be resumed here: TLS 1.3 would do", ErrNotResumed)
		}
	}
	g.refusal = err
	return err
}

// wrap makes a ticket of a session of one of the guest's connections.
func (g *Guest) wrap(_ tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
	b, err := session.Bytes()
	if err != nil {
		return nil, err
	}
	g.ticket = true
	now := g.server.config.now()
	return g.key.seal(b, now, g.server.keys.share(&g.key, now)), nil
}

// unwrap opens a ticket: on data connections the guest's own only. No session and
// no error means a full handshake.
func (g *Guest) unwrap(identity []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
	t, ok := parseTicket(identity)
	if !ok {
		return nil, nil
	}
	key, lifetime := g.keyOf(t)
	if key == nil {
		return nil, nil
	}
	now := g.server.config.now()
	b, made, err := t.open(&key.secret)
	if err != nil || now.Sub(made) >= lifetime {
		return nil, nil //nolint:nilerr // as said above
	}
	session, err := tls.ParseSessionState(b)
	if err != nil {
		return nil, nil //nolint:nilerr // as said above
	}
	g.offered = key
	return session, nil
}

// keyOf finds the key of a ticket, and how old the ticket may be. A guest's own
// session lasts as long as the guest does.
func (g *Guest) keyOf(t ticket) (*guestKey, time.Duration) {
	if !g.secured {
		secret, lifetime, ok := g.server.keys.find(t, g.server.config.now())
		if !ok {
			return nil, 0
		}
		return &guestKey{t.name, secret}, lifetime
	}
	for _, own := range []*guestKey{&g.key, g.former} {
		if own != nil && own.name == t.name {
			return own, math.MaxInt64
		}
	}
	return nil, 0
}
