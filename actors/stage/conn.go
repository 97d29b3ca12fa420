package stage

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/runtime/readiness"
)

// Conn is a TLS connection after its handshake. Its rules:
//
//   - Reading never waits: TryRead says readiness.ErrEmpty, and the caller waits
//     for the descriptor. So nothing is held while a peer is silent.
//   - io.EOF means close_notify and nothing else. A peer that closes without
//     gets ErrNoCloseNotify: half a file must not pass for a whole one.
//   - Writing waits, under the write deadline of the TCP connection.
type Conn struct {
	tls  *tls.Conn
	wire *wire
}

// ErrNoCloseNotify says that the peer closed its connection without the TLS
// close_notify that tells an end from a cut (RFC 8446 section 6.1).
var ErrNoCloseNotify = errors.New("connection closed without TLS close_notify, the data may be cut off")

// Lax has an end without close_notify pass for one, as long as it is not within a
// record (NoCloseNotifyRequired).
func (c *Conn) Lax(on bool) { c.wire.lax = on }

// Unproven reports whether the end that was read is one that Lax let pass.
func (c *Conn) Unproven() bool { return c.wire.fin }

// TCP is the connection below. Its deadlines are this one's.
func (c *Conn) TCP() *net.TCPConn { return c.wire.TCPConn }

// State is what the handshake agreed on.
func (c *Conn) State() tls.ConnectionState { return c.tls.ConnectionState() }

// TryRead reads what is there; the error is readiness.ErrEmpty when nothing is.
// At most one record comes of one call.
func (c *Conn) TryRead(p []byte) (int, error) { return c.tls.Read(p) }

// Read waits for bytes. It is there to make a net.Conn of it; whoever reads
// much or waits long uses TryRead.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		n, err := c.tls.Read(p)
		if n > 0 || !errors.Is(err, readiness.ErrEmpty) {
			return n, err
		}
		if err := c.wire.await(); err != nil {
			return 0, err
		}
	}
}

// Write encrypts and sends all of p in records as large as TLS has them.
func (c *Conn) Write(p []byte) (int, error) { return c.tls.Write(p) }

// CloseNotify tells the peer that nothing more comes. It does not close the TCP
// connection. Its write deadline is past afterwards.
func (c *Conn) CloseNotify() error { return c.tls.CloseWrite() }

// Close closes the TCP connection at once, without a close_notify: whoever means
// a proper end says so before.
func (c *Conn) Close() error { return c.wire.Close() }

// SyscallConn gives the descriptor to wait on.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.wire.SyscallConn() }

// LocalAddr is the TCP connection's.
func (c *Conn) LocalAddr() net.Addr { return c.wire.LocalAddr() }

// RemoteAddr is the TCP connection's.
func (c *Conn) RemoteAddr() net.Addr { return c.wire.RemoteAddr() }

// SetDeadline sets the TCP connection's.
func (c *Conn) SetDeadline(t time.Time) error { return c.wire.SetDeadline(t) }

// SetReadDeadline sets the TCP connection's.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.wire.SetReadDeadline(t) }

// SetWriteDeadline sets the TCP connection's.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.wire.TCPConn.SetWriteDeadline(t) }
