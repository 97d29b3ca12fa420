package stores

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Sticky is the backend that a client was assigned to.
type Sticky struct {
	Backend string    // its key
	Since   time.Time // when it was assigned, to the millisecond
	// Seen is the last use, to the day, so that a login writes at most once a
	// day. Who was not seen longest is forgotten first.
	Seen time.Time
}

const (
	day = 24 * 60 * 60 // seconds
	// maxDays keeps a day within the years that time.Time prints.
	maxDays = maxSeconds / day
)

// AppendSticky appends the encoded record:
//
//	version | uvarint Unix milliseconds+1, 0 for never | uvarint days since 1970 | uvarint len, backend
func AppendSticky(b []byte, s Sticky) []byte {
	b = append(b, stickyVersion)
	b = appendMillis(b, s.Since)
	b = binary.AppendUvarint(b, uint64(max(s.Seen.Unix(), 0)/day))
	return appendBytes(b, s.Backend)
}

// ParseSticky is the reverse of AppendSticky. A record without a backend is
// malformed.
func ParseSticky(b []byte) (Sticky, error) {
	d := decoder{rest: b}
	d.version(stickyVersion)
	s := Sticky{Since: d.millis(), Seen: time.Unix(int64(d.uvarint(maxDays))*day, 0)}
	s.Backend = string(d.bytes(maxText))
	if d.err == nil && s.Backend == "" {
		d.fail("no backend in it")
	}
	if err := d.end(); err != nil {
		return Sticky{}, fmt.Errorf("assignment: %w", err)
	}
	return s, nil
}

// Limits of a Health. A state or mode that this release does not know is
// malformed; one that is to come needs a version of its own.
const (
	MaxState    = 4       // messages.Maintenance
	MaxMode     = 2       // messages.Maintain
	MaxFailures = 1 << 30 // in a row; what is more counts as this
	MaxReason   = 1 << 10 // bytes; a longer one is cut
)

// Health is how a backend stands.
type Health struct {
	State, Mode uint8     // values of messages.HealthState and messages.BackendMode
	Since       time.Time // of the state, to the millisecond
	Until       time.Time // when a backend that is down is tried again; zero: not by itself
	Failures    int       // in a row
	Reason      string    // why it has the state, for people
}

// AppendHealth appends the encoded record:
//
//	version | state | mode | since | until (as in Sticky) | uvarint failures | uvarint len, reason
func AppendHealth(b []byte, h Health) []byte {
	b = append(b, healthVersion, h.State, h.Mode)
	b = appendMillis(appendMillis(b, h.Since), h.Until)
	b = binary.AppendUvarint(b, uint64(min(max(h.Failures, 0), MaxFailures)))
	return appendBytes(b, h.Reason[:min(len(h.Reason), MaxReason)])
}

// ParseHealth is the reverse of AppendHealth.
func ParseHealth(b []byte) (Health, error) {
	d := decoder{rest: b}
	d.version(healthVersion)
	h := Health{State: d.byte(MaxState), Mode: d.byte(MaxMode), Since: d.millis(), Until: d.millis()}
	h.Failures = int(d.uvarint(MaxFailures))
	h.Reason = string(d.bytes(MaxReason))
	if err := d.end(); err != nil {
		return Health{}, fmt.Errorf("health: %w", err)
	}
	return h, nil
}
