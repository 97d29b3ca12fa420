package stores

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Ban keeps a client out. Whom it is about stands in its key.
type Ban struct {
	Since time.Time // to the millisecond
	Until time.Time // to the millisecond; zero: until it is lifted
	Count int       // events that led to it; 0: somebody said so. At most MaxFailures
	Why   string    // for people; at most MaxReason bytes
	Text  string    // what the banned hear; at most MaxReason bytes
}

// AppendBan appends the encoded record; texts that are too long are cut:
//
//	version | since | until (as in Sticky) | uvarint count | uvarint len, why | uvarint len, text
func AppendBan(b []byte, v Ban) []byte {
	b = append(b, banVersion)
	b = appendMillis(appendMillis(b, v.Since), v.Until)
	b = binary.AppendUvarint(b, uint64(min(max(v.Count, 0), MaxFailures)))
	b = appendBytes(b, v.Why[:min(len(v.Why), MaxReason)])
	return appendBytes(b, v.Text[:min(len(v.Text), MaxReason)])
}

// ParseBan is the reverse of AppendBan.
func ParseBan(b []byte) (Ban, error) {
	d := decoder{rest: b}
	d.version(banVersion)
	v := Ban{Since: d.millis(), Until: d.millis(), Count: int(d.uvarint(MaxFailures))}
	v.Why = string(d.bytes(MaxReason))
	v.Text = string(d.bytes(MaxReason))
	if err := d.end(); err != nil {
		return Ban{}, fmt.Errorf("ban: %w", err)
	}
	return v, nil
}
