//go:build unix && !linux

package bulk

import "golang.org/x/sys/unix"

// Source is an endless file in memory: see Pattern.
type Source struct {
	bytes []byte
}

// NewSource fills the memory; the caller closes the Source.
func NewSource() (*Source, error) {
	s := &Source{bytes: make([]byte, sourceSize)}
	pattern(s.bytes, 0)
	return s, nil
}

// Send writes up to n bytes from position at to the socket. A short count is usual; a full socket gives
// EAGAIN.
func (s *Source) Send(socket int, at, n int64) (int64, error) {
	off := at % sourceSize
	sent, err := unix.Write(socket, s.bytes[off:off+min(n, sourceSize-off, most)])
	return int64(max(sent, 0)), err
}

// Close gives the memory back.
func (s *Source) Close() { s.bytes = nil }

// Sink discards what arrives on sockets.
type Sink struct {
	room []byte
}

// NewSink makes a Sink.
func NewSink() *Sink { return &Sink{room: make([]byte, 1<<20)} }

// Discard reads what the socket holds, up to 1 MiB, over what it read before. Zero without an error is
// the end of the stream.
func (k *Sink) Discard(socket int) (int64, error) {
	n, err := unix.Read(socket, k.room)
	return int64(max(n, 0)), err
}
