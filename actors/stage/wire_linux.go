package stage

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// send writes what fits. The error is unix.EAGAIN when nothing does. With more,
// the kernel may keep back what does not fill a segment, so that the records of
// one buffer leave in segments as large as they can be. Like runtime/sockets it
// does not tell the scheduler, as it never waits.
func send(fd int, p []byte, more bool) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	flags := uintptr(unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL)
	if more {
		flags |= unix.MSG_MORE
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}
