//go:build freebsd || netbsd || openbsd || dragonfly

package service

import "golang.org/x/sys/unix"

// kernelFileLimit is 0: on the BSDs the hard limit is already what one process may hold.
func kernelFileLimit() uint64 { return 0 }

func trySetFileLimit(soft, hard uint64) error {
	limit := unix.Rlimit{}
	setLimit(&limit, soft, hard)
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}
