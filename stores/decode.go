package stores

import (
	"encoding/binary"
	"fmt"
	"time"
)

func appendBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// decoder reads fields one after the other; the first error sticks and makes
// every later read a zero, so that callers look once, at the end.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	d.rest = nil
}

func (d *decoder) version(want byte) {
	if len(d.rest) == 0 {
		d.fail("empty")
		return
	}
	if got := d.rest[0]; got != want {
		d.err = fmt.Errorf("%w: it is version %d, this release reads %d", ErrVersion, got, want)
		d.rest = nil
		return
	}
	d.rest = d.rest[1:]
}

func (d *decoder) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > limit {
		d.fail("a number is cut off or above %d", limit)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// byte reads one byte of at most limit.
func (d *decoder) byte(limit byte) byte {
	if len(d.rest) == 0 || d.rest[0] > limit {
		d.fail("a byte is missing or above %d", limit)
		return 0
	}
	v := d.rest[0]
	d.rest = d.rest[1:]
	return v
}

func (d *decoder) uint64() uint64 {
	if len(d.rest) < 8 {
		d.fail("a fingerprint is cut off")
		return 0
	}
	v := binary.BigEndian.Uint64(d.rest)
	d.rest = d.rest[8:]
	return v
}

func (d *decoder) bytes(limit uint64) []byte {
	n := d.uvarint(limit)
	if n > uint64(len(d.rest)) {
		d.fail("%d bytes announced, %d left", n, len(d.rest))
		return nil
	}
	v := d.rest[:n]
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
	return d.err
}

// maxMillis keeps a time within the years that time.Time prints.
const maxMillis = maxSeconds * 1000

// appendMillis appends a time to the millisecond, as Unix milliseconds+1; 0
// stands for the zero time, and for all before 1970.
func appendMillis(b []byte, t time.Time) []byte {
	var v uint64
	if ms := t.UnixMilli(); !t.IsZero() && ms >= 0 {
		v = uint64(ms) + 1
	}
	return binary.AppendUvarint(b, v)
}

func (d *decoder) millis() time.Time {
	v := d.uvarint(maxMillis)
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(v - 1))
}
