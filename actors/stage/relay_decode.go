package stage

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// decoder is the stage that reads. It takes what is there without waiting, until
// the ring is full or the source dry.
//
// A dry source is slower than the relay, so nothing is gained by waiting for it
// while the encoder is still at work: each small piece would wake a thread. The
// decoder lets the kernel collect meanwhile, looks again when the ring is empty,
// and only then waits for the descriptor.
type decoder struct {
	line Line
	raw  syscall.RawConn
	ring *ring

	fill, peek func(fd uintptr) bool // tryFill and tryPeek, made once

	p      []byte // of the ring, to be filled
	n      int
	err    error
	looked bool
	scrap  [1]byte
}

// errLookAgain says that the source is dry, but the ring is not empty.
var errLookAgain = errors.New("nothing more to read while the ring is not empty")

func newDecoder(line Line, rg *ring) (*decoder, error) {
	raw, err := line.TCP.SyscallConn()
	if err != nil {
		return nil, err
	}
	d := &decoder{line: line, raw: raw, ring: rg}
	d.fill, d.peek = d.tryFill, d.tryPeek
	return d, nil
}

// proven reports, at a proper end, whether it was a close_notify.
func (d *decoder) proven() bool { return d.line.TLS != nil && !d.line.TLS.wire.fin }

// run returns nil at the proper end of the source.
func (d *decoder) run() error {
	read := d.plain
	if d.line.TLS != nil {
		read = d.decrypt
	}
	d.line.Pace.Restart()
	for {
		p, waited := d.ring.space()
		if p == nil {
			return errStopped
		}
		if waited {
			d.line.Pace.Restart()
		}
		n, err := read(p)
		switch {
		case n > 0:
			d.ring.filled(n)
		case err == errLookAgain:
			d.ring.drained()
			d.line.Pace.Restart()
		case errors.Is(err, io.EOF):
			return nil
		case !d.patient(err):
			return err
		}
	}
}

// decrypt reads at most one record. An error that came with bytes comes again.
func (d *decoder) decrypt(p []byte) (int, error) {
	n, err := d.line.TLS.tls.Read(p)
	if n > 0 || !errors.Is(err, readiness.ErrEmpty) {
		return n, err
	}
	if d.ring.pause() {
		return 0, errLookAgain
	}
	d.looked, d.err = false, nil
	if err := d.raw.Read(d.peek); err != nil {
		return 0, err
	}
	return 0, d.err
}

// tryPeek sees whether there is something to read; once the poller has spoken, it
// is believed.
func (d *decoder) tryPeek(fd uintptr) bool {
	if d.looked {
		return true
	}
	d.looked = true
	err := sockets.Peek(int(fd), d.scrap[:])
	if err == unix.EAGAIN {
		return false
	}
	d.err = os.NewSyscallError("read", err)
	return true
}

func (d *decoder) plain(p []byte) (int, error) {
	d.p, d.n, d.err = p, 0, nil
	err := d.raw.Read(d.fill)
	switch {
	case err != nil:
		return 0, err
	case d.err == errLookAgain:
		return 0, errLookAgain
	case d.err != nil:
		return 0, os.NewSyscallError("read", d.err)
	case d.n == 0:
		return 0, io.EOF
	}
	return d.n, nil
}

// tryFill reads if bytes are there. If not, the ring, empty then, is left while
// the poller waits.
func (d *decoder) tryFill(fd uintptr) bool {
	if d.p == nil {
		if d.p, _ = d.ring.space(); d.p == nil {
			d.err = errStopped
			return true
		}
	}
	d.n, d.err = sockets.Read(int(fd), d.p)
	if d.err == unix.EAGAIN {
		d.p = nil
		if d.ring.pause() {
			d.err = errLookAgain
			return true
		}
		return false
	}
	if d.n > 0 {
		d.line.Pace.Moved()
	}
	return true
}

// patient says whether to go on after nothing came. A source is not to blame for
// its silence while the destination has not even taken what came before, which is
// so when its deadline passed between two reads.
func (d *decoder) patient(err error) bool {
	if err == nil {
		return true
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.ring.pause()
	if d.ring.drained() {
		d.line.Pace.Restart()
		return true
	}
	return d.line.Pace.Forgives(err)
}
