package data

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"time"

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
