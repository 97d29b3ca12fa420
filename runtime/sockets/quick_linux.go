package sockets

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// These are socket calls rather than read(2) and write(2), which pass through
// the layer of files first. They never wait in non-blocking mode, so the
// scheduler is not told of them. Telling it costs little each time, but on a
// busy machine it takes the processor away from a thread that the kernel has
// preempted in mid call, and starts another in its place.

// Read reads what is there. The error is unix.EAGAIN when nothing is.
func Read(fd int, p []byte) (int, error) { return raw(unix.SYS_RECVFROM, fd, p, unix.MSG_DONTWAIT) }

// Write writes what fits. The error is unix.EAGAIN when nothing does.
func Write(fd int, p []byte) (int, error) {
	return raw(unix.SYS_SENDTO, fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// Peek looks for something to read and leaves it there; it needs a byte of scrap
// memory. The error is unix.EAGAIN when there is nothing, neither bytes nor an
// end. Any other error is told by the kernel this once.
func Peek(fd int, scrap []byte) error {
	_, err := raw(unix.SYS_RECVFROM, fd, scrap, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err
}

func raw(call uintptr, fd int, p []byte, flags uintptr) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}
