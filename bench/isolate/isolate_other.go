//go:build !linux

package isolate

import "os/exec"

// Possible is false: there are no namespaces here.
func Possible() bool { return false }

// Prepare does nothing here.
func Prepare(*exec.Cmd) {}

// Settle does nothing here.
func Settle() error { return nil }

// Congestion is not told here.
func Congestion(bool) string { return "" }
