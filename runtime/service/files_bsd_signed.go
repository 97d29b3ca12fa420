//go:build freebsd || dragonfly

package service

import "golang.org/x/sys/unix"

// setLimit fills the struct of the systems whose rlim_t is signed.
func setLimit(limit *unix.Rlimit, soft, hard uint64) {
	limit.Cur, limit.Max = int64(soft), int64(hard)
}
