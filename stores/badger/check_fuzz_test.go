package badger

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
)

// sample returns a table and a memtable log that Badger wrote.
func sample(t testing.TB) (table, log []byte) {
	t.Helper()
	dir := t.TempDir()
	for range 2 {
		s, err := Open(dir, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		key := stores.Key{Kind: stores.KindCounters, Pool: "p", Name: "a"}
		if err := s.Apply(t.Context(), []stores.Change{stores.Put(key, []byte("value"))}); err != nil {
			t.Fatal(err)
		}
		log = onlyFile(t, filepath.Join(s.path(), "*.mem"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return onlyFile(t, filepath.Join(dir, "badger", "*.sst")), bytes.TrimRight(log, "\x00")
}

// onlyFile reads the first file of a pattern.
func onlyFile(t testing.TB, pattern string) []byte {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestChecksAcceptWhatBadgerWrote(t *testing.T) {
	table, log := sample(t)
	if err := checkTableContent("sample", table); err != nil {
		t.Error(err)
	}
	if end := wholeEntries(log); end < len(log) || end == logHeader {
		t.Errorf("the log checks out up to byte %d of %d", end, len(log))
	}
	for at := range table {
		hurt := bytes.Clone(table)
		hurt[at] ^= 0x40
		if checkTableContent("sample", hurt) == nil && covered(table, at) {
			t.Errorf("a flipped bit in byte %d of %d goes unseen", at, len(table))
		}
	}
}

// covered reports whether a byte's change must be seen. Fields of a checksum
// record that protobuf ignores when they are unknown need not.
func covered(table []byte, at int) bool {
	n := int(binary.BigEndian.Uint32(table[len(table)-4:]))
	return at < len(table)-4-n-4
}

func FuzzWholeEntries(f *testing.F) {
	_, log := sample(f)
	f.Add(log)
	f.Add(append(bytes.Clone(log), 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		end := wholeEntries(b)
		if end < logHeader || end > max(len(b), logHeader) {
			t.Fatalf("%d bytes check out of %d", end, len(b))
		}
		if end > logHeader && wholeEntries(b[:end]) != end {
			t.Fatalf("what checks out up to %d does not without its tail", end)
		}
	})
}

func FuzzCheckTable(f *testing.F) {
	table, _ := sample(f)
	f.Add(table)
	f.Add(binary.BigEndian.AppendUint32(nil, crc32.Size))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := checkTableContent("fuzzed", b); err != nil && !isDamage(err) {
			t.Fatalf("%v is not called damage", err)
		}
	})
}
