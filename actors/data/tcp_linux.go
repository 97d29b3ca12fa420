package data

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// unsentBytes is how much the kernel holds that the peer has not acknowledged.
func unsentBytes(conn *net.TCPConn) int {
	raw, err := conn.SyscallConn()
	if err != nil {
		return unknown
	}
	n := unknown
	if raw.Control(func(fd uintptr) { n = unsentOf(fd) }) != nil {
		return unknown
	}
	return n
}

func unsentOf(fd uintptr) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	if err != nil {
		return unknown
	}
	return n
}

// newsDelay estimates how long news on another connection of the same peer may
// be late: a round trip and its spread, at least a millisecond.
func newsDelay(conn *net.TCPConn) time.Duration {
	const least, most = time.Millisecond, 250 * time.Millisecond
	raw, err := conn.SyscallConn()
	if err != nil {
		return least
	}
	var info *unix.TCPInfo
	var ierr error
	err = raw.Control(func(fd uintptr) {
		info, ierr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || ierr != nil {
		return least
	}
	d := time.Duration(info.Rtt+4*info.Rttvar) * time.Microsecond
	if d < 10*time.Millisecond { // the first estimates on a fast path are mostly delayed acks
		d = least
	}
	return min(d, most)
}
