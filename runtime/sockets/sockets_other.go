//go:build !linux

package sockets

import "syscall"

// portRange is the range of RFC 6335 for ports without a fixed use.
func portRange() (low, high uint16) { return 49152, 65535 }

func lateBind(syscall.RawConn) error { return nil }
