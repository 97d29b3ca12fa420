package service

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernelFileLimit is fs.nr_open, above which no process may go; 0 when /proc does not tell.
func kernelFileLimit() uint64 {
	text, err := os.ReadFile("/proc/sys/fs/nr_open")
	if err != nil {
		return 0
	}
	most, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return most
}

func trySetFileLimit(soft, hard uint64) error {
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft, Max: hard})
}
