package embedded

import (
	"net"

	"golang.org/x/sys/unix"
)

// controlAlive looks, without reading, whether the client's end of the control
// connection is still open: its end may have arrived together with that of the
// data, before the reader could tell.
func controlAlive(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	alive := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		for {
			n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			if err == unix.EINTR {
				continue
			}
			alive = n > 0 || err == unix.EAGAIN
			return
		}
	})
	return err == nil && alive
}
