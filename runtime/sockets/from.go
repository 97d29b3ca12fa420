package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// DialFrom connects to an endpoint from a port of our own choice, as Dial does from
// any. The port is shared: a connection takes it from no other, as long as their
// endpoints differ. Unavailable reports whether an error is about the port.
func DialFrom(ctx context.Context, from, to netip.AddrPort, control Control) (*net.TCPConn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))}
	d.SetMultipathTCP(false)
	if control != nil {
		d.KeepAlive = -1
	}
	d.Control = func(network, address string, c syscall.RawConn) error {
		if control != nil {
			if err := control(network, address, c); err != nil {
				return err
			}
		}
		var serr error
		if err := c.Control(func(fd uintptr) { serr = share(int(fd)) }); err != nil {
			return err
		}
		return serr
	}
	return dial(ctx, &d, to)
}

// Unavailable reports whether a connection failed because it could not leave from
// the port that it should have: somebody listens there, an earlier connection to the
// same endpoint has not been forgotten yet, or it is for the privileged.
func Unavailable(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL) || Forbidden(err)
}

// Forbidden reports whether it is a lack of privileges.
func Forbidden(err error) bool {
	return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}

// MayLeaveFrom finds out whether connections may leave from a port. It binds a
// socket to it for a moment; a port that is taken may be used, too.
func MayLeaveFrom(port uint16) error {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return fmt.Errorf("trying port %d: %w", port, err)
	}
	defer func() { _ = unix.Close(fd) }() // it was for the bind alone
	err = share(fd)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port)})
	}
	if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("leaving from port %d: %w", port, err)
	}
	return nil
}
