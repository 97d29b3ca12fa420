// Package frontend is the actor that reads a client's control connection. It
// turns bytes into commands, tells the session one at a time, and holds still
// until the session nods. It never writes.
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
	in     *readiness.Reader
	tell   mailbox.Mailbox[messages.ToSession]
	resume chan struct{}
	decode ftp.CommandDecoder
	name   string
}

// New returns a reader of conn for a session. It reads nothing before the first
// nod.
func New(conn net.Conn, buffers *readiness.Buffers, tell mailbox.Mailbox[messages.ToSession]) (*Reader, error) {
	in, err := readiness.NewReader(conn, buffers)
	if err != nil {
		return nil, err
	}
	return &Reader{in: in, tell: tell, resume: make(chan struct{}, 1), name: "frontend reader"}, nil
}

func (r *Reader) String() string { return r.name }

// Resume is the session's nod: look for the next command. It never blocks.
func (r *Reader) Resume() {
	select {
	case r.resume <- struct{}{}:
	default:
	}
}

// Run reads until the connection ends, or until ctx does while it waits for a
// nod or for room in the session's mailbox. Only the connection's end or its
// close wakes it while it waits for bytes.
func (r *Reader) Run(ctx context.Context) error {
	defer r.in.Release()
	for {
		var broken error
		if r.decode.Buffered() == 0 {
			// Wait for bytes first: by the time they come the nod is there, and
			// the reader is woken once for a command instead of twice.
			broken = r.in.Await()
		}
		select {
		case <-r.resume:
		case <-ctx.Done():
			return nil
		}
		m, lost := messages.CommandReceived{}, broken
		if broken == nil {
			m, lost = r.next()
		}
		if lost != nil {
			return ignoreEnd(ctx, r.tell.Send(ctx, messages.FrontendLost{Err: lost}))
		}
		if r.decode.Buffered() == 0 {
			r.in.Release() // the answer may take its time
		}
		if err := r.tell.Send(ctx, m); err != nil {
			return ignoreEnd(ctx, err)
		}
	}
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
		return nil
	}
	return err
}
