//go:build unix

package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// StateDir is the directory of the directive ProxyTables, ready for use.
type StateDir struct {
	Path  string // the directory itself
	Store string // sub-directory that the service user owns alone; the store's files live here
	Empty string // sub-directory that nobody can write to or list (mode 0111)
}

// DefaultStateDir is the state directory of a configuration without ProxyTables: the first entry of
// systemd's $STATE_DIRECTORY, else /var/lib/sluice for root, else $XDG_STATE_HOME/sluice, which falls
// back to ~/.local/state/sluice. getenv is usually os.Getenv.
func DefaultStateDir(getenv func(string) string, root bool) (string, error) {
	if first, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); first != "" {
		return first, nil
	}
	if root {
		return "/var/lib/sluice", nil
	}
	if base := getenv("XDG_STATE_HOME"); filepath.IsAbs(base) { // relative ones are to be ignored (XDG base directories)
		return filepath.Join(base, "sluice"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "sluice"), nil
	}
	return "", errors.New("no place for the gateway's state: neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME is set: " +
		"name a directory with ProxyTables")
}

// PrepareStateDir makes path what ProxyTables asks for: the directory (0755, parents too) and `empty/`
// in it with mode exactly 0111. Below it a private directory `sluice/` (0700) takes the store. What is
// created here is given to owner when the process is root and an owner is named; a directory that was
// there before keeps its owner, since a mistyped ProxyTables must not hand a system directory away.
func PrepareStateDir(path string, owner Account) (StateDir, error) {
	if !filepath.IsAbs(path) {
		return StateDir{}, fmt.Errorf("ProxyTables %s: must be a full path", path)
	}
	dir := StateDir{Path: path, Store: filepath.Join(path, "sluice"), Empty: filepath.Join(path, "empty")}
	created, err := ensureDir(path, 0o755)
	if err != nil {
		return StateDir{}, fmt.Errorf("ProxyTables %s: %w", path, err)
	}
	if created {
		if err := give(path, owner); err != nil {
			return StateDir{}, fmt.Errorf("ProxyTables %s: %w", path, err)
		}
	}
	if err := checkNotOpenToAll(path); err != nil {
		return StateDir{}, fmt.Errorf("ProxyTables %s: %w", path, err)
	}
	if err := checkEnterable(path, owner); err != nil {
		return StateDir{}, fmt.Errorf("ProxyTables %s: %w", path, err)
	}
	if err := prepareEmpty(dir.Empty); err != nil {
		return StateDir{}, fmt.Errorf("ProxyTables %s: %w", path, err)
	}
	if err := prepareStore(dir.Store, owner); err != nil {
		return StateDir{}, fmt.Errorf("ProxyTables %s: %w", path, err)
	}
	return dir, nil
}

// ensureDir creates path with its parents unless it is there; the mode holds whatever the umask is.
func ensureDir(path string, mode fs.FileMode) (created bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return false, nil
	case err == nil:
		return false, errors.New("is not a directory")
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("looking at it: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, fmt.Errorf("creating its parents: %w", err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return false, fmt.Errorf("creating it: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return false, fmt.Errorf("setting its mode to %04o: %w", mode, err)
	}
	return true, nil
}

// checkNotOpenToAll refuses a directory whose entries any user could swap for others.
func checkNotOpenToAll(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at it: %w", err)
	}
	if mode := info.Mode(); mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 {
		return fmt.Errorf("everybody may write to it (mode %04o): chmod o-w %s", mode.Perm(), path)
	}
	return nil
}

// checkEnterable finds out while root can still say so that the service user will not get to its store.
func checkEnterable(path string, owner Account) error {
	if os.Geteuid() != 0 || !owner.Named() {
		return nil
	}
	var found unix.Stat_t
	if err := unix.Stat(path, &found); err != nil {
		return fmt.Errorf("looking at it: %w", err)
	}
	gid, bit := int(found.Gid), uint32(0o001)
	switch {
	case int(found.Uid) == owner.UID:
		bit = 0o100
	case gid == owner.GID || slices.Contains(owner.Groups, gid):
		bit = 0o010
	}
	if uint32(found.Mode)&bit == 0 && owner.UID != 0 {
		return fmt.Errorf("user %s cannot enter it (mode %04o, uid %d): chmod 0755 %s, or give it to that user",
			owner.User, found.Mode&0o7777, found.Uid, path)
	}
	return nil
}

// prepareEmpty keeps the rule of ProxyTables to the letter. The directory stays root's when root made
// it: it is a place to be locked into, so the one locked in must not own it.
func prepareEmpty(path string) error {
	if _, err := ensureDir(path, 0o111); err != nil {
		return fmt.Errorf("directory '%s': %w", path, err)
	}
	var found unix.Stat_t
	if err := unix.Lstat(path, &found); err != nil {
		return fmt.Errorf("directory '%s': looking at it: %w", path, err)
	}
	if found.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("directory '%s' is a link: remove it", path)
	}
	if mode := found.Mode & 0o7777; mode != 0o111 {
		return fmt.Errorf("directory '%s' has incorrect permissions (%04o, not 0111 as required): chmod 0111 %s",
			path, mode, path)
	}
	return nil
}

// prepareStore makes the store's own directory and refuses one that somebody else prepared.
func prepareStore(path string, owner Account) error {
	created, err := ensureDir(path, 0o700)
	if err != nil {
		return fmt.Errorf("directory '%s': %w", path, err)
	}
	var found unix.Stat_t
	if err := unix.Lstat(path, &found); err != nil {
		return fmt.Errorf("directory '%s': looking at it: %w", path, err)
	}
	if found.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("directory '%s' is a link: remove it", path)
	}
	if found.Mode&0o022 != 0 {
		return fmt.Errorf("directory '%s' may be written by others (mode %04o): chmod 0700 %s", path, found.Mode&0o7777, path)
	}
	uid := int(found.Uid)
	if trusted := uid == os.Geteuid() || uid == 0 || (owner.Named() && uid == owner.UID); !created && !trusted {
		return fmt.Errorf("directory '%s' belongs to uid %d: give it to the user of the gateway", path, uid)
	}
	return give(path, owner)
}

// give hands path to the service user; only root can, and only then is it needed.
func give(path string, owner Account) error {
	if os.Geteuid() != 0 || !owner.Named() {
		return nil
	}
	if err := os.Lchown(path, owner.UID, owner.GID); err != nil {
		return fmt.Errorf("giving %s to user %s: %w", path, owner.User, err)
	}
	return nil
}
