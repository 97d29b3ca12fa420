package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Modes of log files that are created here. A file that exists keeps its own.
const (
	ModeShared  fs.FileMode = 0o640 // SystemLog, ProxyLog, TransferLog: an administrators' group may read
	ModePrivate fs.FileMode = 0o600 // logs that may name secrets' owners, such as TLSLog with diagnostics
)

// writeTimeout bounds a write to a log that is a pipe whose reader has stopped reading: as long as that
// whoever writes, the journal for one, serves nobody else.
const writeTimeout = 250 * time.Millisecond

// Rules say how a log may be opened.
type Rules struct {
	AllowSymlinks bool        // the directive AllowLogSymlinks
	Mode          fs.FileMode // of a new file; 0 means ModeShared
	UID, GID      int         // owner of a new file, so that it can be reopened after root is given up; 0 keeps root
}

// File is a log that is open for appending. All methods are safe for concurrent use, and one Write is
// one write(2) to a file in append mode, so lines of several writers, even in several processes, do not
// mix.
type File struct {
	path  string
	rules Rules

	mu     sync.Mutex
	file   *os.File
	closed bool
}

// Open opens path for appending and creates it if it is missing. Refused are: a relative path, a
// directory that everybody may write to, a symbolic link unless the rules allow it, and whatever is
// neither a file nor a pipe nor a character device. A pipe must have its reader already.
func Open(path string, rules Rules) (*File, error) {
	if rules.Mode == 0 {
		rules.Mode = ModeShared
	}
	file, err := open(path, rules)
	if err != nil {
		return nil, fmt.Errorf("opening log %s: %w", path, err)
	}
	return &File{path: path, rules: rules, file: file}, nil
}

func open(path string, rules Rules) (*os.File, error) {
	if !filepath.IsAbs(path) {
		return nil, errors.New("must be a full path")
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	// The sticky bit does not help: a stranger could still be first to create the name.
	if info.Mode().Perm()&0o002 != 0 {
		return nil, fmt.Errorf("everybody may write to its directory %s (perms %04o): choose another or chmod o-w it",
			dir, info.Mode().Perm())
	}
	// Non-blocking, because opening a pipe without a reader would otherwise wait for one for ever.
	flags := os.O_WRONLY | os.O_APPEND | syscall.O_NONBLOCK
	if !rules.AllowSymlinks {
		flags |= syscall.O_NOFOLLOW
	}
	file, err := openOrCreate(path, flags, rules)
	switch {
	case errors.Is(err, syscall.ELOOP) && !rules.AllowSymlinks, errors.Is(err, syscall.EMLINK) && !rules.AllowSymlinks:
		return nil, errors.New("is a symbolic link: name the file itself or set AllowLogSymlinks on")
	case errors.Is(err, syscall.ENXIO):
		return nil, errors.New("is a pipe that nobody reads: start its reader first")
	case err != nil:
		return nil, err
	}
	if err := checkKind(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// openOrCreate tells a new file from an old one, because only a new one gets our mode and owner.
func openOrCreate(path string, flags int, rules Rules) (*os.File, error) {
	file, err := os.OpenFile(path, flags, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	file, err = os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, rules.Mode)
	if errors.Is(err, fs.ErrExist) { // somebody was faster, or the name is a link to nowhere
		if _, linked := os.Readlink(path); linked == nil {
			return nil, errors.New("is a symbolic link to a file that does not exist: create that file")
		}
		return os.OpenFile(path, flags, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := file.Chmod(rules.Mode); err != nil { // whatever the umask is
		return nil, errors.Join(err, file.Close())
	}
	if os.Geteuid() == 0 && (rules.UID != 0 || rules.GID != 0) {
		if err := file.Chown(rules.UID, rules.GID); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file, nil
}

func checkKind(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	mode := info.Mode()
	if mode.IsRegular() || mode&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0 {
		return nil
	}
	return fmt.Errorf("is neither a file nor a pipe (%s)", mode.Type())
}

// Path is the name under which the log was opened.
func (f *File) Path() string { return f.path }

// Stat describes the file that is in use at the moment; os.SameFile on two of its answers tells whether
// Reopen has come to another one.
func (f *File) Stat() (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := f.file.Stat()
	if err != nil {
		return nil, fmt.Errorf("looking at log %s: %w", f.path, err)
	}
	return info, nil
}

// Write appends p. On an error n says how much of p is in the file: a caller that retries sends the rest
// only, so that no line is torn or doubled.
func (f *File) Write(p []byte) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, fmt.Errorf("writing log %s: %w", f.path, os.ErrClosed)
	}
	// Regular files know no deadline and answer ErrNoDeadline; pipes need one.
	if err := f.file.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return 0, fmt.Errorf("writing log %s: %w", f.path, err)
	}
	n, err = f.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("writing log: %w", err) // os.PathError names the file
	}
	return n, nil
}

// Reopen opens the path again, for after a rotation has moved the old file away. A Write that runs
// meanwhile ends in the old file or in the new one, never nowhere. When the path cannot be opened the
// old file stays in use and the error says why.
func (f *File) Reopen() error {
	fresh, err := open(f.path, f.rules)
	if err != nil {
		return fmt.Errorf("reopening log %s (writing goes on in the old file): %w", f.path, err)
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return errors.Join(fmt.Errorf("reopening log %s: %w", f.path, os.ErrClosed), fresh.Close())
	}
	old := f.file
	f.file = fresh
	f.mu.Unlock()
	if err := old.Close(); err != nil {
		return fmt.Errorf("closing the old log %s: %w", f.path, err)
	}
	return nil
}

// Close closes the log; writing afterwards is an error.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("closing log %s: %w", f.path, err)
	}
	return nil
}
