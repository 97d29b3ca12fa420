package frontend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// Secure does a TLS handshake on a connection and returns what to read from and
// write to from then on. It ends within a limit of its own or with its context,
// and never closes the connection.
type Secure func(context.Context, *net.TCPConn) (net.Conn, messages.TLSInfo, error)

// ErrPlaintextBehindAuth says that the client sent more in clear after its AUTH.
// Carried out after the handshake, it would pass for protected (the STARTTLS
// injection, CVE-2011-0411).
var ErrPlaintextBehindAuth = errors.New("commands in clear behind AUTH, possible injection")

// errBehindCCC says that TLS does not end behind CCC, but goes on with more.
var errBehindCCC = errors.New("more than a close_notify behind CCC")

// upgrade does the handshake and reads from TLS then.
func (r *Reader) upgrade(ctx context.Context, secure Secure) (m messages.ToSession, goesOn bool) {
	conn, info, err := r.handshake(ctx, secure)
	if err == nil {
		err = r.readFrom(conn)
	}
	if err != nil {
		return messages.FrontendInsecure{Err: err}, false
	}
	return messages.FrontendSecured{Conn: conn, TLS: info}, true
}

// handshake runs on a goroutine that ends with it: it needs a deep stack, and
// the one of this actor should stay small for its long waits.
//
//go:noinline
func (r *Reader) handshake(ctx context.Context, secure Secure) (conn net.Conn, info messages.TLSInfo, err error) {
	tcp, ok := r.conn.(*net.TCPConn)
	switch {
	case !ok:
		return nil, info, fmt.Errorf("TLS over a %T is not possible", r.conn)
	case r.decode.Buffered() > 0:
		return nil, info, ErrPlaintextBehindAuth
	}
	r.in.Release()
	var wg conc.WaitGroup
	wg.Go(func() { conn, info, err = secure(ctx, tcp) }) // bounded by its own limit and ctx
	wg.Wait()
	return conn, info, err
}

// readFrom goes over to another layer of the same connection.
func (r *Reader) readFrom(conn net.Conn) error {
	in, err := readiness.NewReader(conn, r.buffers)
	if err != nil {
		return err
	}
	r.in.Release()
	r.in = in
	return nil
}

// clear reads TLS to its end and the connection in clear then.
func (r *Reader) clear() (m messages.ToSession, goesOn bool) {
	err := r.endOfTLS()
	if err == nil {
		err = r.readFrom(r.conn)
	}
	if err != nil {
		return messages.FrontendLost{Err: err}, false
	}
	return messages.FrontendCleared{Conn: r.conn}, true
}

// endOfTLS waits for the client's close_notify. There are clients that send none
// (curl, unless it is told to), so a byte that no TLS record begins with is the
// end, too. Nothing of the next record was read yet: the connection behind CCC
// is read record by record, and not ahead.
func (r *Reader) endOfTLS() error {
	if r.decode.Buffered() > 0 {
		return errBehindCCC
	}
	plain, err := readiness.NewReader(r.conn, r.buffers)
	if err != nil {
		return err
	}
	if err := plain.Await(); err != nil {
		return err
	}
	if first, err := r.peek(); err != nil || first != 0 && !beginsRecord(first) {
		return err
	}
	switch _, err := r.in.Read(); {
	case err == nil:
		return errBehindCCC
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// beginsRecord reports whether a byte is a type of TLS records: change_cipher_spec,
// alert, handshake, application_data (RFC 8446 section 5.1).
func beginsRecord(b byte) bool { return 20 <= b && b <= 23 }

// peek looks at the connection's next byte, 0 at its end.
func (r *Reader) peek() (byte, error) {
	tcp, ok := r.conn.(*net.TCPConn)
	if !ok {
		return 0, nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	var first [1]byte
	var perr error
	if err := raw.Control(func(fd uintptr) { perr = sockets.Peek(int(fd), first[:]) }); err != nil {
		return 0, err
	}
	return first[0], perr
}
