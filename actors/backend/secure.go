package backend

import (
	"context"
	"errors"
	"net"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/readiness"
)

// Secure does a TLS handshake on a connection and returns what to read from and
// write to from then on. It ends within a limit of its own or with its context,
// and never closes the connection.
type Secure func(context.Context, *net.TCPConn) (net.Conn, messages.TLSInfo, error)

// ErrPlaintextBehindAuth says that more in clear came behind the reply to AUTH.
// Believed after the handshake, it would pass for the backend's own word.
var ErrPlaintextBehindAuth = errors.New("replies in clear behind the one to AUTH, possible injection")

// Hold has the link stand still behind the next final reply. It is to be called
// before what that reply answers is sent. Secure or Free lets it go on.
func (l *Link) Hold() { l.hold.Store(true) }

// Secure lets the link that holds still do the TLS handshake: the answer is
// messages.BackendSecured or BackendLost.
func (l *Link) Secure(secure Secure) { l.nod(secure) }

// Free lets the link that holds still go on in clear.
func (l *Link) Free() { l.nod(nil) }

func (l *Link) nod(secure Secure) {
	select {
	case l.nods <- secure:
	default:
	}
}

// standStill waits for the session's word and does the handshake, if that is it.
// unread is what was read of the backend's further replies.
func (l *Link) standStill(ctx context.Context, unread int) error {
	var secure Secure
	select {
	case secure = <-l.nods:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	switch {
	case secure == nil:
		return nil
	case unread > 0:
		return ErrPlaintextBehindAuth
	}
	l.in.Release()
	conn, info, err := l.handshake(ctx, secure)
	if err == nil {
		// The handshake lifts all deadlines at its end, and so perhaps the one
		// by which ctx ends this actor's waits.
		err = context.Cause(ctx)
	}
	if err == nil {
		err = l.readFrom(conn)
	}
	if err != nil {
		return err
	}
	return l.cfg.Tell.Send(ctx, messages.BackendSecured{Attempt: l.cfg.Attempt, Conn: conn, TLS: info})
}

// handshake is done aside for the same reason as the connect.
//
//go:noinline
func (l *Link) handshake(ctx context.Context, secure Secure) (conn net.Conn, info messages.TLSInfo, err error) {
	var wg conc.WaitGroup
	wg.Go(func() { conn, info, err = secure(ctx, l.tcp) }) // bounded by its own limit and ctx
	wg.Wait()
	return conn, info, err
}

// readFrom has replies read from a connection, or another layer of it.
func (l *Link) readFrom(conn net.Conn) error {
	in, err := readiness.NewReader(conn, l.cfg.Buffers)
	if err == nil {
		l.in = in
	}
	return err
}
