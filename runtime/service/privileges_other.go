//go:build unix && !linux

package service

import (
	"fmt"
	"syscall"
)

// become changes the identity of the process; on these systems that is all there is to give up, and no
// single right can be kept.
func become(to Account, _ bool) error {
	if err := syscall.Setgroups(append([]int{to.GID}, to.Groups...)); err != nil {
		return fmt.Errorf("setting groups: %w", err)
	}
	if err := syscall.Setgid(to.GID); err != nil {
		return fmt.Errorf("setting the group: %w", err)
	}
	if err := syscall.Setuid(to.UID); err != nil {
		return fmt.Errorf("setting the user: %w", err)
	}
	return nil
}

func shed(bool) error { return nil }

func regainRoot() bool {
	return syscall.Setuid(0) == nil || syscall.Setreuid(0, 0) == nil
}

func canBindLow() bool { return false }
