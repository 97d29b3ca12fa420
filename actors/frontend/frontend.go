// Package frontend is the actor that reads a client's control connection. It
// turns bytes into commands, tells the session one at a time, and holds still
// until the session nods. It never writes commands or replies; of TLS, which
// needs both directions, it does the handshake.
package frontend

import (
	"context"
	"errors"
	"net"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/readiness"
)

// Reader is the actor.
type Reader struct {
	conn    net.Conn // without TLS
	buffers *readiness.Buffers
	in      *readiness.Reader
	tell    mailbox.Mailbox[messages.ToSession]
	nods    chan nod
	decode  ftp.CommandDecoder
	name    string
}

// nod is the session's word to go on: with the next command, unless it says how.
type nod struct {
	secure Secure // with TLS first
	clear  bool   // with the end of TLS first
}

// New returns a reader of conn for a session. It reads nothing before the first
// nod.
func New(conn net.Conn, buffers *readiness.Buffers, tell mailbox.Mailbox[messages.ToSession]) (*Reader, error) {
	in, err := readiness.NewReader(conn, buffers)
	if err != nil {
		return nil, err
	}
	return &Reader{conn: conn, buffers: buffers, in: in, tell: tell, nods: make(chan nod, 1), name: "frontend reader"}, nil
}

func (r *Reader) String() string { return r.name }

// Resume is the session's nod: look for the next command. It never blocks.
func (r *Reader) Resume() { r.nod(nod{}) }

// Upgrade is the nod that begins TLS: the answer is messages.FrontendSecured,
// after which the reader holds still, or FrontendInsecure, its last word. It is
// for a reader that stands behind AUTH or at the connection's very beginning.
func (r *Reader) Upgrade(secure Secure) { r.nod(nod{secure: secure}) }

// Clear is the nod that ends TLS, once the session has sent its close_notify: the
// answer is messages.FrontendCleared, after which the reader holds still, or
// FrontendLost. It is for a reader that stands behind CCC.
func (r *Reader) Clear() { r.nod(nod{clear: true}) }

func (r *Reader) nod(n nod) {
	select {
	case r.nods <- n:
	default:
	}
}

// Run reads until the connection ends, or until ctx does while it waits for a
// nod or for room in the session's mailbox. Only the connection's end or its
// close wakes it while it waits for bytes.
func (r *Reader) Run(ctx context.Context) error {
	defer func() { r.in.Release() }()
	turning := true // what comes next may be TLS, which is not for us to read
	for {
		var broken error
		if !turning && r.decode.Buffered() == 0 {
			// Wait for bytes first: by the time they come the nod is there, and
			// the reader is woken once for a command instead of twice.
			broken = r.in.Await()
		}
		var n nod
		select {
		case n = <-r.nods:
		case <-ctx.Done():
			return nil
		}
		m, goesOn := r.news(ctx, n, broken)
		if r.decode.Buffered() == 0 {
			r.in.Release() // the answer may take its time
		}
		if ctx.Err() != nil { // a handshake that it has ended is no news
			return nil
		}
		if err := r.tell.Send(ctx, m); err != nil || !goesOn {
			return ignoreEnd(ctx, err)
		}
		turning = turns(m)
	}
}

// news is what comes of a nod, and whether there can be more.
func (r *Reader) news(ctx context.Context, n nod, broken error) (m messages.ToSession, goesOn bool) {
	switch {
	case n.secure != nil:
		return r.upgrade(ctx, n.secure)
	case n.clear:
		return r.clear()
	case broken != nil:
		return messages.FrontendLost{Err: broken}, false
	}
	c, err := r.next()
	if err != nil {
		return messages.FrontendLost{Err: err}, false
	}
	return c, true
}

// turns reports whether the bytes behind a command may be of another kind.
func turns(m messages.ToSession) bool {
	c, ok := m.(messages.CommandReceived)
	return ok && (c.Command.Verb == ftp.AUTH || c.Command.Verb == ftp.CCC)
}

// next decodes one line, reading as needed.
func (r *Reader) next() (messages.CommandReceived, error) {
	for {
		c, ok, err := r.decode.Next()
		if ok {
			return messages.CommandReceived{Command: c, Err: err}, nil
		}
		b, err := r.in.Read()
		if err != nil {
			return messages.CommandReceived{}, err
		}
		r.decode.Feed(b)
	}
}

// ignoreEnd drops the error of a send that nobody waits for any more.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, mailbox.ErrGone) {
		return nil //nolint:nilerr // as said above
	}
	return err
}
