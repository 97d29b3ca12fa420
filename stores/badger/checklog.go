package badger

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
)

// Memtable logs (.mem) and value logs (.vlog, empty here) share one layout:
//
//	encryption key number (8, zero here) | random (12) | entries | zeros
//
// and an entry is
//
//	meta (1) | user meta (1) | uvarint key length | uvarint value length |
//	uvarint expiry | key | value | CRC-32C of all before (4)
//
// They are written through memory maps, so what a kill or a power cut leaves
// of the newest one may end anywhere. Badger cuts such an end off without a
// word; it also believes the length fields it finds there and allocates as
// told.
const (
	logHeader   = 20
	maxEntryKey = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkLogs verifies the memtable logs, oldest first. Only the newest may be
// torn: in an older one a gap would leave a history with a hole.
func (s *Store) checkLogs(logs []numbered) error {
	for i, f := range logs {
		content, err := readSmall(f.path, 1<<30)
		if err != nil {
			return err
		}
		if len(content) >= 8 && be64(content) != 0 {
			return damaged("%s: its header is damaged", f.path)
		}
		end := wholeEntries(content)
		lost := len(bytes.TrimRight(content[min(end, len(content)):], "\x00"))
		// A header without its random part never reached the disk.
		blank := len(bytes.Trim(content[:min(logHeader, len(content))], "\x00")) == 0
		if lost == 0 && len(content) >= logHeader && !blank {
			continue
		}
		if i < len(logs)-1 {
			return damaged("%s: damaged after byte %d, and it is not the newest log", f.path, end)
		}
		if err := s.cutLog(f.path, end, lost); err != nil {
			return err
		}
	}
	return nil
}

// cutLog makes the whole entries before a tear the end of the file.
func (s *Store) cutLog(path string, end, lost int) error {
	var err error
	if end <= logHeader {
		err = os.Remove(path) // Badger has no place for a log without entries
	} else {
		err = os.Truncate(path, int64(end))
	}
	if err != nil {
		return fmt.Errorf("cut the torn end off a log: %w", err)
	}
	s.log.Warn().Str("file", path).Int("kept_bytes", end).Int("lost_bytes", lost).
		Msg("the end of the store's newest log is torn, as after a kill or a power cut; what was written last is lost")
	return nil
}

// wholeEntries returns the offset after the last entry that checks out.
func wholeEntries(b []byte) int {
	at := logHeader
	for at < len(b) {
		n, ok := entryLength(b[at:])
		if !ok {
			break
		}
		at += n
	}
	return at
}

// entryLength measures the entry at the start of b; ok is false for zeros and
// for anything that does not check out.
func entryLength(b []byte) (length int, ok bool) {
	at := 2 // meta, user meta
	var lengths [3]uint64
	for i := range lengths {
		if at > len(b) {
			return 0, false
		}
		v, n := binary.Uvarint(b[at:])
		if n <= 0 {
			return 0, false
		}
		lengths[i], at = v, at+n
	}
	key, value := lengths[0], lengths[1]
	left := uint64(len(b) - at)
	if key == 0 || key > maxEntryKey || value > left || key+value+crc32.Size > left {
		return 0, false
	}
	at += int(key + value)
	if crc32.Checksum(b[:at], castagnoli) != binary.BigEndian.Uint32(b[at:]) {
		return 0, false
	}
	return at + crc32.Size, true
}
