//go:build unix

package backend

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/wire"
)

// maxLine bounds one command line.
const maxLine = 512

// session is one control connection. It owns its passive listener and its data connection.
type session struct {
	w        *worker
	fd       int
	welcome  string // the reply to PASS
	in       [maxLine]byte
	held     int // bytes in in
	loggedIn bool
	over     bool // QUIT was answered

	passive  int // listener, -1 before the first PASV or EPSV
	port     uint16
	data     int // connection, -1 while there is none
	transfer transfer
}

func newSession(w *worker, fd int, welcome string) *session {
	s := &session{w: w, fd: fd, welcome: welcome, passive: -1, data: -1}
	if err := w.loop.Watch(fd, reactor.Readable, s); err != nil {
		s.over = true
	}
	s.say("220 Proving ground ready.")
	return s
}

// Ready reads what the client sent and answers every whole line of it.
func (s *session) Ready() error {
	n, err := unix.Read(s.fd, s.in[s.held:])
	switch {
	case wire.Again(err):
	case err != nil, n == 0:
		s.end()
	default:
		s.held += n
		s.answer()
		if s.over || s.held == len(s.in) {
			s.end()
		}
	}
	return nil
}

func (s *session) answer() {
	rest := s.in[:s.held]
	for !s.over {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			break
		}
		rest = after
		s.command(bytes.TrimSuffix(line, []byte{'\r'}))
	}
	s.held = copy(s.in[:], rest)
}

func (s *session) command(line []byte) {
	verb, arg, _ := bytes.Cut(line, []byte{' '})
	for i, c := range verb {
		if 'a' <= c && c <= 'z' {
			verb[i] = c - 0x20
		}
	}
	v, known := s.w.verbs[string(verb)]
	switch {
	case !known:
		s.say("500 Unknown command.")
	case v.login && !s.loggedIn:
		s.say("530 Please log in with USER and PASS.")
	default:
		v.do(s, arg)
	}
}

// say writes one reply line. A client that leaves no room for a reply is let go.
func (s *session) say(text string) {
	s.w.out = append(append(s.w.out[:0], text...), '\r', '\n')
	if n, err := unix.Write(s.fd, s.w.out); err != nil || n < len(s.w.out) {
		s.over = true
	}
}

func (s *session) end() {
	s.dropData()
	s.w.loop.Forget(s.passive)
	wire.Close(&s.passive)
	s.w.loop.Forget(s.fd)
	wire.Close(&s.fd)
	delete(s.w.peers, s)
}
