//go:build !linux

package data

import (
	"net"
	"time"
)

type pipeStock struct{}

func newPipeStock() pipeStock { return pipeStock{} }

func (pipeStock) close() {}

// relay has no kernel path here.
func (c *Channel) relay(dst, src *net.TCPConn, clock *stallClock) (moved int64, at end, err error) {
	return c.relayCopy(dst, src, clock)
}

func unsentBytes(*net.TCPConn) int { return unknown }

func unsentOf(uintptr) int { return unknown }

func newsDelay(*net.TCPConn) time.Duration { return 5 * time.Millisecond }
