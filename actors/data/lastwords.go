package data

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// lastWords ends the destination's streams, the compressed one and TLS, in that
// order. It is the farewell's to have a moment even after an abort, so it is given
// what precedes close_notify to say, too.
func (c *Channel) lastWords(ctx context.Context, dst *net.TCPConn) error {
	if c.deflater == nil {
		return c.sayEnd(ctx, c.destination())
	}
	last, err := c.deflater.end()
	if err != nil {
		return err
	}
	c.counts.Written += int64(len(last))
	clock := &farewell{stallClock: c.clock()}
	clock.dst = dst
	conn := c.secured[c.destination()]
	if conn == nil {
		err = clock.write(last)
		c.told = err == nil
		return err
	}
	pace := &preface{farewell: clock, say: func() (err error) { _, err = conn.Write(last); return err }}
	err = conn.Finish(pace)
	if pace.err != nil {
		return pace.err
	}
	c.told = true
	return err
}

// satisfied reports the error of a client that has gone. In MODE Z it sees in the
// stream itself that this is whole, and need not wait for what TLS and TCP have to
// say of it: lftp does not. One that has not seen that knows as well.
func (c *Channel) satisfied(err error) bool {
	gone := errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	return gone && c.told && !c.cfg.Upload
}

// preface is a farewell with something to say before. Finish sees that its pace is
// heeded from Restart on, so what is written there has all its patience.
type preface struct {
	*farewell
	say func() error
	err error
}

// Restart begins the farewell.
func (p *preface) Restart() {
	p.farewell.Restart()
	if say := p.say; say != nil {
		p.say = nil
		p.err = say()
	}
}

// write is what Finish does for TLS: it sends p, however long a peer that is slow
// but alive has no room for it.
func (f *farewell) write(p []byte) error {
	f.Restart()
	for len(p) > 0 {
		if f.limit > 0 {
			f.unsent = unsentBytes(f.dst)
		}
		n, err := f.dst.Write(p)
		p = p[n:]
		if n > 0 {
			f.progress()
		}
		if err != nil && !f.Forgives(err) {
			return err
		}
	}
	return nil
}
