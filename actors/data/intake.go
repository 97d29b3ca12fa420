package data

import (
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// intake reads what the source of a shaped transfer sends, TLS taken off. Its
// io.EOF is a proper end and nothing else: FIN in clear, close_notify in TLS unless
// the leg does without (Leg.LaxClose).
type intake struct {
	conn  *net.TCPConn
	tls   *stage.Conn // nil: in clear
	raw   syscall.RawConn
	clock *stallClock
	busy  func() bool // whether the destination has not even taken what came before; nil: it has
	took  int64       // bytes read

	proven bool // the end was told by a close_notify, which nobody else can

	peek   func(fd uintptr) bool // tryPeek, made once
	looked bool
	err    error
	scrap  [1]byte
}

func newIntake(conn *net.TCPConn, tls *stage.Conn, lax bool, clock *stallClock) (*intake, error) {
	in := &intake{conn: conn, tls: tls, clock: clock}
	if tls != nil {
		tls.Lax(lax)
	}
	clock.src = conn
	in.peek = in.tryPeek
	var err error
	in.raw, err = conn.SyscallConn()
	return in, err
}

// Read waits for bytes and returns what is there.
func (in *intake) Read(p []byte) (n int, err error) {
	in.clock.Restart()
	if in.tls == nil {
		n, err = in.plain(p)
	} else {
		n, err = in.decrypt(p)
	}
	in.took += int64(n)
	in.proven = in.tls != nil && errors.Is(err, io.EOF) && !in.tls.Unproven()
	return n, err
}

func (in *intake) plain(p []byte) (int, error) {
	for {
		n, err := in.conn.Read(p)
		if n > 0 {
			in.clock.progress()
			return n, nil // an error that came with bytes comes again
		}
		if err == nil || !in.patient(err) {
			return n, err
		}
	}
}

// decrypt gathers the records that have come, and waits only if there are none.
func (in *intake) decrypt(p []byte) (n int, err error) {
	for n < len(p) {
		k, err := in.tls.TryRead(p[n:])
		n += k
		if k > 0 {
			in.clock.progress()
		}
		switch {
		case err == nil:
		case n > 0:
			return n, nil
		case errors.Is(err, readiness.ErrEmpty):
			if err := in.await(); err != nil {
				return 0, err
			}
		case !in.patient(err):
			return 0, err
		}
	}
	return n, nil
}

// await waits until something has come, be it a part of a record.
func (in *intake) await() error {
	for {
		in.looked, in.err = false, nil
		err := in.raw.Read(in.peek)
		if err == nil {
			in.clock.progress()
			return in.err
		}
		if !in.patient(err) {
			return err
		}
	}
}

// patient says whether to go on after an error. A source is not to blame for its
// silence while the destination is busy.
func (in *intake) patient(err error) bool {
	if in.clock.forgives(err) {
		return true
	}
	if !in.clock.stalled(err) || in.busy == nil || !in.busy() {
		return false
	}
	in.clock.Restart()
	return true
}

// tryPeek sees whether there is something to read; once the poller has spoken, it
// is believed.
func (in *intake) tryPeek(fd uintptr) bool {
	if in.looked {
		return true
	}
	in.looked = true
	err := sockets.Peek(int(fd), in.scrap[:])
	if errors.Is(err, unix.EAGAIN) {
		return false
	}
	if err != nil {
		in.err = &net.OpError{Op: "read", Net: "tcp", Source: in.conn.LocalAddr(), Addr: in.conn.RemoteAddr(), Err: err}
	}
	return true
}

var _ io.Reader = (*intake)(nil)
