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
	e.line.Pace.Restart() // the first portion may be there already
	for {
		p, more, waited := e.ring.portion(portion)
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

// drain writes what is in the ring, as much as possible at a time: nobody waits
// for the room.
func (e *encoder) drain() error {
	for e.ring.used > 0 {
		p, more, _ := e.ring.portion(ringSize)
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
		return e.line.TLS.writeAll(p, more, e.ring.rings)
	}
	e.out.more = more
	return e.out.write(p)
}

// writeAll encrypts p, a ring's worth at most, and sends its records in one call
// of the system. One call for each record costs the gateway a tenth more, and
// wakes the peer more often. With more, the kernel need not send at once what
// fills no segment.
//
// When it fails, n is what of p the kernel took, to some bytes.
func (c *Conn) writeAll(p []byte, more bool, rings *Rings) (n int, err error) {
	out := &c.wire.out
	out.held = rings.takeBurst()
	defer func() {
		rings.bursts.Put(out.held)
		out.held, out.fill = nil, 0
	}()
	if _, err := c.tls.Write(p); err != nil {
		return 0, err
	}
	sealed := out.fill
	sent, err := out.flush(more)
	if err != nil {
		return int(int64(len(p)) * int64(sent) / int64(max(sealed, 1))), err
	}
	return len(p), nil
}
