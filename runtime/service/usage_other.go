//go:build unix && !linux

package service

import "errors"

// measureUsage has no way here to learn what the machine has to spare.
func measureUsage() (usage, error) { return usage{}, errors.ErrUnsupported }
