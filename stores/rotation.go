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

	// Index and Deck are what layout 1 has instead of turns. A record is
	// written in layout 1 as long as its Turn is 0.
	Index int
	Deck  []byte
}

// AppendRotation appends the encoded record:
//
//	version | uvarint turn | 8 bytes list | uvarint len, last
func AppendRotation(b []byte, r Rotation) []byte {
	if r.Turn == 0 {
		return appendPlaces(b, r)
	}
	b = append(b, rotationVersion)
	b = binary.AppendUvarint(b, r.Turn)
	b = binary.BigEndian.AppendUint64(b, r.List)
	return appendBytes(b, r.Last)
}

// ParseRotation is the reverse of AppendRotation.
func ParseRotation(b []byte) (Rotation, error) {
	if len(b) == 0 || b[0] == placesVersion {
		return parsePlaces(b)
	}
	d := decoder{rest: b}
	d.version(rotationVersion)
	r := Rotation{Turn: d.uvarint(MaxTurn), List: d.uint64()}
	r.Last = string(d.bytes(maxText))
	if err := d.end(); err != nil {
		return Rotation{}, fmt.Errorf("rotation: %w", err)
	}
	return r, nil
}

const (
	placesVersion = 1
	maxDeck       = 16 << 10 // bytes of a deck: 131072 backends
)

// appendPlaces appends layout 1:
//
//	version | uvarint index+1 | uvarint len, last | 8 bytes list | uvarint len, deck
func appendPlaces(b []byte, r Rotation) []byte {
	b = append(b, placesVersion)
	b = binary.AppendUvarint(b, uint64(r.Index+1))
	b = appendBytes(b, r.Last)
	b = binary.BigEndian.AppendUint64(b, r.List)
	return appendBytes(b, r.Deck)
}

func parsePlaces(b []byte) (Rotation, error) {
	d := decoder{rest: b}
	d.version(placesVersion)
	r := Rotation{Index: int(d.uvarint(1<<31)) - 1}
	r.Last = string(d.bytes(maxText))
	r.List = d.uint64()
	if deck := d.bytes(maxDeck); len(deck) > 0 {
		r.Deck = append([]byte(nil), deck...)
	}
	if err := d.end(); err != nil {
		return Rotation{}, fmt.Errorf("rotation: %w", err)
	}
	return r, nil
}
