package badger

import (
	"encoding/binary"
	"os"

	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// maxTable bounds what is read to check a table; ours are a few MiB.
const maxTable = 256 << 20

func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// checkTable verifies each checksum of a table file. Its end is read first:
//
//	blocks | index | index length (4) | checksum | checksum length (4)
//
// and every block that the index lists ends in the same manner:
//
//	entries | checksum | checksum length (4)
func checkTable(path string) error {
	content, err := readSmall(path, maxTable)
	if os.IsNotExist(err) || len(content) == 0 {
		return damaged("%s is missing or empty", path)
	}
	if err != nil {
		return err
	}
	return checkTableContent(path, content)
}

// checkTableContent checks what was read. The index has a checksum, but an
// index of no bytes has a valid one too, and its reader trusts offsets: what
// makes it panic is damage.
func checkTableContent(path string, content []byte) error {
	return guarded(func() error { return checkParts(path, content) })
}

func checkParts(path string, content []byte) error {
	rest, sum, ok := cutChecksum(content)
	if !ok {
		return damaged("%s: its end is torn", path)
	}
	rest, index, ok := cutTail(rest)
	if !ok || y.VerifyChecksum(index, sum) != nil {
		return damaged("%s: its index is damaged", path)
	}
	table := fb.GetRootAsTableIndex(index, 0)
	if table.OffsetsLength() == 0 {
		return damaged("%s lists no blocks", path)
	}
	var at fb.BlockOffset
	for i := range table.OffsetsLength() {
		if !table.Offsets(&at, i) {
			return damaged("%s: block %d is not listed", path, i)
		}
		begin, end := uint64(at.Offset()), uint64(at.Offset())+uint64(at.Len())
		if end > uint64(len(rest)) {
			return damaged("%s: block %d lies outside", path, i)
		}
		entries, sum, ok := cutChecksum(rest[begin:end])
		if !ok || y.VerifyChecksum(entries, sum) != nil {
			return damaged("%s: block %d is damaged", path, i)
		}
	}
	return nil
}

// cutTail splits off the part whose length stands in the last four bytes.
func cutTail(b []byte) (rest, tail []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	b, n := b[:len(b)-4], uint64(binary.BigEndian.Uint32(b[len(b)-4:]))
	if n > uint64(len(b)) {
		return nil, nil, false
	}
	cut := len(b) - int(n)
	return b[:cut], b[cut:], true
}

func cutChecksum(b []byte) (rest []byte, sum *pb.Checksum, ok bool) {
	rest, tail, ok := cutTail(b)
	sum = &pb.Checksum{}
	if !ok || proto.Unmarshal(tail, sum) != nil {
		return nil, nil, false
	}
	// An unknown algorithm would make the verification panic.
	if sum.Algo != pb.Checksum_CRC32C && sum.Algo != pb.Checksum_XXHash64 {
		return nil, nil, false
	}
	return rest, sum, true
}
