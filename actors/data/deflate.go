package data

import (
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/zlib"
)

const (
	// deflatedSize is what a deflater gathers before it hands it on.
	deflatedSize = 32 << 10
	// deflateFlush is how long bytes may stay within the compression while others
	// come: a receiver that hears nothing takes a slow source for a dead one.
	deflateFlush = time.Second
)

// deflater makes one zlib stream of the content it is fed. The end of that stream
// is not written before it is settled that the content is whole: a receiver knows
// it when it sees it.
type deflater struct {
	level int
	zlib  *zlib.Writer
	held  []byte // compressed, not handed on yet
	out   func([]byte) error
	fed   int64 // bytes of content

	flushed time.Time
}

// deflaters keeps what deflating takes, for each level. The zero value is ready.
type deflaters struct {
	pools [zlib.BestCompression + 1]sync.Pool
}

// take returns a deflater of a level from 1 (fast) to 9 (small).
func (s *deflaters) take(level int, out func([]byte) error) (*deflater, error) {
	level = min(max(level, zlib.BestSpeed), zlib.BestCompression)
	d, ok := s.pools[level].Get().(*deflater)
	if !ok {
		d = &deflater{level: level, held: make([]byte, 0, deflatedSize)}
		var err error
		if d.zlib, err = zlib.NewWriterLevel(d, level); err != nil {
			return nil, fmt.Errorf("preparing compression (MODE Z) of level %d: %w", level, err)
		}
	}
	d.zlib.Reset(d)
	d.held, d.out, d.fed, d.flushed = d.held[:0], out, 0, time.Now()
	return d, nil
}

func (s *deflaters) give(d *deflater) {
	d.out = nil
	s.pools[d.level].Put(d)
}

// feed compresses content. What the compression keeps for itself follows with
// later content, or with flush.
func (d *deflater) feed(p []byte) error {
	if _, err := d.zlib.Write(p); err != nil {
		return err
	}
	d.fed += int64(len(p))
	if time.Since(d.flushed) >= deflateFlush {
		return d.flush()
	}
	return nil
}

// flush hands on all content so far.
func (d *deflater) flush() error {
	if err := d.zlib.Flush(); err != nil {
		return err
	}
	d.flushed = time.Now()
	return d.spill()
}

// end returns the last bytes of the stream, a dozen after a flush.
func (d *deflater) end() ([]byte, error) {
	if err := d.zlib.Close(); err != nil {
		return nil, fmt.Errorf("ending compression (MODE Z): %w", err)
	}
	return d.held, nil
}

// Write takes what the compression puts out, a few hundred bytes at a time.
func (d *deflater) Write(p []byte) (int, error) {
	if len(d.held)+len(p) > cap(d.held) {
		if err := d.spill(); err != nil {
			return 0, err
		}
		if len(p) >= cap(d.held) { // a block that was not worth compressing
			return len(p), d.out(p)
		}
	}
	d.held = append(d.held, p...)
	return len(p), nil
}

func (d *deflater) spill() error {
	p := d.held
	d.held = d.held[:0]
	if len(p) == 0 {
		return nil
	}
	return d.out(p)
}
