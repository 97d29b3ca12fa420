//go:build unix && !linux

package service

// monotonicTime is empty: the managers of these systems do not ask for it.
func monotonicTime() string { return "" }
