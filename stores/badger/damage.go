package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Damage is the reason why a store was moved aside.
type Damage struct{ Err error }

func (d *Damage) Error() string { return d.Err.Error() }

// Unwrap gives the reason.
func (d *Damage) Unwrap() error { return d.Err }

func isDamage(err error) bool {
	var d *Damage
	return errors.As(err, &d)
}

func damaged(format string, args ...any) error {
	return &Damage{Err: fmt.Errorf(format, args...)}
}

// circumstances are errors that a healthy store may meet. They must never
// cost it its place.
var circumstances = []syscall.Errno{
	syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT,
	syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
}

// classify tells damage from circumstances among the errors of an open. All
// files were accessible a moment ago, so what is no circumstance is damage.
func classify(err error) error {
	for _, e := range circumstances {
		// Badger wraps with %v, so the chain is lost and the text must do.
		if errors.Is(err, e) || strings.Contains(err.Error(), e.Error()) {
			return err
		}
	}
	if strings.Contains(err.Error(), "Cannot acquire directory lock") {
		return fmt.Errorf("%w by another program, such as a database tool: stop that one: %w", ErrInUse, err)
	}
	return &Damage{Err: err}
}

// accessible reports the first file of the store that this process may not
// read and write, so that a wrong owner is not taken for damage.
func accessible(dir string) error {
	probe, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return fmt.Errorf("the store's directory must be writable by this user: %w", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("the store's directory must be writable by this user: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list the store's directory: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		f, err := os.OpenFile(filepath.Join(dir, e.Name()), os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("the store's files must be readable and writable by this user: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("close %s: %w", e.Name(), err)
		}
	}
	return nil
}

// setAside moves the database away and says so, in one line.
func (s *Store) setAside(why error) error {
	stamp := time.Now().UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		to := filepath.Join(s.root, "damaged-"+stamp)
		if n > 1 {
			to = fmt.Sprintf("%s-%d", to, n)
		}
		// Renaming onto an empty directory would succeed: look first.
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			if n > 1000 {
				return fmt.Errorf("no free name beside %s for a damaged store: remove old ones", to)
			}
			continue
		}
		if err := os.Rename(s.path(), to); err != nil {
			return fmt.Errorf("move the damaged store aside: %w (it is damaged: %w)", err, why)
		}
		s.log.Error().Err(why).Str("store", s.path()).Str("moved_to", to).
			Msg("the store is damaged and was moved aside; a new one is begun, so balancing starts afresh")
		return nil
	}
}
