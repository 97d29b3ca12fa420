//go:build unix

// Package wire holds the non-blocking TCP sockets that the proving ground works with, as bare file
// descriptors. Both ends of a measurement (the backend and the load) share two cores with the gateway
// they measure, so they go without the runtime's poller and pay for one system call where net.Conn pays
// for three.
package wire

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Listen opens a non-blocking IPv4 listener. Port 0 lets the kernel choose; the address in use is
// returned. Accepted sockets inherit TCP_NODELAY, without which a 226 would wait for the
// acknowledgement of its 150.
func Listen(at netip.AddrPort, backlog int) (int, netip.AddrPort, error) {
	fd, err := socket()
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	bound, err := listen(fd, at, backlog)
	if err != nil {
		_ = unix.Close(fd)
		return -1, netip.AddrPort{}, fmt.Errorf("listen on %v: %w", at, err)
	}
	return fd, bound, nil
}

func listen(fd int, at netip.AddrPort, backlog int) (netip.AddrPort, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return netip.AddrPort{}, err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return netip.AddrPort{}, err
	}
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		return netip.AddrPort{}, err
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return netip.AddrPort{}, err
	}
	return localAddr(fd)
}

// Dial starts a non-blocking connect. A connection that is still being made is reported by the poller
// as writable when it stands and as readable with an error when it failed.
func Dial(to netip.AddrPort) (int, error) {
	fd, err := socket()
	if err != nil {
		return -1, err
	}
	err = unix.Connect(fd, sockaddr(to))
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", to, err)
	}
	return fd, nil
}

// Again reports that a socket has nothing to give or no room now.
func Again(err error) bool {
	return err != nil && (errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR))
}

// Close closes fd and sets it to -1, so that a second call does nothing.
func Close(fd *int) {
	if *fd >= 0 {
		_ = unix.Close(*fd)
		*fd = -1
	}
}

// Abort closes fd with a reset: what lies unsent or unread is thrown away.
func Abort(fd *int) {
	if *fd >= 0 {
		_ = unix.SetsockoptLinger(*fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		Close(fd)
	}
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func localAddr(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, err
	}
	v4, ok := sa.(*unix.SockaddrInet4)
	if !ok {
		return netip.AddrPort{}, unix.EAFNOSUPPORT
	}
	return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port)), nil
}
