// Package readiness reads from connections that are mostly silent. While
// nothing comes, a connection holds no buffer: the reader waits until bytes
// are there and only then borrows one.
package readiness

import (
	"errors"
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

// Layered is a connection with a layer between its descriptor and its bytes, such
// as TLS, which may hold some of them back.
type Layered interface {
	net.Conn
	syscall.Conn // the descriptor to wait on
	// TryRead reads what is there. The error is ErrEmpty when nothing is, until
	// the descriptor has more to read.
	TryRead(p []byte) (int, error)
}

// ErrEmpty says that there is nothing to read yet. It is temporary, which a layer
// that keeps its first error needs to know.
var ErrEmpty net.Error = emptyError{}

type emptyError struct{}

func (emptyError) Error() string   { return "nothing to read yet" }
func (emptyError) Timeout() bool   { return true }
func (emptyError) Temporary() bool { return true }

// Reader reads from one connection. It is for one goroutine.
type Reader struct {
	conn    net.Conn
	raw     syscall.RawConn // nil: the connection has no descriptor to wait on
	layer   Layered         // nil: the descriptor's bytes are the connection's
	buffers *Buffers
	try     func(fd uintptr) bool // r.attempt, made once
	peek    func(fd uintptr) bool // r.look, made once

	buf    *Buffer // borrowed
	n      int
	err    error
	looked bool
	held   bool // buf, n and err are what the next Read returns
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
	case Layered:
		sc, r.layer = c, c
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
// connection that has no descriptor holds a buffer meanwhile.
func (r *Reader) Read() ([]byte, error) {
	if r.layer != nil {
		if err := r.awaitLayer(); err != nil {
			return nil, err
		}
		r.held = false
		return r.done(r.n, r.err)
	}
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
// borrows nothing while it waits, and of a plain connection it reads nothing; of
// a layered one it holds what the next Read returns. An error is the
// connection's own, and may not be told again. A connection without a descriptor
// is not waited for.
func (r *Reader) Await() error {
	switch {
	case r.raw == nil:
		return nil
	case r.layer != nil:
		return r.awaitLayer()
	}
	return r.awaitDescriptor()
}

// awaitLayer waits until the layer gives bytes, an end or an error. Readable does
// not mean that: half a record is nothing yet.
func (r *Reader) awaitLayer() error {
	for !r.held {
		r.Release()
		buf := r.buffers.get()
		n, err := r.layer.TryRead(buf[:])
		if n == 0 && errors.Is(err, ErrEmpty) {
			r.buffers.pool.Put(buf)
			if err := r.awaitDescriptor(); err != nil {
				return err
			}
			continue
		}
		r.buf, r.n, r.err, r.held = buf, n, err, n > 0 || err != nil
	}
	return nil
}

func (r *Reader) awaitDescriptor() error {
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

// Release gives the borrowed buffer back, unless it holds what is still to be read.
func (r *Reader) Release() {
	if r.buf != nil && !r.held {
		r.buffers.pool.Put(r.buf)
		r.buf = nil
	}
}

// Borrowed reports whether the reader holds a buffer, for tests.
func (r *Reader) Borrowed() bool { return r.buf != nil }
