//go:build !linux

package data

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const bufferSize = 256 << 10

// Pipes keeps the buffers of transfers for reuse on systems without splice.
type Pipes struct{ buffers sync.Pool }

// NewPipes returns an empty stock.
func NewPipes() *Pipes {
	return &Pipes{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// Close does nothing here.
func (*Pipes) Close() {}

// relay copies through user space with a large pooled buffer.
func (c *Channel) relay(dst, src *net.TCPConn, clock *stallClock) (moved int64, at end, err error) {
	buf := c.cfg.Pipes.buffers.Get().(*[bufferSize]byte)
	defer c.cfg.Pipes.buffers.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if n == 0 && err != nil {
			if retry(clock, err, dst, src) {
				continue
			}
			return moved, reading, ignoreEOF(err)
		}
		for rest := buf[:n]; len(rest) > 0; {
			k, err := dst.Write(rest)
			rest = rest[k:]
			moved += int64(k)
			if k > 0 {
				clock.progress(dst, src)
			}
			if err != nil && !retry(clock, err, dst, src) {
				return moved, writing, err
			}
		}
	}
}

func retry(clock *stallClock, err error, conns ...*net.TCPConn) bool {
	if clock.limit <= 0 || clock.aborted.Load() || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(clock.moved) >= clock.limit {
		return false
	}
	clock.renew(conns...)
	return true
}

func newsDelay(*net.TCPConn) time.Duration { return 5 * time.Millisecond }

func lateBind(_, _ string, _ syscall.RawConn) error { return nil }
