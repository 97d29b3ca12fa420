//go:build !linux

package sockets

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// portRange is the range of RFC 6335 for ports without a fixed use.
func portRange() (low, high uint16) { return 49152, 65535 }

// share lets connections to different endpoints leave from one port. Elsewhere than
// on Linux SO_REUSEADDR alone is about those of the past.
func share(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

func lateBind(syscall.RawConn) error { return nil }
