package data

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
)

// copy moves all bytes from src to dst. It returns nil at the proper end of
// src, with every byte handed to dst.
func (c *Channel) copy(dst, src *net.TCPConn, from messages.Side) *fault {
	c.gate = newGate(&c.cfg, c.done)
	if c.shaped() {
		return c.copyShaped(dst, src, from)
	}
	f := c.copyAsIs(dst, src, from)
	c.counts = Counts{Read: c.bytes, Content: c.bytes, Written: c.bytes}
	return f
}

// copyAsIs leaves every byte as it is.
func (c *Channel) copyAsIs(dst, src *net.TCPConn, from messages.Side) *fault {
	if c.secured != [2]*stage.Conn{} {
		return c.copySecured(dst, src, from)
	}
	clock := &stallClock{limit: c.cfg.Stalled, dst: dst, src: src, aborted: &c.aborted}
	clock.start()
	n, side, err := c.relay(dst, src, clock)
	c.bytes = n
	if err == nil {
		return nil
	}
	if side == writing {
		return c.copyFault(other(from), clock, err)
	}
	return c.copyFault(from, clock, err)
}

func (c *Channel) copyFault(where messages.Side, clock *stallClock, err error) *fault {
	if clock.stalled(err) {
		return &fault{where, messages.StageStall, fmt.Errorf("no byte moved for %v: %w", c.cfg.Stalled, err)}
	}
	if errors.Is(err, ErrTooLarge) {
		return &fault{where, messages.StageLimit, err}
	}
	return &fault{where, messages.StageCopy, err}
}

func other(s messages.Side) messages.Side {
	if s == messages.FrontSide {
		return messages.BackSide
	}
	return messages.FrontSide
}

// end names the side of a copy at which an error arose.
type end bool

const (
	reading end = false
	writing end = true
)

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
