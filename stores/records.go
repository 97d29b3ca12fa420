package stores

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Every value begins with the version of its layout. A reader that meets a
// version it does not know says so and leaves the record alone: a gateway
// that was rolled back must not misread what its successor wrote.
const (
	rotationVersion = 1
	countersVersion = 1
	sessionVersion  = 1
)

// Errors of the decoders; wrapped with what was being read.
var (
	ErrVersion   = errors.New("record of an unknown version, written by another release of the gateway")
	ErrMalformed = errors.New("malformed record")
)

// Limits of a Rotation.
const (
	maxLast = 8 << 10  // bytes of a backend key
	maxDeck = 16 << 10 // bytes of a deck: 131072 backends
)

// Rotation is where a pool's turns stand.
type Rotation struct {
	Index int    // place of the backend picked last; -1: none yet
	Last  string // its key, which still finds the place when the list changed
	List  uint64 // fingerprint of the list that Deck refers to
	Deck  []byte // bit i is set while backend i is still to be drawn (Shuffle)
}

// Counters is what is known about one backend of a pool.
type Counters struct {
	Connects    uint64        // good banners
	Failures    uint64        // failed attempts
	ConnectTime time.Duration // smoothed; 0: never measured
	LastSeen    time.Time     // last report of either sort, to the second; zero: never
}

// AppendRotation appends the encoded record:
//
//	version | uvarint index+1 | uvarint len, last | 8 bytes list | uvarint len, deck
func AppendRotation(b []byte, r Rotation) []byte {
	b = append(b, rotationVersion)
	b = binary.AppendUvarint(b, uint64(r.Index+1))
	b = appendBytes(b, r.Last)
	b = binary.BigEndian.AppendUint64(b, r.List)
	return appendBytes(b, r.Deck)
}

// ParseRotation is the reverse of AppendRotation.
func ParseRotation(b []byte) (Rotation, error) {
	d := decoder{rest: b}
	d.version(rotationVersion)
	r := Rotation{Index: int(d.uvarint(1<<31)) - 1}
	r.Last = string(d.bytes(maxLast))
	r.List = d.uint64()
	if deck := d.bytes(maxDeck); len(deck) > 0 {
		r.Deck = append([]byte(nil), deck...)
	}
	if err := d.end(); err != nil {
		return Rotation{}, fmt.Errorf("rotation: %w", err)
	}
	return r, nil
}

// AppendCounters appends the encoded record:
//
//	version | uvarint connects | uvarint failures | uvarint ns | uvarint Unix seconds+1, 0 for never
func AppendCounters(b []byte, c Counters) []byte {
	b = append(b, countersVersion)
	b = binary.AppendUvarint(b, c.Connects)
	b = binary.AppendUvarint(b, c.Failures)
	b = binary.AppendUvarint(b, uint64(max(c.ConnectTime, 0)))
	var seen uint64
	if s := c.LastSeen.Unix(); !c.LastSeen.IsZero() && s >= 0 {
		seen = uint64(s) + 1
	}
	return binary.AppendUvarint(b, seen)
}

// maxSeconds keeps a time within the years that time.Time prints.
const maxSeconds = 1 << 37

// ParseCounters is the reverse of AppendCounters.
func ParseCounters(b []byte) (Counters, error) {
	d := decoder{rest: b}
	d.version(countersVersion)
	c := Counters{Connects: d.uvarint(1<<64 - 1), Failures: d.uvarint(1<<64 - 1)}
	c.ConnectTime = time.Duration(d.uvarint(1<<63 - 1))
	if seen := d.uvarint(maxSeconds); seen > 0 {
		c.LastSeen = time.Unix(int64(seen-1), 0)
	}
	if err := d.end(); err != nil {
		return Counters{}, fmt.Errorf("counters: %w", err)
	}
	return c, nil
}

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
