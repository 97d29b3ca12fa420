package stage

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// Errors of handshakes, to be asked for with errors.Is. Those of verification
// are a *VerifyError.
var (
	// ErrNotTLS says that the peer sent something else than TLS.
	ErrNotTLS = errors.New("the peer does not speak TLS")
	// ErrLeft says that the peer closed its connection in the middle.
	ErrLeft = errors.New("the peer closed the connection during the TLS handshake")
	// ErrNotResumed says that a data connection is not of its control
	// connection's TLS session, so that it may be anybody's.
	ErrNotResumed = errors.New("the data connection does not resume the TLS session of its control connection (TLSOptions NoSessionReuseRequired would allow it)")
	// ErrUnknownName says that a client asked for a server by a name that none has.
	ErrUnknownName = errors.New("no server has the name that the client asks for (SNI)")
	// ErrNoControl says that there is no control connection in TLS to go by.
	ErrNoControl = errors.New("TLS on a data connection needs a control connection that was in TLS before")
)

// attempt is what differs between handshakes.
type attempt struct {
	limit time.Duration // 0: none
	// exact has the wire read no byte beyond the record in hand, which a control
	// connection needs to go back to clear text (CCC); data connections read ahead.
	exact bool
	tap   *tlspolicy.HelloParser // of the server's first words; nil: nobody listens
	wrap  func(net.Conn) *tls.Conn
}

// handshake runs one. It ends by the limit or ctx, and closes nothing. No deadline
// is left on the connection.
func (a attempt) handshake(ctx context.Context, tcp *net.TCPConn) (*Conn, error) {
	if a.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, a.limit, fmt.Errorf("TLS negotiation timed out (%g seconds): %w", a.limit.Seconds(), os.ErrDeadlineExceeded))
		defer cancel()
	}
	w, err := newWire(tcp, a.exact)
	if err != nil {
		return nil, err
	}
	w.tap = a.tap
	c := &Conn{tls: a.wrap(w), wire: w}
	// Not HandshakeContext: it would close the connection under the session.
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	err = c.tls.Handshake() //nolint:noctx // as said above
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, explain(err)
	}
	if err := tcp.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	w.patient, w.tap = false, nil
	return c, nil
}

// explain says in our words what crypto/tls says in its own.
func explain(err error) error {
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		return fmt.Errorf("%w: it began with %q", ErrNotTLS, header.RecordHeader[:])
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrLeft
	}
	return err
}

// limitOr reads a limit of a configuration: 0 is the default, negative none.
func limitOr(limit, standard time.Duration) time.Duration {
	switch {
	case limit < 0:
		return 0
	case limit == 0:
		return standard
	}
	return limit
}
