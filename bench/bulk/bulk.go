//go:build unix

// Package bulk makes and swallows bytes at the lowest price the system offers, so that a throughput
// figure speaks of the gateway in the middle and not of the two ends.
package bulk

import "encoding/binary"

// sourceSize is how many different bytes a Source holds before it starts again: more than a processor's
// caches keep, so that a gateway which copies pays for memory as it would with real files.
const sourceSize = 64 << 20

// most bounds one Send or Discard, so that one stream cannot hold up the others of its loop.
const most = 4 << 20

// page is the unit of the pattern.
const page = 4096

// pattern fills b, whole pages from position at on: each page begins with its own position.
func pattern(b []byte, at int64) {
	var model [page]byte
	for i := range model {
		model[i] = byte(i) ^ byte(i>>8)
	}
	for ; len(b) > 0; b, at = b[page:], at+page {
		binary.BigEndian.PutUint64(b[copy(b, model[:])-page:], uint64(at))
	}
}

// Pattern fills b with what every Source holds from position at on.
func Pattern(b []byte, at int64) {
	var whole [page]byte
	for len(b) > 0 {
		at %= sourceSize
		pattern(whole[:], at&^(page-1))
		n := copy(b, whole[at%page:])
		b, at = b[n:], at+int64(n)
	}
}
