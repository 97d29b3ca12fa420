package sockets

import (
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// portRange is net.ipv4.ip_local_port_range, read once.
var portRange = sync.OnceValues(func() (low, high uint16) {
	low, high = 32768, 60999
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return low, high
	}
	var l, h uint16
	if _, err := fmt.Sscan(string(b), &l, &h); err == nil && l >= 1024 && l < h {
		low, high = l, h
	}
	return low, high
})

// share lets connections to different endpoints leave from one port.
func share(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }

// lateBind lets the system choose the source port at connect time, so that one
// port can serve many destinations.
func lateBind(c syscall.RawConn) error {
	var serr error
	if err := c.Control(func(fd uintptr) {
		serr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}); err != nil {
		return err
	}
	return serr
}
