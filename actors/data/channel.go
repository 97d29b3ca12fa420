// Package data is the data-channel actor: one transfer's two data connections,
// from opening to closing. It opens both sides, relays, and reports; what a
// report means is decided by the session.
//
// The rules it keeps:
//
//   - Nothing is closed properly that did not end properly. A break on one side
//     is a reset on the other, never an end of file.
//   - The end of the source alone closes nothing: the session settles it.
//   - Only the peer that a listener was meant for is accepted on it.
//   - Bytes between two TCP connections stay in the kernel (fastpath_linux.go)
//     as long as it has a pipe to lend. Where TLS is on a side they pass through
//     the two stages of a stage.Relay (secure.go); where they are changed, or
//     measured under TLS, through a chain of our own (shaped.go).
package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// Config is what one transfer needs. The channel owns the listeners from New
// on and closes them.
type Config struct {
	Transfer uint32
	Upload   bool // from the client's side to the backend's
	Front    Leg
	Back     Leg

	ConnectTimeout time.Duration // for the backend's data connection; 0: OpenTimeout
	OpenTimeout    time.Duration // for all other opening; 0 means 30 s
	Stalled        time.Duration // no byte for so long ends the transfer; 0: never

	Rate      Rate       // zero: as fast as may be
	MaxBytes  int64      // of content; one more is the *SizeError of a break. 0: no limit
	Translate Translator // between the legs' content; nil: it stays as it is

	Pipes *Pipes // shared by all channels
	Tell  mailbox.Mailbox[messages.ToSession]
	Log   zerolog.Logger
}

// Leg says how one side's connection comes about.
type Leg struct {
	Listener *net.TCPListener      // accept here, or, if nil,
	Addr     netip.AddrPort        // connect to this
	Source   netip.Addr            // … from this address; zero: as the system likes
	Port     uint16                // … and this port, or any if it cannot be had; 0: any
	Welcome  func(netip.Addr) bool // who may connect to the listener; nil: nobody
	// Balancer tells who connects for others. Such a peer has to begin with a PROXY
	// header, and whom that names has to be welcome; nil: nobody.
	Balancer func(netip.Addr) bool

	// Secure does the TLS handshake; nil: in clear. It ends within a limit of its
	// own, or with its context, and never closes the connection.
	Secure   func(context.Context, *net.TCPConn) (*stage.Conn, error)
	LaxClose bool // an end without close_notify is none the less an end

	// Deflate is the level, from 1 to 9, of MODE Z on this leg; 0: MODE S. What
	// comes from a source is inflated whatever its level.
	Deflate int
}

// Channel is the actor. Proceed, Settle and the context steer it; it reports
// messages.DataEnded and messages.TransferFinished to the session.
type Channel struct {
	cfg     Config
	proceed chan struct{}
	settle  chan bool

	front, back *net.TCPConn
	secured     [2]*stage.Conn // by side; nil: in clear
	parting     bool           // nothing but the client's end is awaited
	proven      bool           // the source's end was a close_notify
	bytes       int64
	told        bool // the end of a compressed stream was
	counts      Counts
	done        <-chan struct{} // closed by an abort; nil: there is none
	gate        *gate           // nil: everything may pass at once
	deflater    *deflater       // whose stream is to be ended; nil: none
	aborted     atomic.Bool
}

// New returns a channel that Run brings to life.
func New(cfg Config) *Channel {
	if cfg.OpenTimeout <= 0 {
		cfg.OpenTimeout = 30 * time.Second
	}
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = cfg.OpenTimeout
	}
	return &Channel{cfg: cfg, proceed: make(chan struct{}, 1), settle: make(chan bool, 1)}
}

func (c *Channel) String() string { return fmt.Sprintf("data channel %d", c.cfg.Transfer) }

// Proceed lets the channel open what the backend's 1xx reply has to precede.
// Only the first call counts.
func (c *Channel) Proceed() { poke(c.proceed, struct{}{}) }

// Settle answers messages.DataEnded: close the destination as a proper end or
// as a break. Only the first call counts.
func (c *Channel) Settle(clean bool) { poke(c.settle, clean) }

func poke[T any](ch chan T, v T) {
	select {
	case ch <- v:
	default:
	}
}

// longestEnd bounds the wait for a backend's close when no stall is defined.
const longestEnd = time.Hour

// ErrAborted is the error of a transfer that its session broke off.
var ErrAborted = errors.New("transfer aborted by the session")

// fault is an error with the place where it happened.
type fault struct {
	side  messages.Side
	stage messages.Stage
	err   error
}

// Run carries the transfer out. Its error is always nil: what went wrong is in
// the report, which is sent when all sockets are closed. Only a client that got
// everything over TLS is still given the time to say goodbye then.
func (c *Channel) Run(ctx context.Context) error {
	f := c.transfer(ctx)
	if f != nil {
		c.awaitFirstWord()
	}
	c.closeAll(f == nil)
	if c.deflater != nil {
		c.cfg.Pipes.deflaters.give(c.deflater)
	}
	done := messages.TransferFinished{Transfer: c.cfg.Transfer, Bytes: c.bytes}
	if f != nil {
		done.Err, done.Side, done.Stage = f.err, f.side, f.stage
		done.Reason = reason(f.err)
	}
	// Not with ctx, which an abort has ended: the session waits for this
	// report, and retires its mailbox when it no longer does.
	err := c.cfg.Tell.Send(context.WithoutCancel(ctx), done)
	c.part(ctx)
	return ignoreGone(err)
}

func ignoreGone(err error) error {
	if errors.Is(err, mailbox.ErrGone) {
		return nil
	}
	return err
}

func (c *Channel) transfer(ctx context.Context) *fault {
	if f := c.open(ctx); f != nil {
		return f
	}
	// An abort wakes whatever waits on the sockets.
	stop := context.AfterFunc(ctx, func() {
		c.aborted.Store(true)
		expire(c.front)
		expire(c.back)
	})
	defer stop()
	c.done = ctx.Done()

	src, dst, from := c.back, c.front, messages.BackSide
	if c.cfg.Upload {
		src, dst, from = c.front, c.back, messages.FrontSide
	}
	if f := c.copy(dst, src, from); f != nil {
		return c.blame(ctx, f)
	}
	ended := messages.DataEnded{Transfer: c.cfg.Transfer, Bytes: c.bytes}
	if !c.proven {
		ended.Settle = newsDelay(src)
	}
	c.answerEnd(ctx, from)
	mend(src)
	closeConn(src)
	if err := c.cfg.Tell.Send(ctx, ended); err != nil {
		return c.blame(ctx, &fault{from, messages.StageAbort, err})
	}
	if !c.settledClean(ctx) {
		return &fault{from, messages.StageAbort, ErrAborted}
	}
	return c.finish(ctx, dst)
}

// settledClean waits for the session's word. An abort that follows a settlement
// does not undo it: the session only has no more use for the details.
func (c *Channel) settledClean(ctx context.Context) bool {
	select {
	case clean := <-c.settle:
		return clean
	case <-ctx.Done():
	}
	select {
	case clean := <-c.settle:
		return clean
	default:
		return false
	}
}

// blame says whose fault an error is: with an ended context, the abort's.
func (c *Channel) blame(ctx context.Context, f *fault) *fault {
	if ctx.Err() != nil {
		return &fault{f.side, messages.StageAbort, ErrAborted}
	}
	return f
}

// finish closes the destination properly. After an upload it waits for the
// backend to close too, which a server does when it has read everything; a
// reset instead means that it has not.
func (c *Channel) finish(ctx context.Context, dst *net.TCPConn) *fault {
	if err := c.lastWords(ctx, dst); err != nil && !c.satisfied(err) {
		return c.blame(ctx, &fault{c.destination(), messages.StageCopy, fmt.Errorf("ending the stream on the data connection: %w", err)})
	}
	if err := dst.CloseWrite(); err != nil && !c.satisfied(err) {
		return c.blame(ctx, &fault{c.destination(), messages.StageCopy, fmt.Errorf("closing data connection: %w", err)})
	}
	if c.cfg.Upload {
		return c.awaitEnd(ctx, dst)
	}
	if c.secured[messages.FrontSide] != nil {
		c.parting = true
	}
	return nil
}

// awaitEnd reads until the peer closes; what it sends is of no interest, but for
// the TLS sessions that it may hand out. It may take as long as a stall may, anew
// whenever it took some of what is still on its way. An abort ends it at once:
// nobody needs to see the peer close then.
func (c *Channel) awaitEnd(ctx context.Context, conn *net.TCPConn) *fault {
	limit := c.cfg.Stalled
	if limit <= 0 {
		limit = longestEnd
	}
	clock := &stallClock{limit: limit, dst: conn, src: conn, aborted: &c.aborted}
	clock.start()
	clock.unsent = unsentBytes(conn)
	read := conn.Read
	if tls := c.secured[messages.BackSide]; tls != nil {
		read = tls.Read
	}
	var scrap [512]byte
	for {
		_, err := read(scrap[:])
		switch {
		case err == nil, clock.forgives(err):
			continue
		case ctx.Err() != nil, errors.Is(err, io.EOF), errors.Is(err, stage.ErrNoCloseNotify):
			return nil
		}
		f := &fault{messages.BackSide, messages.StageCopy, fmt.Errorf("waiting for the backend to close its data connection: %w", err)}
		if clock.stalled(err) {
			f.stage = messages.StageStall
		}
		return f
	}
}

func (c *Channel) destination() messages.Side {
	if c.cfg.Upload {
		return messages.BackSide
	}
	return messages.FrontSide
}

func (c *Channel) closeAll(clean bool) {
	for _, leg := range []*Leg{&c.cfg.Front, &c.cfg.Back} {
		if leg.Listener != nil {
			_ = leg.Listener.Close() // a second close is harmless
		}
	}
	for _, conn := range []*net.TCPConn{c.front, c.back} {
		if clean {
			mend(conn)
		}
		if conn != c.front || !c.parting {
			closeConn(conn)
		}
	}
}
