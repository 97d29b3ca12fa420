package backendfile

import (
	"io/fs"
	"syscall"
)

// numbers are what the system has besides of what fs.FileInfo tells.
func numbers(info fs.FileInfo) (inode uint64, changed int64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino, st.Ctim.Nano()
	}
	return 0, 0
}
