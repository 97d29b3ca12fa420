// Package socketstest gives tests what they need of the loopback network:
// connections, addresses where nobody answers, and a word on what a machine lacks.
package socketstest

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// GiveUp ends a test that misses something of the machine: it is skipped, but
// fails where the variable CI is set, for nothing may go untested there.
func GiveUp(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s, and CI must not pass without it", why)
	}
	t.Skip(why)
}

// NeedIPv6 gives up where ::1 is no address of this machine.
func NeedIPv6(t testing.TB) {
	t.Helper()
	ln, err := net.ListenTCP("tcp6", &net.TCPAddr{IP: net.IPv6loopback})
	if err != nil {
		GiveUp(t, "there is no IPv6 loopback here")
		return
	}
	_ = ln.Close()
}

// Pair is two ends of one TCP connection, closed when the test ends.
func Pair(t testing.TB) (dialled, accepted *net.TCPConn) {
	t.Helper()
	dialled, accepted = UnownedPair(t)
	t.Cleanup(func() { _ = dialled.Close(); _ = accepted.Close() })
	return dialled, accepted
}

// UnownedPair is a Pair for loops, whose ends the test itself closes.
func UnownedPair(t testing.TB) (dialled, accepted *net.TCPConn) {
	t.Helper()
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	at, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%v is no address of TCP", ln.Addr())
	}
	if dialled, err = net.DialTCP("tcp4", nil, at); err != nil {
		t.Fatal(err)
	}
	if accepted, err = ln.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

// Refused is an address where nobody listens any more.
func Refused(t testing.TB) netip.AddrPort {
	t.Helper()
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return netip.MustParseAddrPort(ln.Addr().String())
}

// Blackhole is an address whose listener has no room for one more connection:
// the system answers nothing then.
func Blackhole(t testing.TB) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	own, ok := name.(*unix.SockaddrInet4)
	if !ok {
		t.Fatalf("%v is no address of IPv4", name)
	}
	at := netip.AddrPortFrom(netip.AddrFrom4(own.Addr), uint16(own.Port))
	short := net.Dialer{Timeout: 200 * time.Millisecond}
	for range 8 {
		conn, err := short.DialContext(t.Context(), "tcp4", at.String())
		if err != nil {
			return at
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	GiveUp(t, "this system's backlog of 0 holds more than 8 connections")
	return at
}
