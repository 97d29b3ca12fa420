//go:build linux || darwin

package badger

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spare is what the disk must have free before a write. It covers the files
// that Badger maps at their full size (twice 4 MiB each) and a compaction.
const spare = 32 << 20

// enoughRoom refuses to write when the disk is nearly full.
func enoughRoom(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("ask for free space in %s: %w", dir, err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < spare {
		return fmt.Errorf("%s has %d KiB free, the store needs %d: %w; free some, or move ProxyTables",
			dir, free>>10, spare>>10, unix.ENOSPC)
	}
	return nil
}
