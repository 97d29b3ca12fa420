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
	rotationVersion = 2 // 1 knew places in a list and decks of cards instead of turns
	countersVersion = 1
	sessionVersion  = 1
	stickyVersion   = 1
	healthVersion   = 1
	banVersion      = 1
)

// Errors of the decoders; wrapped with what was being read.
var (
	ErrVersion   = errors.New("record of an unknown version, written by another release of the gateway")
	ErrMalformed = errors.New("malformed record")
)

// Counters is what is known about one backend of a pool.
type Counters struct {
	Connects    uint64        // good banners
	Failures    uint64        // failed attempts
	ConnectTime time.Duration // smoothed; 0: never measured
	LastSeen    time.Time     // last report of either sort, to the second; zero: never
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
