//go:build unix && !linux

package peers

import "syscall"

// childAttributes puts a child at the head of its own process group.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
