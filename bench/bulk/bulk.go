//go:build unix

// Package bulk makes and swallows bytes at the lowest price the system offers, so that a throughput
// figure speaks of the gateway in the middle and not of the two ends.
package bulk

// sourceSize is how many different bytes a Source holds before it starts again: more than a processor's
// caches keep, so that a gateway which copies pays for memory as it would with real files.
const sourceSize = 64 << 20

// most bounds one Send or Discard, so that one stream cannot hold up the others of its loop.
const most = 4 << 20

// pattern fills b with bytes that differ from page to page.
func pattern(b []byte, at int64) {
	for i := range b {
		p := at + int64(i)
		b[i] = byte(p) ^ byte(p>>12)
	}
}

// Pattern is the byte that every Source holds at position at.
func Pattern(at int64) byte {
	var b [1]byte
	pattern(b[:], at%sourceSize)
	return b[0]
}
