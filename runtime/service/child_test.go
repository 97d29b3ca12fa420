//go:build unix && !linux

package service

// runChild has no roles here: the tests that need a child are about Linux.
func runChild(string) int { return 2 }
