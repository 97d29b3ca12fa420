package data

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// A data connection is born broken: whatever closes it, from a cancelled dial
// to the death of this process, resets it, which nobody can take for an end.
// Only mend, ahead of a proper end, makes a close one.

// connect dials a leg's peer. The socket is broken from before it connects,
// since a dial cancelled at the last moment is a connection to the peer.
func connect(ctx context.Context, leg Leg, limit time.Duration) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := sockets.Dial(ctx, leg.Source, leg.Addr, bornBroken)
	if err != nil {
		return nil, fmt.Errorf("connecting data connection to %s: %w", leg.Addr, err)
	}
	return conn, nil
}

// reach connects to an active client, from the port that it may expect (RFC 959
// §3.2). A client whose firewall insists on that can be no worse off with another
// one than with none.
func (c *Channel) reach(ctx context.Context) (*net.TCPConn, error) {
	leg := c.cfg.Front
	if leg.Port == 0 || !leg.Source.IsValid() {
		return connect(ctx, leg, c.cfg.OpenTimeout)
	}
	bounded, cancel := context.WithTimeout(ctx, c.cfg.OpenTimeout)
	defer cancel()
	conn, err := sockets.DialFrom(bounded, netip.AddrPortFrom(leg.Source, leg.Port), leg.Addr, bornBroken)
	switch {
	case err == nil:
		return conn, nil
	case !sockets.Unavailable(err):
		return nil, fmt.Errorf("connecting data connection to %s from port %d: %w", leg.Addr, leg.Port, err)
	}
	level := zerolog.WarnLevel
	if sockets.Forbidden(err) { // which was told at the start
		level = zerolog.DebugLevel
	}
	c.cfg.Log.WithLevel(level).Err(err).Msgf("active data connection cannot leave from port %d, taking any", leg.Port)
	return connect(ctx, leg, c.cfg.OpenTimeout)
}

func bornBroken(_, _ string, c syscall.RawConn) error {
	var serr error
	if err := c.Control(func(fd uintptr) {
		serr = syscall.SetsockoptLinger(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	}); err != nil {
		return err
	}
	return serr
}

// breakOff makes an accepted connection like a dialled one. It fails only on a
// closed one.
func breakOff(conn *net.TCPConn) { _ = conn.SetLinger(0) }

// mend lets a close be a proper end. If it fails, a reset is the safer end.
func mend(conn *net.TCPConn) { _ = conn.SetLinger(-1) }
