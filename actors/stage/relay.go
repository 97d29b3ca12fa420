package stage

import (
	"errors"
	"io"
	"net"

	"github.com/sourcegraph/conc"
)

// A relay of bulk data with TLS on one side or both. Its rules:
//
//   - Two stages, each a goroutine of its own, so that one stream has two
//     processors: one reads and decrypts, the other encrypts and writes. Where
//     nothing is to be decrypted, one goroutine does both in turn.
//   - Between them lies one buffer of fixed size. A full one is the
//     back-pressure; an empty one is given back while nothing comes.
//   - A break of either side stops the other at once. The relay closes nothing
//     and sends no close_notify: what an end means is not for it to say.

// Line is one side of a relay: TLS, or the bytes of TCP as they are.
type Line struct {
	TCP  *net.TCPConn
	TLS  *Conn // nil: plain
	Pace Pace
	Lax  bool // a source may end without close_notify, between two records
}

// Pace watches over one side of a relay. Deadlines are hints to it: whether one
// that passed is the end is its decision. The one goroutine that has the side
// calls it, except for Halt.
type Pace interface {
	Restart()                // from now on something is waited for
	Moved()                  // bytes passed to or from the kernel
	Full(fd uintptr)         // the kernel takes no more at present
	Forgives(err error) bool // whether to go on after the error of a wait
	Halt()                   // whoever waits stops, now and from now on, and is not forgiven
}

// Job is one relay.
type Job struct {
	From, To Line
	Large    func() // called once when much has moved; nil: nobody cares
}

// largeAfter is how many bytes make a transfer a large one.
const largeAfter = 1 << 20

// End is the side of a relay at which it broke.
type End bool

// The two ends.
const (
	Reading End = false
	Writing End = true
)

// Outcome is what became of a relay.
type Outcome struct {
	Moved  int64 // bytes in clear that the destination's kernel took
	Err    error // nil: the source ended properly, and the kernel has everything
	At     End   // where Err happened
	Proven bool  // the end was told by a close_notify, which nobody else can
}

// errStopped is what a stage says that ended because the other did, or that
// crashed.
var errStopped = errors.New("a stage of the relay has ended")

// Relay moves all bytes from one line to the other. What lies between the stages
// is lent by rings.
func (r *Rings) Relay(job Job) Outcome {
	rg := newRing(r)
	in, err := newDecoder(job.From, rg)
	if err != nil {
		return Outcome{Err: err, At: Reading}
	}
	out, err := newEncoder(job.To, rg, job.Large)
	if err != nil {
		return Outcome{Err: err, At: Writing}
	}
	job.From.heed(job.From.Pace)
	job.To.heed(job.To.Pace)
	defer job.From.heed(nil)
	defer job.To.heed(nil)
	if job.From.TLS == nil {
		oneStage(rg, in, out)
	} else {
		twoStages(job, rg, in, out)
	}
	at, failed := rg.verdict()
	return Outcome{Moved: out.moved, Err: failed, At: at, Proven: failed == nil && in.proven()}
}

// twoStages returns when both have ended. Whichever fails first, by a panic too,
// stops the other.
func twoStages(job Job, rg *ring, in *decoder, out *encoder) {
	defer rg.release()
	var wg conc.WaitGroup
	defer wg.Wait()
	wg.Go(func() { // ends with its source, or by its pace's Halt
		err := errStopped
		defer func() {
			if err == nil {
				rg.end()
			} else if rg.fail(Reading, err) {
				job.To.Pace.Halt()
			}
		}()
		err = in.run()
	})
	err := errStopped
	defer func() {
		if err != nil && rg.fail(Writing, err) {
			job.From.Pace.Halt()
		}
	}()
	err = out.run()
}

// oneStage reads and writes in turn. Reading in clear costs little beside
// encryption, and less than to wake another goroutine's thread for it: in two
// stages, on two processors that load and backend shared, one stream cost a third
// more processor time for each gibibyte, and was slower by a quarter.
func oneStage(rg *ring, in *decoder, out *encoder) {
	defer rg.release()
	in.line.Pace.Restart()
	for {
		p, _ := rg.space()
		n, err := in.plain(p)
		switch {
		case n > 0:
			rg.filled(n)
			rg.pause()
		case errors.Is(err, io.EOF):
			rg.end()
			return
		case in.patient(err): // not waited for anew: its pace has said how long it may still take
			continue
		default:
			rg.fail(Reading, err)
			return
		}
		out.line.Pace.Restart()
		if err := out.drain(); err != nil {
			rg.fail(Writing, err)
			return
		}
		in.line.Pace.Restart()
	}
}

// heed has the side's own layer ask the pace, too.
func (l *Line) heed(p Pace) {
	if l.TLS != nil {
		l.TLS.wire.pace, l.TLS.wire.out.pace, l.TLS.wire.lax = p, p, l.Lax && p != nil
	}
}
