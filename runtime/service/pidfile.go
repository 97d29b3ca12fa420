//go:build unix

package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrAlreadyRunning is wrapped when the PID file names a gateway that is still alive.
var ErrAlreadyRunning = errors.New("another gateway is running")

// PIDFile is this process's entry in a file named by the directive PidFile. Its open descriptor tells
// our file from one that a successor has put in its place, and lets it be emptied at the end even when
// the user that the process has become may not remove files from the directory.
type PIDFile struct {
	path string
	file *os.File
}

// WritePIDFile writes the number of this process to path (mode 0644), replacing the file in one step so
// that nobody reads half a number. A file that names a living process which runs the same program is
// refused with ErrAlreadyRunning, unless that process is predecessor, the one that this process is
// relieving (0 for none); the number of a dead process or of an unrelated program is overwritten.
func WritePIDFile(path string, predecessor int) (*PIDFile, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("PidFile %s: must be a full path", path)
	}
	if err := checkPIDFile(path, predecessor); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("PidFile %s: creating it: %w", path, err)
	}
	_, err = fmt.Fprintf(file, "%d\n", os.Getpid())
	if err == nil {
		err = file.Chmod(0o644)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("PidFile %s: writing it: %w", path, err),
			file.Close(), os.Remove(file.Name()))
	}
	return &PIDFile{path: path, file: file}, nil
}

// checkPIDFile refuses what must not be replaced.
func checkPIDFile(path string, predecessor int) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("PidFile %s: looking at it: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("PidFile %s: is a %s, not a file: name another path", path, kind(info.Mode()))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("PidFile %s: reading it: %w", path, err)
	}
	pid := number(text)
	if pid <= 0 || pid == os.Getpid() || pid == predecessor {
		return nil // emptied, damaged, ours or handed over
	}
	if alive(pid) && sameProgram(pid) {
		return fmt.Errorf("PidFile %s names process %d: %w: stop it first, or give this gateway its own PidFile",
			path, pid, ErrAlreadyRunning)
	}
	return nil
}

// kind names what a path is for an error message.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	default:
		return "special file"
	}
}

// number is the process that the text of a PID file names; 0 when it names none.
func number(text []byte) int {
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

func alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// Remove takes the file away if it is still ours; a successor's file stays. When the directory may no
// longer be changed, as after dropping root, the file is emptied instead, which readers take as absence.
func (p *PIDFile) Remove() error {
	if p == nil {
		return nil
	}
	defer p.file.Close() // read-only use from here on: nothing is lost if closing fails
	here, err := os.Lstat(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("PidFile %s: looking at it: %w", p.path, err)
	}
	ours, err := p.file.Stat()
	if err != nil {
		return fmt.Errorf("PidFile %s: looking at our own: %w", p.path, err)
	}
	if !os.SameFile(here, ours) {
		return nil
	}
	err = os.Remove(p.path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if emptied := p.file.Truncate(0); emptied != nil {
		return fmt.Errorf("PidFile %s: removing it: %w", p.path, errors.Join(err, emptied))
	}
	return nil
}
