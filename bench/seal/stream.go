package seal

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// batch is how many bytes go through one system call, at most: about sixteen records.
const batch = 256 << 10

// batches lends the buffers of data connections, which come and go.
var batches = sync.Pool{New: func() any { return new([batch]byte) }}

// link is a TCP connection that is read record by record, so that after the handshake nothing of the
// stream is behind crypto/tls, and while hold is set written in batches.
type link struct {
	*net.TCPConn
	head   [header]byte // of the record that is read
	have   int          // how much of head has come
	rest   int          // how much of its body has not
	out    *[batch]byte
	filled int // how much of out waits to be written
	hold   bool
}

func (l *link) Read(p []byte) (int, error) {
	if l.have < header {
		n, err := l.TCPConn.Read(p[:min(len(p), header-l.have)])
		copy(l.head[l.have:], p[:n])
		if l.have += n; l.have == header {
			l.rest = int(binary.BigEndian.Uint16(l.head[3:]))
		}
		return n, err
	}
	n, err := l.TCPConn.Read(p[:min(len(p), l.rest)])
	if l.rest -= n; l.rest == 0 {
		l.have = 0
	}
	return n, err
}

func (l *link) Write(p []byte) (int, error) {
	if !l.hold {
		return l.TCPConn.Write(p)
	}
	if l.filled+len(p) > batch {
		if err := l.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) > batch {
		return l.TCPConn.Write(p)
	}
	l.filled += copy(l.out[l.filled:], p)
	return len(p), nil
}

func (l *link) flush() error {
	_, err := l.TCPConn.Write(l.out[:l.filled])
	l.filled = 0
	return err
}

// Stream is a data connection over TLS. Close gives its buffers back; it must not be used then.
type Stream struct {
	tls    *tls.Conn
	link   *link
	taster *taster // of what the other end sends
}

// Client does the handshake of a client.
func Client(ctx context.Context, conn *net.TCPConn, config *tls.Config) (*Stream, error) {
	return shake(ctx, conn, config, tls.Client, "SERVER_TRAFFIC_SECRET_0")
}

// Server does the handshake of a server.
func Server(ctx context.Context, conn *net.TCPConn, config *tls.Config) (*Stream, error) {
	return shake(ctx, conn, config, tls.Server, "CLIENT_TRAFFIC_SECRET_0")
}

// shake does a handshake. theirs names the secret of what the other end seals.
func shake(ctx context.Context, conn *net.TCPConn, config *tls.Config, side func(net.Conn, *tls.Config) *tls.Conn, theirs string) (*Stream, error) {
	l := &link{TCPConn: conn, out: batches.Get().(*[batch]byte)}
	keys := &secrets{label: []byte(theirs)}
	config = config.Clone()
	config.KeyLogWriter = keys
	s := &Stream{tls: side(l, config), link: l}
	err := s.tls.HandshakeContext(ctx)
	if err == nil {
		err = Agreed(s.tls.ConnectionState())
	}
	if err == nil {
		s.taster, err = newTaster(conn, batches.Get().(*[batch]byte), keys.taken)
	}
	if err != nil {
		s.giveBack()
		return nil, err
	}
	return s, nil
}

// chunk is what one call encrypts; its records and their heads fill a batch.
const chunk = batch - batch/16

// block is what streams are made of. It is small enough to stay in a processor's cache: what the
// gateway sees is encrypted, and new each time.
var block [chunk]byte

// Pour sends up to n bytes, as many as one batch takes, and tells how many they were.
func (s *Stream) Pour(n int64) (int64, error) {
	n = min(n, chunk)
	s.link.hold = true
	_, err := s.tls.Write(block[:n])
	s.link.hold = false
	if err == nil {
		err = s.link.flush()
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Swallow reads to the close_notify and tells seen of every piece. A stream that ends without one has
// failed.
func (s *Stream) Swallow(seen func(n int)) error {
	for {
		n, err := s.taster.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		seen(n)
	}
}

// End says that nothing more will be sent: close_notify, then the end of the TCP stream.
func (s *Stream) End() error { return errors.Join(s.tls.CloseWrite(), s.link.CloseWrite()) }

// Drain reads on to the end, so that a ticket that arrived late does not turn the close into a reset.
func (s *Stream) Drain() { _ = s.Swallow(func(int) {}) } // the other end may just close

// Close sends a close_notify unless End has, closes the connection and gives the buffers back.
func (s *Stream) Close() {
	_ = s.tls.Close() // the other end may be gone by now
	s.giveBack()
}

func (s *Stream) giveBack() {
	batches.Put(s.link.out)
	s.link.out = nil
	if s.taster != nil {
		batches.Put(s.taster.buf)
		s.taster.buf = nil
	}
}
