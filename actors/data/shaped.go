package data

import (
	"io"
	"net"
	"sync"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
)

// A transfer that is more than bytes from here to there. On its way lie, each only
// if it is asked for:
//
//	source → TLS off → inflate │ gate → translate → deflate → TLS on → destination
//
// The bar is where a second goroutine takes over if there is much to be done before
// it; between the two lie a few portions of fixed size. What passes the gate is
// content: bytes of the file. A throttle or a limit alone, with no TLS, stays with
// the kernel's path.

// Translator rewrites a stream of text, such as a directory listing. It keeps but
// what its last line needs.
type Translator interface {
	Feed(p []byte)            // takes some of the source
	Append(dst []byte) []byte // appends what came of it
	End(dst []byte) []byte    // appends what is left at the end of the source
}

// Counts are the bytes of a transfer, TLS and its overhead not counted.
type Counts struct {
	Read    int64 // that the source sent
	Content int64 // of the file or listing, as the destination has it in the end
	Written int64 // that the destination's kernel took
}

// Counts may be asked for once TransferFinished was told.
func (c *Channel) Counts() Counts { return c.counts }

// shaped reports whether the bytes need to be seen.
func (c *Channel) shaped() bool {
	return c.cfg.Translate != nil || c.cfg.Front.Deflate > 0 || c.cfg.Back.Deflate > 0 ||
		c.gate != nil && c.secured != [2]*stage.Conn{}
}

const (
	// shapedSize is what is read at a time.
	shapedSize = 64 << 10
	// shapedPortions is how many such portions there are with two goroutines.
	shapedPortions = 3
	// translatedAtOnce is what a translator is fed with: its output may be several
	// times as much, and is kept until it is handed on.
	translatedAtOnce = 8 << 10
)

type portion struct {
	buf [shapedSize]byte
	n   int
}

// portions keeps them for reuse. The zero value is ready.
type portions struct{ pool sync.Pool }

func (s *portions) take() *portion {
	if p, ok := s.pool.Get().(*portion); ok {
		return p
	}
	return new(portion)
}

func (s *portions) give(p *portion) { s.pool.Put(p) }

// shaper is one such transfer at work.
type shaper struct {
	content io.Reader // what the source means
	in      *intake
	gate    *gate // nil: none
	text    Translator
	lines   []byte    // what the translator put out
	zlib    *deflater // nil: not compressed
	out     *outlet
	stock   *portions
	large   func() // called once when much has moved; nil: nobody cares
	passed  int64
}

// copyShaped is copy where bytes are changed, or measured under TLS.
func (c *Channel) copyShaped(dst, src *net.TCPConn, from messages.Side) *fault {
	s, release, f := c.newShaper(dst, src, from)
	defer release()
	if f != nil {
		return f
	}
	at, err := s.run()
	c.account(s)
	switch {
	case err == nil:
		return nil
	case at == writing:
		return c.copyFault(other(from), s.out.clock, err)
	}
	return c.copyFault(from, s.in.clock, err)
}

// newShaper puts together what a transfer asks for. What release does not give
// back is the deflater: the channel ends its stream when it is settled.
func (c *Channel) newShaper(dst, src *net.TCPConn, from messages.Side) (*shaper, func(), *fault) {
	to, pipes := other(from), c.cfg.Pipes
	s := &shaper{gate: c.gate, text: c.cfg.Translate, stock: &pipes.portions}
	processors := &loan{from: pipes.Processors}
	s.large = processors.borrow
	release := processors.giveBack
	var err error
	if s.in, err = newIntake(src, c.secured[from], c.leg(from).LaxClose, c.clock()); err != nil {
		return nil, release, &fault{from, messages.StageCopy, err}
	}
	s.content = s.in
	s.out = newOutlet(dst, c.secured[to], c.clock())
	if c.leg(from).Deflate > 0 {
		z := pipes.inflaters.take(s.in)
		s.content = z
		release = func() { processors.giveBack(); pipes.inflaters.give(z) }
	}
	if leg := c.leg(to); leg.Deflate > 0 {
		if s.zlib, err = pipes.deflaters.take(leg.Deflate, s.out.write); err != nil {
			return nil, release, &fault{to, messages.StageCopy, err}
		}
		c.deflater = s.zlib
	}
	return s, release, nil
}

func (c *Channel) account(s *shaper) {
	c.bytes = s.out.moved
	if s.zlib != nil {
		c.bytes = s.zlib.fed
	}
	c.counts = Counts{Read: s.in.took, Content: c.bytes, Written: s.out.moved}
	c.proven = s.in.proven
}

// run moves everything. It returns nil at the proper end of the source, with every
// byte handed to the destination but for the end of a compressed stream.
func (s *shaper) run() (at end, err error) {
	if s.in.tls == nil && s.content == io.Reader(s.in) {
		at, err = s.inTurn()
	} else {
		at, err = s.sideBySide()
	}
	if err != nil {
		return at, err
	}
	return writing, s.finish()
}

// inTurn reads and writes on one goroutine.
func (s *shaper) inTurn() (end, error) {
	p := s.stock.take()
	defer s.stock.give(p)
	for {
		n, err := s.content.Read(p.buf[:s.gate.portion(shapedSize)])
		if at, err := s.forward(p.buf[:n]); err != nil {
			return at, err
		}
		if err != nil {
			return reading, ignoreEOF(err)
		}
	}
}

// sideBySide has a goroutine of its own read. Whichever fails first, by a panic
// too, stops the other.
func (s *shaper) sideBySide() (at end, err error) {
	ahead := newReadahead(s)
	defer ahead.release()
	var wg conc.WaitGroup
	defer wg.Wait()
	wg.Go(ahead.run) // ends with the source, or by stop
	defer ahead.stop()
	for p := range ahead.full {
		at, err := s.forward(p.buf[:p.n])
		if broke := ahead.failure(); broke != nil {
			return reading, broke
		}
		if err != nil {
			return at, err
		}
		ahead.free <- p
	}
	return reading, ahead.verdict()
}

// forward takes content through the gate and on.
func (s *shaper) forward(p []byte) (at end, err error) {
	for len(p) > 0 {
		n, keep := len(p), len(p)
		var over error
		if s.gate != nil {
			if n, _, err = s.gate.await(n); err != nil {
				return reading, err
			}
			keep, over = s.gate.pass(n)
		}
		if err := s.translate(p[:keep]); err != nil {
			return writing, err
		}
		if over != nil {
			return reading, over
		}
		p = p[n:]
	}
	if s.large != nil && s.passed >= growAfterBytes {
		s.large()
		s.large = nil
	}
	return writing, nil
}

func (s *shaper) translate(p []byte) error {
	if s.text == nil {
		return s.emit(p)
	}
	for len(p) > 0 {
		n := min(len(p), translatedAtOnce)
		s.text.Feed(p[:n])
		s.lines = s.text.Append(s.lines[:0])
		if err := s.emit(s.lines); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (s *shaper) emit(p []byte) error {
	s.passed += int64(len(p))
	if s.zlib != nil {
		return s.zlib.feed(p)
	}
	return s.out.write(p)
}

// finish hands on what was kept back.
func (s *shaper) finish() error {
	if s.text != nil {
		if err := s.emit(s.text.End(s.lines[:0])); err != nil {
			return err
		}
	}
	if s.zlib != nil {
		return s.zlib.flush()
	}
	return nil
}
