package stage

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// Visit is one control session with one backend. Its data connections always
// offer the control connection's session, as many servers insist on. How:
//
//   - TLS 1.3 by tickets, which come on every connection that is read. Some
//     servers let each be used once, so each is, as long as others are left.
//   - TLS 1.2 by ticket, or by session ID with servers that give none, which
//     crypto/tls does not know how to do by itself (tlspolicy.ClientSession).
//   - Where the control connection itself has resumed an earlier visit's session,
//     data connections go by the tickets that it was given since, if there are
//     any: ProFTPD marks the tickets of each control connection. With tickets of
//     TLS 1.2 they give the control connection's session ID, by which ProFTPD
//     compares them, although TLS itself does not care (RFC 5077 section 3.4).
//
// NoSessionTickets leaves tickets of TLS 1.2 alone where it can: crypto/tls ties
// the readiness to take them to that of taking those of TLS 1.3, without which no
// data connection could resume. A server of TLS 1.2 that gives a ticket in the
// place of an ID has it used within the visit.
type Visit struct {
	client *Client
	host   string // of the URL
	sni    string
	key    string // in the store
	by     string // the client that named the backend; empty: the configuration does
	log    zerolog.Logger

	leaf  []byte      // the backend's verified certificate; nil before the control connection's handshake
	curve tls.CurveID // that the control connection has agreed on

	mu      sync.Mutex // connections are read by goroutines of their own
	tickets []*tls.ClientSessionState
	last    *offer // for want of tickets: the session by its ID, or by the ticket of an earlier visit; nil: none
	sid     []byte // to go with tickets; nil: any will do
	kept    bool   // the store has a session of this visit
}

// idSize is the length of session IDs that can be offered; all known servers give
// such.
const idSize = 32

// maxTickets bounds those at hand. One transfer takes one and brings one or two.
const maxTickets = 8

// Logger has the session's own logger take what is said about its handshakes.
func (v *Visit) Logger(log zerolog.Logger) { v.log = log }

// NamedBy says which client has named the backend, so that what is kept of it
// counts as that client's. It comes before Control, if at all.
func (v *Visit) NamedBy(client netip.Addr) {
	client = client.Unmap().WithZone("")
	bits := client.BitLen()
	if client.Is6() {
		bits = 64 // of which a client has as many addresses as it likes
	}
	if network, err := client.Prefix(bits); err == nil {
		v.by = network.String()
	}
}

// Control does the handshake on the control connection.
func (v *Visit) Control(ctx context.Context, tcp *net.TCPConn) (*Conn, messages.TLSInfo, error) {
	peer := addrOf(tcp.RemoteAddr())
	l := &leg{visit: v, control: true, peer: peer, offer: v.recall(peer)}
	conn, err := l.handshake(ctx, tcp)
	if err != nil {
		return nil, messages.TLSInfo{}, err
	}
	state := conn.State()
	v.leaf, v.curve = state.PeerCertificates[0].Raw, state.CurveID
	v.client.verifier.memo.chose(v.key, state.CurveID, v.client.config.now())
	v.settle(l, &state)
	l.forget()
	info := describe(&state)
	logCreated(v.log.Info(), info, "control")
	return conn, info, nil
}

// Data does the handshake on a data connection.
func (v *Visit) Data(ctx context.Context, tcp *net.TCPConn) (*Conn, error) {
	if v.leaf == nil {
		return nil, ErrNoControl
	}
	l := &leg{visit: v, peer: addrOf(tcp.RemoteAddr()), offer: v.take()}
	conn, err := l.handshake(ctx, tcp)
	if err != nil {
		return nil, err
	}
	state := conn.State()
	logCreated(v.log.Debug(), describe(&state), "data")
	return conn, nil
}

// recall loads the session of an earlier visit, if it would pass today.
func (v *Visit) recall(peer netip.Addr) *offer {
	store := v.client.config.Sessions
	if store == nil {
		return nil
	}
	b := store.Load(v.key)
	if b == nil {
		return nil
	}
	o, err := decodeOffer(b, v.client.verifier.memo.parse)
	if err == nil && !v.client.config.NoVerify {
		err = v.client.verifier.verify(o.certs, v.host, peer)
	}
	if err != nil || v.client.config.NoSessionTickets && len(o.id) == 0 {
		store.Drop(v.key)
		return nil
	}
	v.leaf = o.certs[0].Raw
	return &o
}

// take gives the session to offer on the next data connection: the youngest
// ticket, which is spent unless it is the last, or what there is in its place.
func (v *Visit) take() *offer {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(v.tickets)
	if n == 0 {
		return v.last
	}
	o := &offer{state: v.tickets[n-1]}
	if n > 1 {
		v.tickets[n-1] = nil
		v.tickets = v.tickets[:n-1]
	}
	return o
}

// settle sees to it that there is something to offer after the control
// connection's handshake, whether or not the server gave a ticket.
func (v *Visit) settle(l *leg, state *tls.ConnectionState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case state.DidResume:
		v.last, v.sid, v.kept = l.offer, l.sid, v.kept || len(l.offer.id) > 0
	case state.Version <= tls.VersionTLS12:
		if v.last = l.sessionByID(state); v.last == nil {
			return
		}
		if v.client.config.NoSessionTickets {
			v.tickets = nil
		}
		if len(v.tickets) == 0 {
			v.keep(*v.last)
		}
	}
}

// keep stores a session for later visits.
func (v *Visit) keep(o offer) {
	store := v.client.config.Sessions
	if store == nil || v.client.config.NoSessionTickets && len(o.id) == 0 {
		return
	}
	if b, err := o.encode(); err == nil {
		store.Save(v.key, v.by, b)
		v.kept = true
	}
}

// leg is one connection of a visit, while its sessions are of interest: it is
// crypto/tls' session cache.
type leg struct {
	visit   *Visit
	control bool
	peer    netip.Addr
	offer   *offer // nil: none
	sid     []byte // the session ID to offer; nil: any

	hello   tlspolicy.HelloParser
	secret  []byte // the master secret of a full handshake up to TLS 1.2
	resumed bool
}

func (l *leg) handshake(ctx context.Context, tcp *net.TCPConn) (*Conn, error) {
	v, c := l.visit, l.visit.client
	config := c.base.Clone()
	config.ServerName = v.sni
	config.ClientSessionCache = l
	config.VerifyConnection = l.verify
	a := attempt{limit: c.limit, exact: l.control, wrap: func(conn net.Conn) *tls.Conn { return tls.Client(conn, config) }}
	l.sid = l.sessionID()
	switch {
	case l.sid != nil:
		config.Rand = tlspolicy.OfferSessionID(rand.Reader, l.sid)
	case l.offer == nil && c.config.NoSessionTickets && c.oldAtMost():
		config.SessionTicketsDisabled = true
	}
	curve := v.curve
	if l.control {
		a.tap, config.KeyLogWriter = &l.hello, (*secretTap)(l)
		curve = c.verifier.memo.choice(v.key, c.config.now())
	}
	if c.config.Curves == nil {
		config.CurvePreferences = likely(curve)
	}
	conn, err := a.handshake(ctx, tcp)
	l.diagnose(conn, err)
	return conn, err
}

// sessionID is the one to offer. A ticket on a control connection goes with one
// that is made of it, so that there is one to repeat.
func (l *leg) sessionID() []byte {
	switch {
	case l.offer == nil:
		return nil
	case len(l.offer.id) > 0:
		return l.offer.id
	case !l.control:
		return l.visit.sid
	}
	ticket, _, err := l.offer.state.ResumptionState()
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(ticket)
	return sum[:]
}

// likely saves the backend a key exchange that it has not chosen before, the
// large post-quantum ones above all. Nil leaves the choice to crypto/tls.
func likely(curve tls.CurveID) []tls.CurveID {
	switch curve {
	case tls.X25519:
		return []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
	case tls.CurveP256:
		return []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521}
	}
	return nil
}

// verify is asked at the end of every handshake. Who resumes a session of this
// visit, or one that was verified before it was offered, has been verified.
func (l *leg) verify(state tls.ConnectionState) error {
	l.resumed = state.DidResume
	if l.visit.client.config.NoVerify {
		return nil
	}
	if state.DidResume && bytes.Equal(state.PeerCertificates[0].Raw, l.visit.leaf) {
		return nil
	}
	return l.visit.client.verifier.verify(state.PeerCertificates, l.visit.host, l.peer)
}

// Get is crypto/tls asking for a session to offer.
func (l *leg) Get(string) (*tls.ClientSessionState, bool) {
	if l.offer == nil {
		return nil, false
	}
	return l.offer.state, true
}

// Put is crypto/tls with a new ticket, or with nil when the session that was
// offered led to nothing. That is forgotten when a visit begins with it; later
// it may be the connection that failed.
func (l *leg) Put(_ string, cs *tls.ClientSessionState) {
	v := l.visit
	if cs == nil {
		if store := v.client.config.Sessions; l.control && l.offer != nil && store != nil {
			store.Drop(v.key)
		}
		return
	}
	if ticket, _, err := cs.ResumptionState(); err != nil || len(ticket) == 0 {
		return // a server that changed its mind
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !l.control && !l.resumed && len(v.tickets) > 0 {
		return // of a session that is not the control connection's
	}
	if len(v.tickets) >= maxTickets {
		v.tickets = slices.Delete(v.tickets, 0, 1)
	}
	v.tickets = append(v.tickets, cs)
	// The first is kept for the next visit, and is the last to be spent here.
	if l.control && !v.kept {
		v.keep(offer{state: cs})
	}
}

// sessionByID makes a session of what was overheard; nil if the server does not
// mean to resume by ID.
func (l *leg) sessionByID(state *tls.ConnectionState) *offer {
	hello, ok := l.hello.Hello()
	if !ok || len(hello.SessionID) != idSize || l.secret == nil {
		return nil
	}
	s := tlspolicy.ClientSession{
		Version:        state.Version,
		Suite:          state.CipherSuite,
		Secret:         l.secret,
		ExtendedMaster: hello.ExtendedMaster,
		Created:        l.visit.client.config.now().Unix(),
		Curve:          state.CurveID,
	}
	for _, c := range state.PeerCertificates {
		s.Certificates = append(s.Certificates, c.Raw)
	}
	b, err := s.Append(nil)
	if err != nil {
		return nil
	}
	parsed, err := tls.ParseSessionState(b)
	if err != nil {
		return nil
	}
	cs, err := tls.NewResumptionState(nil, parsed)
	if err != nil {
		return nil
	}
	return &offer{id: hello.SessionID, state: cs}
}

// forget drops what only a handshake needs: crypto/tls holds on to the leg.
func (l *leg) forget() {
	l.offer, l.secret, l.hello = nil, nil, tlspolicy.HelloParser{}
}

// secretTap is a leg where crypto/tls writes its key log: the one place in which
// it tells the master secret. Nothing of it leaves the process.
type secretTap leg

func (t *secretTap) Write(line []byte) (int, error) {
	if secret, ok := tlspolicy.MasterSecret(line); ok {
		t.secret = secret
	}
	return len(line), nil
}

func (l *leg) diagnose(conn *Conn, err error) {
	if !l.visit.client.config.Diags {
		return
	}
	e := l.visit.log.Info().Str("side", "backend").Str("host", l.visit.host)
	how := "none"
	switch {
	case l.offer == nil:
	case len(l.offer.id) > 0:
		how = "session ID"
	default:
		how = "ticket"
	}
	diagnose(e.Str("offered", how), conn, err)
}
