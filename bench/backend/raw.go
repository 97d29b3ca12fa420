//go:build unix

package backend

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/wire"
)

// stream is one connection to the raw port.
type stream struct {
	w    *worker
	fd   int
	kind transferKind // nothing until the request line is read
	at   int64
	size int64
	line []byte
}

func newStream(w *worker, fd int) *stream {
	s := &stream{w: w, fd: fd}
	if err := w.loop.Watch(fd, reactor.Readable, s); err != nil {
		wire.Close(&s.fd)
	}
	return s
}

// Ready takes the next step; a stream that did what it was asked, or went wrong, ends.
func (s *stream) Ready() error {
	var over bool
	switch s.kind {
	case nothing:
		over = s.request()
	case discard:
		over = s.swallow()
	default:
		over = s.send()
	}
	if over {
		s.end()
	}
	return nil
}

func (s *stream) request() (over bool) {
	var b [64]byte
	n, err := unix.Read(s.fd, b[:])
	if wire.Again(err) {
		return false
	}
	if err != nil || n == 0 || len(s.line) > maxLine {
		return true
	}
	s.line = append(s.line, b[:n]...)
	line, rest, whole := bytes.Cut(s.line, []byte{'\n'})
	if !whole {
		return false
	}
	verb, name, _ := bytes.Cut(line, []byte{' '})
	switch string(verb) {
	case "STOR":
		s.kind, s.at = discard, int64(len(rest))
		return false
	case "RETR":
		size, ok := namedSize(name)
		s.kind, s.size = sendFile, size
		return !ok || s.turn()
	}
	return true
}

// turn watches for room to write instead of bytes to read.
func (s *stream) turn() (over bool) {
	s.w.loop.Forget(s.fd)
	return s.w.loop.Watch(s.fd, reactor.Writable, s) != nil
}

func (s *stream) send() (over bool) {
	if s.at == s.size {
		return true
	}
	n, err := s.w.server.source.Send(s.fd, s.at, s.size-s.at)
	s.at += n
	return err != nil && !wire.Again(err)
}

func (s *stream) swallow() (over bool) {
	n, err := s.w.sink.Discard(s.fd)
	s.at += n
	if wire.Again(err) {
		return false
	}
	if err == nil && n > 0 {
		return false
	}
	if err == nil {
		_, _ = unix.Write(s.fd, append(strconv.AppendInt([]byte("226 "), s.at, 10), '\n')) // a client that is gone misses its receipt
	}
	return true
}

func (s *stream) end() {
	s.w.loop.Forget(s.fd)
	wire.Close(&s.fd)
	delete(s.w.peers, s)
}
