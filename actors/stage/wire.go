// Package stage holds the codec stages between a plain connection and what is
// spoken over it: TLS towards clients (Server) and backends (Client), the
// handshakes of control and data connections, and the decoding and encoding of
// bulk data.
package stage

import (
	"encoding/binary"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// wire is the TCP connection as crypto/tls sees it.
type wire struct {
	*net.TCPConn
	raw     syscall.RawConn
	pace    Pace                   // of the relay under way; nil: none
	patient bool                   // wait for bytes: during the handshake
	tap     *tlspolicy.HelloParser // sees what is read during the handshake; nil: nobody does
	exact   bool                   // read no byte beyond the record in hand
	lax     bool                   // an end without close_notify is an end
	fin     bool                   // such an end has been read
	out     sender

	header [recordHeader]byte // of the record in hand, while exact
	have   int                // bytes of it
	body   int                // bytes of the record still to come

	buf []byte // of the read under way
	n   int
	err error
	try func(fd uintptr) bool // w.attempt, made once
}

// recordHeader is the length of a TLS record's header: type, version, length
// (RFC 8446 section 5.1).
const recordHeader = 5

func newWire(tcp *net.TCPConn, exact bool) (*wire, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &wire{TCPConn: tcp, raw: raw, patient: true, exact: exact}
	w.try = w.attempt
	w.out.init(raw)
	return w, nil
}

// Read reads what is there, or waits for it during the handshake.
func (w *wire) Read(p []byte) (int, error) {
	if w.exact {
		p = p[:min(len(p), w.wanted())]
	}
	w.buf, w.n, w.err = p, 0, nil
	err := w.raw.Read(w.try)
	w.buf = nil
	switch {
	case err != nil:
		return 0, err
	case w.err == unix.EAGAIN:
		return 0, readiness.ErrEmpty
	case w.err != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: w.LocalAddr(), Addr: w.RemoteAddr(), Err: w.err}
	case w.n == 0 && w.patient:
		return 0, io.ErrUnexpectedEOF
	case w.n == 0 && w.lax: // crypto/tls minds that it is not within a record
		w.fin = true
		return 0, io.EOF
	case w.n == 0:
		return 0, ErrNoCloseNotify
	}
	if w.exact {
		w.account(p[:w.n])
	}
	if w.tap != nil && w.tap.Feed(p[:w.n]) {
		w.tap = nil
	}
	if w.pace != nil {
		w.pace.Moved()
	}
	return w.n, nil
}

func (w *wire) attempt(fd uintptr) bool {
	w.n, w.err = sockets.Read(int(fd), w.buf)
	return w.err != unix.EAGAIN || !w.patient
}

// wanted is how many bytes of the record in hand are still to come, as far as
// it is known.
func (w *wire) wanted() int {
	if w.have < recordHeader {
		return recordHeader - w.have
	}
	return w.body
}

// account notes which bytes of the record were read.
func (w *wire) account(p []byte) {
	if w.have < recordHeader {
		w.have += copy(w.header[w.have:], p)
		if w.have == recordHeader {
			w.body = int(binary.BigEndian.Uint16(w.header[3:]))
		}
	} else {
		w.body -= len(p)
	}
	if w.have == recordHeader && w.body == 0 {
		w.have = 0
	}
}

// await waits until the descriptor is readable.
func (w *wire) await() error {
	looked := false
	return w.raw.Read(func(fd uintptr) bool {
		if looked {
			return true
		}
		looked = true
		var scrap [1]byte
		return sockets.Peek(int(fd), scrap[:]) != unix.EAGAIN
	})
}
