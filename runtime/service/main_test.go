//go:build unix

package service

import (
	"os"
	"testing"
)

// childRole tells a copy of this test binary that it is a child, and which one: what a process does to
// itself (dropping root, changing limits) must not be done to the process that runs the other tests.
const childRole = "SLUICE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch role := os.Getenv(childRole); role {
	case "":
		os.Exit(m.Run())
	default:
		os.Exit(runChild(role))
	}
}
