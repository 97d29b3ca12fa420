package data

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// secure does a side's TLS handshake, if there is to be one. It runs on a
// goroutine of its own, which takes the deep stack away with it that this needs.
func (c *Channel) secure(ctx context.Context, side messages.Side, leg Leg, conn *net.TCPConn) *fault {
	if leg.Secure == nil {
		return nil
	}
	var wg conc.WaitGroup
	var err error
	wg.Go(func() { c.secured[side], err = leg.Secure(ctx, conn) })
	wg.Wait()
	if err != nil {
		return c.blame(ctx, &fault{side, messages.StageSecure, fmt.Errorf("TLS handshake on the data connection: %w", err)})
	}
	return nil
}

// copySecured is copy where a side has TLS. Each side is watched by a clock of
// its own there.
func (c *Channel) copySecured(dst, src *net.TCPConn, from messages.Side) *fault {
	in, out := c.clock(), c.clock()
	in.src, out.dst = src, dst
	job := stage.Job{
		From: stage.Line{TCP: src, TLS: c.secured[from], Pace: in, Lax: c.leg(from).LaxClose},
		To:   stage.Line{TCP: dst, TLS: c.secured[other(from)], Pace: out},
	}
	if p := c.cfg.Pipes.Processors; p != nil {
		borrowed := false
		job.Large = func() { p.Borrow(); borrowed = true }
		defer func() {
			if borrowed {
				p.Return()
			}
		}()
	}
	done := c.cfg.Pipes.rings.Relay(job)
	c.bytes, c.proven = done.Moved, done.Proven
	switch {
	case done.Err == nil:
		return nil
	case done.At == stage.Writing:
		return c.copyFault(other(from), out, done.Err)
	}
	return c.copyFault(from, in, done.Err)
}

func (c *Channel) clock() *stallClock {
	return &stallClock{limit: c.cfg.Stalled, aborted: &c.aborted, unsent: unknown}
}

func (c *Channel) leg(side messages.Side) *Leg {
	if side == messages.FrontSide {
		return &c.cfg.Front
	}
	return &c.cfg.Back
}

// answerEnd tells a source that said its end ours. Nothing depends on it.
func (c *Channel) answerEnd(ctx context.Context, side messages.Side) {
	_ = c.sayEnd(ctx, side)
}

// sayEnd sends a side's close_notify, which like all bytes before it may have to
// wait for room.
func (c *Channel) sayEnd(ctx context.Context, side messages.Side) error {
	conn := c.secured[side]
	if conn == nil {
		return nil
	}
	clock := &farewell{stallClock: c.clock()}
	clock.dst = conn.TCP()
	return conn.Finish(clock)
}

// farewell is the clock of a close_notify. An abort must not undo an end that has
// been settled, so it leaves a moment for it.
type farewell struct {
	*stallClock
	until time.Time
}

const farewellTime = 200 * time.Millisecond

func (f *farewell) Restart() {
	f.stallClock.Restart()
	f.grant()
}

func (f *farewell) Forgives(err error) bool {
	if !f.aborted.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return f.forgives(err)
	}
	return f.grant()
}

// grant gives an aborted connection its moment, again if the abort comes in
// between.
func (f *farewell) grant() bool {
	if !f.aborted.Load() {
		return false
	}
	if f.until.IsZero() {
		f.until = time.Now().Add(farewellTime)
	}
	if !time.Now().Before(f.until) {
		return false
	}
	_ = f.dst.SetWriteDeadline(f.until)
	return true
}

// partTime bounds the wait for a client's end after ours.
const partTime = 2 * time.Second

// part waits for the client's end of a download over TLS. A connection closed
// with its close_notify unread, or still to come, is reset, and there are systems
// where that takes away what the client has not read yet.
func (c *Channel) part(ctx context.Context) {
	if !c.parting {
		return
	}
	conn := c.front
	defer closeConn(conn)
	stop := context.AfterFunc(ctx, func() { expire(conn) })
	defer stop()
	_ = conn.SetReadDeadline(time.Now().Add(partTime))
	if ctx.Err() != nil { // the deadline just set may have overtaken the expiry
		expire(conn)
	}
	var scrap [512]byte
	for {
		if _, err := conn.Read(scrap[:]); err != nil {
			break
		}
	}
	discard(conn)
}

// discard takes away what lies there unread, of a peer that may send for ever
// not everything.
func discard(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	var scrap [4 << 10]byte
	_ = raw.Control(func(fd uintptr) { // fails only on a closed one
		for range 64 {
			if n, err := sockets.Read(int(fd), scrap[:]); n <= 0 || err != nil {
				return
			}
		}
	})
}
