//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package badger

import (
	"fmt"
	"os"
)

// acquire only marks the place here; Badger's own lock has to do.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the store's lock: %w", err)
	}
	return f, nil
}
