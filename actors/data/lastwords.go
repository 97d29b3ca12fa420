package data

import (
	"context"
	"net"
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
		return clock.write(last)
	}
	pace := &preface{farewell: clock, say: func() (err error) { _, err = conn.Write(last); return err }}
	if err := conn.Finish(pace); pace.err == nil {
		return err
	}
	return pace.err
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
