// Package proctree reads what a process and all its descendants cost: processor time and memory. Peers
// that fork for each session are measured whole that way.
package proctree

import "errors"

// ErrUnsupported is returned where the system has no /proc of Linux's kind.
var ErrUnsupported = errors.New("processor time and memory of process trees can only be read on Linux")
