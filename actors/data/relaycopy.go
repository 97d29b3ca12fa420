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
func relayCopy(dst, src *net.TCPConn, clock *stallClock, buffers *copyBuffers) (moved int64, at end, err error) {
	buf := buffers.take()
	defer buffers.give(buf)
	for {
		n, err := src.Read(buf[:])
		if n == 0 && err != nil {
			if clock.forgives(err) {
				continue
			}
			return moved, reading, ignoreEOF(err)
		}
		for rest := buf[:n]; len(rest) > 0; {
			if clock.limit > 0 {
				clock.unsent = unsentBytes(dst)
			}
			k, err := dst.Write(rest)
			rest = rest[k:]
			moved += int64(k)
			if k > 0 {
				clock.progress()
			}
			if err != nil && !clock.forgives(err) {
				return moved, writing, err
			}
		}
	}
}
