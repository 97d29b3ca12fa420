package stage

// encoder is the stage that writes.
type encoder struct {
	line  Line
	ring  *ring
	out   sender // of a plain line
	moved int64
	large func()
}

func newEncoder(line Line, rg *ring, large func()) (*encoder, error) {
	e := &encoder{line: line, ring: rg, large: large}
	if line.TLS != nil {
		return e, nil
	}
	raw, err := line.TCP.SyscallConn()
	if err != nil {
		return nil, err
	}
	e.out.init(raw)
	e.out.pace = line.Pace
	return e, nil
}

// run returns nil when it has written everything, or the other stage failed.
func (e *encoder) run() error {
	for {
		p, more, waited := e.ring.portion()
		if p == nil {
			return nil
		}
		if waited {
			e.line.Pace.Restart()
		}
		if err := e.forward(p, more); err != nil {
			return err
		}
	}
}

// drain writes what is in the ring.
func (e *encoder) drain() error {
	for e.ring.used > 0 {
		p, more, _ := e.ring.portion()
		if err := e.forward(p, more); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) forward(p []byte, more bool) error {
	n, err := e.write(p, more)
	e.moved += int64(n)
	e.ring.taken(n)
	if e.large != nil && e.moved >= largeAfter {
		e.large()
		e.large = nil
	}
	return err
}

func (e *encoder) write(p []byte, more bool) (int, error) {
	if e.line.TLS != nil {
		return e.line.TLS.writeAll(p, more)
	}
	e.out.more = more
	return e.out.write(p)
}

// writeAll encrypts and sends p. The kernel hears of every record but the last
// that more follows, and of that one if it is so.
func (c *Conn) writeAll(p []byte, more bool) (n int, err error) {
	if most := (len(p) - 1) / fullRecord * fullRecord; most > 0 {
		c.wire.out.more = true
		if n, err = c.tls.Write(p[:most]); err != nil {
			c.wire.out.more = false
			return n, err
		}
	}
	c.wire.out.more = more
	last, err := c.tls.Write(p[n:])
	c.wire.out.more = false
	return n + last, err
}
