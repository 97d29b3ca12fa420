package bulk

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Source is an endless file in memory: see Pattern.
type Source struct {
	fd int
}

// NewSource fills a memfd; the caller closes the Source.
func NewSource() (*Source, error) {
	fd, err := unix.MemfdCreate("bench-source", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create a file in memory: %w", err)
	}
	s := &Source{fd: fd}
	block := make([]byte, 1<<20)
	for at := int64(0); at < sourceSize; at += int64(len(block)) {
		pattern(block, at)
		if _, err := unix.Pwrite(fd, block, at); err != nil {
			s.Close()
			return nil, fmt.Errorf("fill a file in memory: %w", err)
		}
	}
	return s, nil
}

// Send hands up to n bytes from position at to the socket by sendfile(2), without a copy. A short count
// is usual; a full socket gives EAGAIN.
func (s *Source) Send(socket int, at, n int64) (int64, error) {
	off := at % sourceSize
	sent, err := unix.Sendfile(socket, s.fd, &off, int(min(n, sourceSize-off, most)))
	return int64(max(sent, 0)), err
}

// Close gives the memory back.
func (s *Source) Close() { _ = unix.Close(s.fd) }

// Sink discards what arrives on sockets.
type Sink struct {
	room []byte // addressed, never written to
}

// NewSink makes a Sink.
func NewSink() *Sink { return &Sink{room: make([]byte, most)} }

// Discard takes what the socket holds, up to 4 MiB, and lets the kernel drop it: recv(2) with MSG_TRUNC
// on TCP counts without copying. Zero without an error is the end of the stream.
func (k *Sink) Discard(socket int) (int64, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(socket),
		uintptr(unsafe.Pointer(&k.room[0])), uintptr(len(k.room)),
		unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int64(n), nil
}
