// Package sockets opens TCP connections and listeners the quick way. The
// standard library's ways work, but at thousands of data connections a second
// two of their habits cost milliseconds each: asking the kernel to find a free
// port among the remains of past connections, both for listening and, with a
// source address, for connecting.
package sockets

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
)

// Control sets options on a socket before it is connected.
type Control func(network, address string, c syscall.RawConn) error

// Dial connects to an endpoint. A source of the endpoint's family is used, one
// of the other family is left out, as it cannot reach the endpoint. With a
// control the caller decides about the socket's options, which are then without
// keep-alive probes.
func Dial(ctx context.Context, source netip.Addr, to netip.AddrPort, control Control) (*net.TCPConn, error) {
	d := net.Dialer{Control: control}
	d.SetMultipathTCP(false)
	if control != nil {
		d.KeepAlive = -1
	}
	// Without a source there must be no local address at all, not even a zero
	// one, which would be bound.
	if source = source.Unmap(); source.IsValid() && source.Is4() == to.Addr().Unmap().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		d.Control = func(network, address string, c syscall.RawConn) error {
			if control != nil {
				if err := control(network, address, c); err != nil {
					return err
				}
			}
			return lateBind(c)
		}
	}
	return dial(ctx, &d, to)
}

func dial(ctx context.Context, d *net.Dialer, to netip.AddrPort) (*net.TCPConn, error) {
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("connecting to %s: %T is no TCP connection", to, conn)
	}
	return tcp, nil
}

// portTries is how many random ports are tried before the kernel is asked.
const portTries = 16

// ListenAny listens on some free port of an address. It draws from the range
// that the system gives clients ports from: a bind to a named port takes
// microseconds, however many past connections linger, and the next port is no
// easy guess.
func ListenAny(ctx context.Context, ip netip.Addr) (*net.TCPListener, error) {
	low, high := portRange()
	for range portTries {
		ln, err := Listen(ctx, ip, low+uint16(rand.IntN(int(high-low)+1)))
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return ln, err
		}
	}
	return Listen(ctx, ip, 0)
}

// Listen listens on a port of an address; 0 lets the kernel choose.
func Listen(ctx context.Context, ip netip.Addr, port uint16) (*net.TCPListener, error) {
	ip = ip.Unmap()
	network := "tcp4"
	if ip.Is6() {
		network = "tcp6"
	}
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false) // data is spliced from plain TCP
	ln, err := lc.Listen(ctx, network, netip.AddrPortFrom(ip, port).String())
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("listening on %s: %T is no TCP listener", ip, ln)
	}
	return tcp, nil
}
