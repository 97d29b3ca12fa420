//go:build !linux

package sockets

import "golang.org/x/sys/unix"

// Read reads what is there. The error is unix.EAGAIN when nothing is.
func Read(fd int, p []byte) (int, error) {
	return again(func() (int, error) { return unix.Read(fd, p) })
}

// Write writes what fits. The error is unix.EAGAIN when nothing does.
func Write(fd int, p []byte) (int, error) {
	return again(func() (int, error) { return unix.Write(fd, p) })
}

// Peek looks for something to read and leaves it there; it needs a byte of scrap
// memory. The error is unix.EAGAIN when there is nothing, neither bytes nor an
// end. Any other error is told by the kernel this once.
func Peek(fd int, scrap []byte) error {
	_, err := again(func() (int, error) {
		n, _, err := unix.Recvfrom(fd, scrap, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n, err
	})
	return err
}

func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}
