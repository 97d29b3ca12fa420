//go:build !linux

package proctree

import "time"

// CPU is not to be had here.
func CPU(int) (time.Duration, error) { return 0, ErrUnsupported }

// PSS is not to be had here.
func PSS(int) (int64, error) { return 0, ErrUnsupported }

// Members is not to be had here.
func Members(int) ([]int, error) { return nil, ErrUnsupported }
