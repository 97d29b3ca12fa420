//go:build netbsd || openbsd

package service

import "golang.org/x/sys/unix"

// setLimit fills the struct of the systems whose rlim_t is unsigned.
func setLimit(limit *unix.Rlimit, soft, hard uint64) {
	limit.Cur, limit.Max = soft, hard
}
