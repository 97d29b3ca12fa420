// Package readiness reads from connections that are mostly silent. While
// nothing comes, a connection holds no buffer: the reader waits until bytes
// are there and only then borrows one.
package readiness

import (
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// BufferSize is how much one read takes at most. Lines of a control connection
// are short; longer input just takes several reads.
const BufferSize = 4 << 10

// Buffer is borrowed from a Buffers and given back with it.
type Buffer [BufferSize]byte

// Buffers lends out buffers. The zero value is ready; it is safe for
// concurrent use.
type Buffers struct{ pool sync.Pool }

func (b *Buffers) get() *Buffer {
	if buf, ok := b.pool.Get().(*Buffer); ok {
		return buf
	}
	return new(Buffer)
}

// Reader reads from one connection. It is for one goroutine.
type Reader struct {
	conn    net.Conn
	raw     syscall.RawConn // nil: the connection has no descriptor to wait on
	buffers *Buffers
	try     func(fd uintptr) bool // r.attempt, made once
	peek    func(fd uintptr) bool // r.look, made once

	buf    *Buffer // borrowed
	n      int
	err    error
	looked bool
	scrap  [1]byte
}

// NewReader returns a reader of conn that borrows from buffers.
func NewReader(conn net.Conn, buffers *Buffers) (*Reader, error) {
	r := &Reader{conn: conn, buffers: buffers}
	r.try, r.peek = r.attempt, r.look
	var sc syscall.Conn
	switch c := conn.(type) {
	case *net.TCPConn:
		sc = c
	case *net.UnixConn:
		sc = c
	default:
		// It may have a descriptor, too, but also a Read of its own that must
		// not be passed by, such as one that holds bytes back.
		return r, nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", conn.RemoteAddr(), err)
	}
	r.raw = raw
	return r, nil
}

// Read waits for bytes and returns them, one at least. They are the caller's
// until Release or the next Read. The error is io.EOF at the proper end. A
// connection that is neither TCP nor a Unix socket holds a buffer meanwhile.
func (r *Reader) Read() ([]byte, error) {
	r.Release()
	if r.raw == nil {
		r.buf = r.buffers.get()
		for {
			if n, err := r.conn.Read(r.buf[:]); n > 0 || err != nil {
				return r.done(n, err)
			}
		}
	}
	r.n, r.err = 0, nil
	if err := r.raw.Read(r.try); err != nil {
		return r.done(0, err)
	}
	if r.err == nil && r.n == 0 {
		r.err = io.EOF
	}
	return r.done(r.n, r.err)
}

// Await waits until Read would not have to: bytes are there, or the end is. It
// reads nothing, and borrows nothing while it waits. An error is the
// connection's own, and may not be told again. A connection that is neither TCP
// nor a Unix socket is not waited for.
func (r *Reader) Await() error {
	if r.raw == nil {
		return nil
	}
	r.looked, r.err = false, nil
	if err := r.raw.Read(r.peek); err != nil {
		return err
	}
	return r.err
}

// look sees whether there is something to read; once the poller has spoken, it
// is believed.
func (r *Reader) look(fd uintptr) bool {
	if r.looked {
		return true
	}
	r.looked = true
	err := sockets.Peek(int(fd), r.scrap[:])
	if err == unix.EAGAIN {
		return false
	}
	r.err = r.wrap(err)
	return true
}

// wrap says whose error it is.
func (r *Reader) wrap(err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: "read", Net: "tcp", Source: r.conn.LocalAddr(), Addr: r.conn.RemoteAddr(), Err: err}
}

func (r *Reader) done(n int, err error) ([]byte, error) {
	if n > 0 { // an error that came with bytes comes again
		return r.buf[:n], nil
	}
	r.Release()
	return nil, err
}

// attempt reads if bytes are there; false makes the poller wait.
func (r *Reader) attempt(fd uintptr) bool {
	buf := r.buffers.get()
	n, err := sockets.Read(int(fd), buf[:])
	if err == unix.EAGAIN {
		r.buffers.pool.Put(buf)
		return false
	}
	r.buf = buf
	r.n = max(n, 0)
	r.err = r.wrap(err)
	return true
}

// Release gives the borrowed buffer back.
func (r *Reader) Release() {
	if r.buf != nil {
		r.buffers.pool.Put(r.buf)
		r.buf = nil
	}
}

// Borrowed reports whether the reader holds a buffer, for tests.
func (r *Reader) Borrowed() bool { return r.buf != nil }
