//go:build unix && !linux

package wire

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func socket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, fmt.Errorf("open a socket: %w", err)
	}
	return fd, prepare(fd)
}

// Accept takes one waiting connection, non-blocking; see Again for an empty queue.
func Accept(listener int) (int, error) {
	fd, _, err := unix.Accept(listener)
	if err != nil {
		return -1, err
	}
	return fd, prepare(fd)
}

func prepare(fd int) error {
	unix.CloseOnExec(fd)
	return unix.SetNonblock(fd, true)
}
