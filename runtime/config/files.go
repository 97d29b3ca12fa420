package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Files is what Load needs of a file system. Paths are as the configuration
// writes them.
type Files interface {
	// ReadFile returns the content, or an error for files of more than limit bytes.
	ReadFile(path string, limit int64) ([]byte, error)
	// ReadDir returns the names in a directory, sorted.
	ReadDir(path string) ([]fs.DirEntry, error)
	// Stat follows symbolic links.
	Stat(path string) (fs.FileInfo, error)
	// EvalSymlinks gives the path of a file free of symbolic links.
	EvalSymlinks(path string) (string, error)
}

// OSFiles is the operating system's file system.
type OSFiles struct{}

// ReadFile reads at most limit bytes; a device or pipe is refused, because
// reading it might never end.
func (OSFiles) ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, nil
}

// ReadDir lists a directory.
func (OSFiles) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

// Stat describes a file.
func (OSFiles) Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

// EvalSymlinks resolves symbolic links.
func (OSFiles) EvalSymlinks(path string) (string, error) { return filepath.EvalSymlinks(path) }
