package sockets

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Writer writes short messages to a TCP connection with as little ado as
// possible. It is for one goroutine; deadlines are the connection's.
type Writer struct {
	raw  syscall.RawConn
	try  func(fd uintptr) bool // w.attempt, made once
	rest []byte
	err  error
}

// NewWriter returns a writer to conn.
func NewWriter(conn *net.TCPConn) (*Writer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("writing to %s: %w", conn.RemoteAddr(), err)
	}
	w := &Writer{raw: raw}
	w.try = w.attempt
	return w, nil
}

// Write writes all of b, waiting for room if it must.
func (w *Writer) Write(b []byte) error {
	w.rest, w.err = b, nil
	err := w.raw.Write(w.try)
	w.rest = nil
	if err == nil {
		err = w.err
	}
	return err
}

// attempt writes what fits; false makes the poller wait for more room.
func (w *Writer) attempt(fd uintptr) bool {
	for len(w.rest) > 0 {
		n, err := Write(int(fd), w.rest)
		if err == unix.EAGAIN {
			return false
		}
		if err != nil {
			w.err = os.NewSyscallError("write", err)
			return true
		}
		w.rest = w.rest[n:]
	}
	return true
}
