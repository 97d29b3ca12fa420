package peers

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/resume"
)

// ClientTLS is the configuration of a client that trusts the authority of a Kit, expects localhost
// and resumes its session on data connections. Each control connection needs one of its own.
func ClientTLS(k *certs.Kit) *tls.Config {
	return &tls.Config{
		RootCAs: k.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12,
		ClientSessionCache: &resume.Tickets{},
	}
}

// DialImplicit opens a control connection with TLS from the first byte and does not read the banner.
func DialImplicit(t testing.TB, addr string, config *tls.Config) *Control {
	t.Helper()
	c := Dial(t, addr)
	if err := c.HandshakeErr(config); err != nil {
		t.Fatalf("secure the control connection to %s: %v", addr, err)
	}
	return c
}

// Secure reads the banner if need be, sends AUTH TLS and does the handshake.
func (c *Control) Secure(config *tls.Config) *Control {
	c.t.Helper()
	c.Greeting().Must(234, "AUTH TLS")
	if err := c.HandshakeErr(config); err != nil {
		c.t.Fatalf("secure the control connection: %v", err)
	}
	return c
}

// HandshakeErr goes over to TLS on the control connection, with nothing sent before.
func (c *Control) HandshakeErr(config *tls.Config) error {
	if n := c.in.Buffered(); n > 0 {
		return fmt.Errorf("secure the control connection: %d bytes in clear came before the handshake", n)
	}
	if err := c.conn.SetDeadline(time.Now().Add(replyLimit)); err != nil {
		return err
	}
	conn := tls.Client(c.conn, config)
	if err := conn.HandshakeContext(c.t.Context()); err != nil {
		c.note("!", fmt.Sprintf("TLS handshake: %v", err))
		return err
	}
	c.stream, c.config = conn, config
	c.in.Reset(conn)
	state := conn.ConnectionState()
	c.note("!", fmt.Sprintf("%s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)))
	return c.conn.SetDeadline(time.Time{})
}

// Protect sends PBSZ and PROT with the level, and from then on does a TLS handshake on each data
// connection after its 1xx if the level is P.
func (c *Control) Protect(level string) *Control {
	c.t.Helper()
	c.Must(200, "PBSZ 0")
	c.Must(200, "PROT %s", level)
	c.protect = level == "P"
	return c
}

// EndTLS goes back to clear text on the control connection, as after CCC: both sides say close_notify.
func (c *Control) EndTLS() error {
	conn, ok := c.stream.(*tls.Conn)
	if !ok {
		return errors.New("the control connection is not in TLS")
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if err := c.conn.SetDeadline(time.Now().Add(replyLimit)); err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, conn); n > 0 || err != nil {
		return fmt.Errorf("%d bytes before the end of TLS: %w", n, err)
	}
	c.stream = c.conn
	c.in.Reset(c.conn)
	return c.conn.SetDeadline(time.Time{})
}

// TLS is the state of the control connection's TLS session; false in clear.
func (c *Control) TLS() (tls.ConnectionState, bool) {
	conn, ok := c.stream.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return conn.ConnectionState(), true
}

// Raw is the socket below TLS, for tests that break it off without a close_notify.
func (d *Data) Raw() *net.TCPConn { return d.conn }

// SecureErr does the TLS handshake of a data connection that is open, resuming the control
// connection's session if there is a ticket for it.
func (d *Data) SecureErr() error {
	if d.c.config == nil {
		return errors.New("the control connection has no TLS session")
	}
	conn := tls.Client(d.conn, d.c.config)
	if err := conn.HandshakeContext(d.c.t.Context()); err != nil {
		return err
	}
	d.secure = conn
	return nil
}

// Resumed tells whether the data connection resumed a TLS session.
func (d *Data) Resumed() bool { return d.secure != nil && d.secure.ConnectionState().DidResume }

// Finish ends a data connection in the clean way. Over TLS: close_notify, then everything that the
// server still sends is read, since a socket closed over unread bytes resets the connection.
func (d *Data) Finish() {
	if d.secure != nil {
		if d.secure.CloseWrite() == nil && d.conn.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, d.secure) // the server may end without a close_notify of its own
		}
	}
	d.Close()
}
