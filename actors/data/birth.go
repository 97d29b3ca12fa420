package data

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// A data connection is born broken: whatever closes it, from a cancelled dial
// to the death of this process, resets it, which nobody can take for an end.
// Only mend, ahead of a proper end, makes a close one.

// connect dials a leg's peer. The socket is broken from before it connects,
// since a dial cancelled at the last moment is a connection to the peer.
func connect(ctx context.Context, leg Leg, limit time.Duration) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	d := net.Dialer{KeepAlive: -1, Control: bornBroken}
	d.SetMultipathTCP(false) // splice knows plain TCP only
	// A source of the other family cannot reach the peer; the system's choice
	// can. Without a source there is no local address, as a zero one is bound.
	if source := leg.Source.Unmap(); source.IsValid() && source.Is4() == leg.Addr.Addr().Unmap().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		d.Control = bornBrokenAndBoundLate
	}
	conn, err := d.DialContext(ctx, "tcp", leg.Addr.String())
	if err != nil {
		return nil, fmt.Errorf("connecting data connection to %s: %w", leg.Addr, err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("connecting data connection to %s: %T is no TCP connection", leg.Addr, conn)
	}
	return tcp, nil
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

func bornBrokenAndBoundLate(network, address string, c syscall.RawConn) error {
	return errors.Join(bornBroken(network, address, c), lateBind(network, address, c))
}

// breakOff makes an accepted connection like a dialled one. It fails only on a
// closed one.
func breakOff(conn *net.TCPConn) { _ = conn.SetLinger(0) }

// mend lets a close be a proper end. If it fails, a reset is the safer end.
func mend(conn *net.TCPConn) { _ = conn.SetLinger(-1) }
