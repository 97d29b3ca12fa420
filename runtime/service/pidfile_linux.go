package service

import (
	"bytes"
	"fmt"
	"os"
)

// sameProgram says whether process pid runs under our name. The name in /proc may be read for any
// process, its executable only by the owner and root, so the name decides.
func sameProgram(pid int) bool {
	theirs, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return !os.IsNotExist(err) // gone meanwhile, or /proc is closed to us: then better refuse
	}
	ours, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return true
	}
	return bytes.Equal(theirs, ours)
}
