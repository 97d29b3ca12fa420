//go:build unix

package backend

import (
	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/wire"
)

const noSuchName = "550 A file's name is its size here: 1k, 512m, 4g."

// transferKind says which way bytes go.
type transferKind uint8

const (
	nothing transferKind = iota
	sendFile
	sendText
	discard
)

// transfer is what the data connection is for; its zero value is no transfer.
type transfer struct {
	kind transferKind
	text string // of sendText
	at   int64  // bytes done
	size int64  // of sendFile and sendText
}

// turns bounds the system calls one readiness may lead to.
const turns = 4

// arrival accepts data connections, before or after the command that needs one.
type arrival struct{ s *session }

func (a arrival) Ready() error {
	if a.s.acceptData() && a.s.transfer.kind != nothing {
		a.s.begin()
	}
	return nil
}

// acceptData reports a new data connection. While one is there, a second to the same offer is refused.
func (s *session) acceptData() bool {
	fd, err := wire.Accept(s.passive)
	if err != nil {
		return false // nobody, or somebody who left again
	}
	if s.data >= 0 {
		wire.Abort(&fd)
		return false
	}
	s.data = fd
	return true
}

func (s *session) list([]byte) {
	const text = "-rw-r--r-- 1 bench bench 1024 Jan  1 00:00 1k\r\n" +
		"-rw-r--r-- 1 bench bench 1048576 Jan  1 00:00 1m\r\n"
	s.start(transfer{kind: sendText, text: text, size: int64(len(text))})
}

func (s *session) retr(arg []byte) {
	n, ok := namedSize(arg)
	if !ok {
		s.say(noSuchName)
		return
	}
	s.start(transfer{kind: sendFile, size: n})
}

func (s *session) stor([]byte) { s.start(transfer{kind: discard}) }

func (s *session) start(t transfer) {
	switch {
	case s.transfer.kind != nothing:
		s.say("503 A transfer is running.")
	case s.passive < 0:
		s.say("425 Use PASV or EPSV first.")
	default:
		s.say("150 Go.")
		s.transfer = t
		if s.data >= 0 || s.acceptData() {
			s.begin()
		}
	}
}

// begin moves what can be moved at once, and waits for readiness only with the rest: a small file needs
// no watch at all.
func (s *session) begin() {
	if s.move() {
		return
	}
	want := reactor.Writable
	if s.transfer.kind == discard {
		want = reactor.Readable
	}
	if err := s.w.loop.Watch(s.data, want, flow{s}); err != nil {
		s.finish("451 The data connection cannot be watched.")
	}
}

// flow moves the bytes of a transfer.
type flow struct{ s *session }

func (f flow) Ready() error {
	if f.s.data >= 0 && f.s.transfer.kind != nothing {
		f.s.move()
	}
	return nil
}

// move reports whether the transfer is over.
func (s *session) move() bool {
	for range turns {
		n, done, err := s.step()
		s.transfer.at += n
		switch {
		case wire.Again(err):
			return false
		case err != nil:
			s.finish("426 The data connection broke.")
			return true
		case done:
			s.finish("226 Done.")
			return true
		}
	}
	return false
}

func (s *session) step() (n int64, done bool, err error) {
	t := &s.transfer
	switch t.kind {
	case discard:
		n, err = s.w.sink.Discard(s.data)
		return n, n == 0, err
	case sendText:
		var sent int
		sent, err = unix.Write(s.data, []byte(t.text[t.at:]))
		n = int64(max(sent, 0))
	default:
		if t.at < t.size {
			n, err = s.w.server.source.Send(s.data, t.at, t.size-t.at)
		}
	}
	return n, t.at+n == t.size, err
}

// finish closes the data connection before it says so.
func (s *session) finish(reply string) {
	s.dropData()
	s.say(reply)
}

func (s *session) abor([]byte) {
	if s.transfer.kind != nothing {
		s.finish("426 Transfer given up.")
	}
	s.say("226 Nothing is running any more.")
}

func (s *session) dropData() {
	s.w.loop.Forget(s.data)
	wire.Close(&s.data)
	s.transfer = transfer{}
}
