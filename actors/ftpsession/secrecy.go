package ftpsession

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/backend"
	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/destination"
)

// secrecy is the session's TLS with the client.
type secrecy struct {
	guest     *stage.Guest
	handshake bool              // one is under way: the connection is the reader's
	info      messages.TLSInfo  // zero: there was no handshake
	vars      map[string]string // TLS_…, for lookups
}

// secrecyAction does the actions that concern TLS, and those by which a session
// moves to another server, or to settings of its own.
func (s *Session) secrecyAction(ctx context.Context, a dialogue.Action) {
	switch a := a.(type) {
	case dialogue.SecureClient:
		s.secureClient()
	case dialogue.ClearClient:
		s.writer.part()
		s.writer = newLineWriter(s.conn, s.setup.Services)
		s.front.Clear()
	case dialogue.HoldBackend:
		s.back.actor.Hold()
	case dialogue.SecureBackend:
		s.back.actor.Secure(s.backendHandshake())
	case dialogue.FreeBackend:
		s.back.actor.Free()
	case dialogue.ReturnLease:
		s.releaseLease()
	case dialogue.CalledAs:
		s.named = a.Name
	case dialogue.SwitchServer:
		s.switchServer(ctx, a.Name)
	case dialogue.Identified:
		s.identified(a)
	default:
		s.proxyLog(zerolog.ErrorLevel).Type("action", a).Msg("action without a hand to do it")
	}
}

// secureClient leaves the connection to the reader, until that says how the
// handshake went.
func (s *Session) secureClient() {
	guest := s.setup.TLS.Guest(s.setup.chooser())
	guest.Logger(s.setup.TLSLog.With().EmbedObject(s).Logger())
	guest.From(s.client.Addr())
	s.secrecy.guest, s.secrecy.handshake = guest, true
	services := s.setup.Services
	s.front.Upgrade(func(ctx context.Context, tcp *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
		defer services.borrow()()
		return asConn(guest.Control(ctx, tcp))
	})
}

// borrow takes all processors for a handshake, which is a millisecond of arithmetic,
// until what it returns is called.
func (s *Services) borrow() func() {
	p := s.Pipes.Processors
	if p == nil {
		return func() {}
	}
	p.Borrow()
	return p.Return
}

// asConn keeps a missing connection from passing for one.
func asConn(conn *stage.Conn, info messages.TLSInfo, err error) (net.Conn, messages.TLSInfo, error) {
	if err != nil {
		return nil, info, err
	}
	return conn, info, nil
}

// takesNames reports whether the name in a handshake is that of a destination.
func (u *Setup) takesNames() bool {
	return u.Dialogue.Selection == dialogue.AtDestination && u.Dialogue.Forward.Method == destination.UserAtSNI
}

var errNotByTLS = errors.New("the server of that name has no TLS (TLSEngine off)")

// chooser finds the server whose certificate a client is shown that asks for a
// name; nil: there is no choice.
func (u *Setup) chooser() func(sni string) (*stage.Server, error) {
	if u.Names == nil || u.Dialogue.TLS.IgnoreSNI || u.takesNames() {
		return nil
	}
	return func(sni string) (*stage.Server, error) {
		name := strings.ToLower(strings.TrimSuffix(sni, "."))
		if u.Dialogue.Serves(name) {
			return u.TLS, nil
		}
		switch other := u.Names(name); {
		case other == nil && u.AnyName:
			return u.TLS, nil
		case other == nil:
			return nil, fmt.Errorf("%w: %q", stage.ErrUnknownName, sni)
		case other.TLS == nil:
			return nil, fmt.Errorf("%w: %q", errNotByTLS, sni)
		default:
			return other.TLS, nil
		}
	}
}

// backendHandshake is that of the backend's control connection.
func (s *Session) backendHandshake() backend.Secure {
	visit := s.setup.BackendTLS.Visit(s.back.url)
	visit.Logger(s.setup.ProxyLog.With().EmbedObject(s).Logger())
	if s.setup.Dialogue.Selection == dialogue.AtDestination {
		visit.NamedBy(s.client.Addr())
	}
	s.back.visit = visit
	services := s.setup.Services
	return func(ctx context.Context, tcp *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
		defer services.borrow()()
		return asConn(visit.Control(ctx, tcp))
	}
}

// protect has the legs of a transfer secured, as PROT says.
func (s *Session) protect(a dialogue.StartData, front, back *data.Leg) {
	if a.Front.TLS {
		front.Secure, front.LaxClose = s.secrecy.guest.Data, s.setup.LaxClose
	}
	if a.Back.TLS {
		back.Secure, back.LaxClose = s.back.visit.Data, s.setup.BackendLaxClose
	}
}

// switchServer answers the dialogue with the server of a name, if there is one.
func (s *Session) switchServer(ctx context.Context, name string) {
	var other *Setup
	if s.setup.Names != nil {
		other = s.setup.Names(name)
	}
	if other != nil && other.Admits != nil {
		if err := other.Admits(s.client.Addr(), s.name); err != nil {
			s.proxyLog(zerolog.WarnLevel).Err(err).Str("name", name).Msg("this client may not use the server of that name")
			other = nil
		}
	}
	now := time.Now()
	switch other {
	case nil:
		s.execute(ctx, s.mind.Switch(nil, now))
	case s.setup, s.setup.Of:
		s.execute(ctx, s.mind.Stay(now))
	default:
		s.setup, s.search, s.named = other, nil, name
		cfg := s.template()
		s.execute(ctx, s.mind.Switch(&cfg, now))
	}
}
