package data

import (
	"net"
	"sync"
)

// copySize is the buffer of a transfer that has to pass through user space.
const copySize = 256 << 10

// copyBuffers keeps such buffers for reuse. The zero value is ready.
type copyBuffers struct{ pool sync.Pool }

func (b *copyBuffers) take() *[copySize]byte {
	if buf, ok := b.pool.Get().(*[copySize]byte); ok {
		return buf
	}
	return new([copySize]byte)
}

func (b *copyBuffers) give(buf *[copySize]byte) { b.pool.Put(buf) }

// relayCopy moves bytes through user space, where the kernel path is missing
// or has no pipe to lend.
func (c *Channel) relayCopy(dst, src *net.TCPConn, clock *stallClock) (moved int64, at end, err error) {
	buf := c.cfg.Pipes.buffers.take()
	defer c.cfg.Pipes.buffers.give(buf)
	for {
		p := buf[:]
		if c.gate != nil {
			n, waited, err := c.gate.await(len(p))
			if err != nil {
				return moved, reading, err
			}
			if p = p[:n]; waited {
				clock.progress()
			}
		}
		n, err := src.Read(p)
		if n == 0 && err != nil {
			if clock.forgives(err) {
				continue
			}
			return moved, reading, ignoreEOF(err)
		}
		var over error
		if c.gate != nil {
			n, over = c.gate.pass(n)
		}
		k, err := writeAll(dst, p[:n], clock)
		moved += int64(k)
		if err != nil {
			return moved, writing, err
		}
		if over != nil {
			return moved, reading, over
		}
	}
}

// writeAll writes p beyond deadlines that passed on a slow peer only.
func writeAll(dst *net.TCPConn, p []byte, clock *stallClock) (written int, err error) {
	for len(p) > written {
		if clock.limit > 0 {
			clock.unsent = unsentBytes(dst)
		}
		n, err := dst.Write(p[written:])
		written += n
		if n > 0 {
			clock.progress()
		}
		if err != nil && !clock.forgives(err) {
			return written, err
		}
	}
	return written, nil
}
