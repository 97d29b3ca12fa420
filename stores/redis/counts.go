package redis

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/sluice-gateway/sluice/stores"
)

// countsVersion is the layout of a gateway's counts:
//
//	version | for each key: uvarint len, stored key | uvarint count
//
// No counts at all are no bytes at all.
const countsVersion = 1

// maxCount bounds what one gateway may say that it holds of one backend.
const maxCount = 1 << 30

// appendCounts appends the encoded counts, without those below 1.
func appendCounts(b []byte, counts map[stores.Key]int) ([]byte, error) {
	begun := false
	order := slices.SortedFunc(maps.Keys(counts), compare)
	for _, k := range order {
		if counts[k] < 1 {
			continue
		}
		if !begun {
			begun, b = true, append(b, countsVersion)
		}
		stored, err := stores.AppendKey(nil, k)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(len(stored)))
		b = append(b, stored...)
		b = binary.AppendUvarint(b, uint64(min(counts[k], maxCount)))
	}
	return b, nil
}

func compare(a, b stores.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Name, b.Name))
}

// parseCounts is the reverse of appendCounts.
func parseCounts(b []byte) (map[stores.Key]int, error) {
	counts := map[stores.Key]int{}
	if len(b) == 0 {
		return counts, nil
	}
	if b[0] != countsVersion {
		return nil, fmt.Errorf("%w: counts of version %d, this release reads %d", stores.ErrVersion, b[0], countsVersion)
	}
	for b = b[1:]; len(b) > 0; {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, fmt.Errorf("%w: a key of counts is cut off", stores.ErrMalformed)
		}
		key, err := stores.ParseKey(b[n : n+int(size)])
		if err != nil {
			return nil, fmt.Errorf("%w: counts: %w", stores.ErrMalformed, err)
		}
		b = b[n+int(size):]
		count, n := binary.Uvarint(b)
		if n <= 0 || count < 1 || count > maxCount {
			return nil, fmt.Errorf("%w: a count is cut off, zero or above %d", stores.ErrMalformed, maxCount)
		}
		if _, twice := counts[key]; twice {
			return nil, fmt.Errorf("%w: %v is counted twice", stores.ErrMalformed, key)
		}
		counts[key] = int(count)
		b = b[n:]
	}
	if len(counts) == 0 {
		return nil, fmt.Errorf("%w: counts of nothing", stores.ErrMalformed)
	}
	return counts, nil
}
