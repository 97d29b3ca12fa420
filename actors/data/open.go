package data

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// open brings up both connections. A passive backend is connected to at once,
// since it may wait for that before it says 150; the rest follows its 150, its
// TLS handshake, too: a refused command has none.
func (c *Channel) open(ctx context.Context) *fault {
	var err error
	if c.cfg.Back.Listener == nil {
		if c.back, err = connect(ctx, c.cfg.Back, c.cfg.ConnectTimeout); err != nil {
			return c.blame(ctx, &fault{messages.BackSide, messages.StageOpen, err})
		}
		c.note(messages.BackSide, "passive", c.back)
	}
	select {
	case <-c.proceed:
	case <-ctx.Done():
		return &fault{messages.BackSide, messages.StageAbort, ErrAborted}
	}
	if c.cfg.Back.Listener != nil {
		if c.back, err = c.accept(ctx, c.cfg.Back); err != nil {
			return c.blame(ctx, &fault{messages.BackSide, messages.StageOpen, err})
		}
		c.note(messages.BackSide, "active", c.back)
	}
	if f := c.secure(ctx, messages.BackSide, c.cfg.Back, c.back); f != nil {
		return f
	}
	how := "active"
	if c.cfg.Front.Listener != nil {
		how = "passive"
		c.front, err = c.accept(ctx, c.cfg.Front)
	} else {
		c.front, err = c.reach(ctx)
	}
	if err != nil {
		return c.blame(ctx, &fault{messages.FrontSide, messages.StageOpen, err})
	}
	c.note(messages.FrontSide, how, c.front)
	return c.secure(ctx, messages.FrontSide, c.cfg.Front, c.front)
}

func (c *Channel) note(side messages.Side, how string, conn *net.TCPConn) {
	e := c.cfg.Log.Debug()
	if e == nil {
		return
	}
	e.Msgf("%s %s data connection opened - local  : %s, remote : %s", how, side, conn.LocalAddr(), conn.RemoteAddr())
}

// accept waits for the peer that the listener was opened for. Whoever else
// comes first is turned away and costs the peer nothing (RFC 2577 §3).
func (c *Channel) accept(ctx context.Context, leg Leg) (*net.TCPConn, error) {
	ln := leg.Listener
	defer ln.Close()
	if err := ln.SetDeadline(time.Now().Add(c.cfg.OpenTimeout)); err != nil {
		return nil, fmt.Errorf("accepting data connection on %s: %w", ln.Addr(), err)
	}
	stop := context.AfterFunc(ctx, func() { _ = ln.SetDeadline(past) })
	defer stop()
	for {
		conn, err := ln.AcceptTCP()
		if err != nil {
			return nil, fmt.Errorf("accepting data connection on %s: %w", ln.Addr(), err)
		}
		breakOff(conn)
		peer := c.guest(ctx, leg, conn)
		if peer.IsValid() && leg.Welcome != nil && leg.Welcome(peer) {
			return conn, nil
		}
		c.cfg.Log.Warn().Stringer("peer", peer).Stringer("port", ln.Addr()).
			Msg("stranger on a data port turned away")
		closeConn(conn)
	}
}

// guest is who has connected: the peer, or whom it connects for. Not valid: a
// balancer that did not say.
func (c *Channel) guest(ctx context.Context, leg Leg, conn *net.TCPConn) netip.Addr {
	peer := peerOf(conn)
	if leg.Balancer == nil || !leg.Balancer(peer) {
		return peer
	}
	h, err := sockets.Introduced(ctx, conn, min(sockets.HeaderTime, c.cfg.OpenTimeout))
	if err == nil && h.Known() {
		return h.Source.Addr()
	}
	c.cfg.Log.Warn().Err(err).Stringer("balancer", peer).Msg("balancer on a data port named no client")
	return netip.Addr{}
}

func peerOf(conn *net.TCPConn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// past is a deadline that has been reached.
var past = time.Unix(1, 0)

func expire(conn *net.TCPConn) { _ = conn.SetDeadline(past) } // fails only on a closed one

func closeConn(conn *net.TCPConn) {
	if conn != nil {
		_ = conn.Close() // nothing is buffered here, so nothing can be lost by it
	}
}

// reason is the text of an error that is safe to show a client: the system's
// words for it, never an address of the inside.
func reason(err error) string {
	var errno syscall.Errno
	var timeout net.Error
	switch {
	case errors.Is(err, stage.ErrNotResumed):
		return "Operation not permitted"
	case errors.Is(err, stage.ErrNoCloseNotify):
		return "Connection closed without TLS close_notify"
	case errors.As(err, &errno):
		s := []byte(errno.Error())
		if len(s) > 0 && 'a' <= s[0] && s[0] <= 'z' {
			s[0] -= 'a' - 'A'
		}
		return string(s)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "Connection timed out"
	}
	return "Input/output error"
}
