package stores

import (
	"encoding/binary"
	"fmt"
)

// MaxTurn is where turns end. Every store counts exactly up to here (the
// numbers of Redis' scripts are floating point), and a million turns a second
// take 285 years to it.
const MaxTurn = 1 << 53

// maxText bounds a backend's key within a record.
const maxText = 8 << 10

// Rotation is where a pool's turns stand.
type Rotation struct {
	Turn uint64 // the next to take, counted from 0; at most MaxTurn
	List uint64 // fingerprint of the list that Last was picked from
	Last string // key of the backend picked last, which still finds the place when the list changed
}

// AppendRotation appends the encoded record:
//
//	version | uvarint turn | 8 bytes list | uvarint len, last
func AppendRotation(b []byte, r Rotation) []byte {
	b = append(b, rotationVersion)
	b = binary.AppendUvarint(b, r.Turn)
	b = binary.BigEndian.AppendUint64(b, r.List)
	return appendBytes(b, r.Last)
}

// ParseRotation is the reverse of AppendRotation.
func ParseRotation(b []byte) (Rotation, error) {
	d := decoder{rest: b}
	d.version(rotationVersion)
	r := Rotation{Turn: d.uvarint(MaxTurn), List: d.uint64()}
	r.Last = string(d.bytes(maxText))
	if err := d.end(); err != nil {
		return Rotation{}, fmt.Errorf("rotation: %w", err)
	}
	return r, nil
}
