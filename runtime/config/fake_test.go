package config

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"
)

// memFS is a file system in memory with absolute paths.
type memFS fstest.MapFS

func newMemFS(files map[string]string) memFS {
	m := memFS{}
	for name, text := range files {
		m.put(name, text, 0o644)
	}
	return m
}

func (m memFS) put(name, text string, mode fs.FileMode) {
	m[rel(name)] = &fstest.MapFile{Data: []byte(text), Mode: mode}
}

func rel(name string) string {
	if name = strings.TrimPrefix(path.Clean(name), "/"); name == "" {
		return "."
	}
	return name
}

func (m memFS) ReadFile(name string, limit int64) ([]byte, error) {
	b, err := fstest.MapFS(m).ReadFile(rel(name))
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is too large", name)
	}
	return b, err
}

func (m memFS) ReadDir(name string) ([]fs.DirEntry, error) { return fstest.MapFS(m).ReadDir(rel(name)) }
func (m memFS) EvalSymlinks(name string) (string, error)   { return name, nil }

// Stat gives directories 0755, unless they were put with another mode.
func (m memFS) Stat(name string) (fs.FileInfo, error) {
	info, err := fstest.MapFS(m).Stat(rel(name))
	if err == nil && info.IsDir() && m[rel(name)] == nil {
		return plainDir{info}, nil
	}
	return info, err
}

type plainDir struct{ fs.FileInfo }

func (plainDir) Mode() fs.FileMode { return fs.ModeDir | 0o755 }

// world is what the examples refer to.
func world() memFS {
	m := newMemFS(map[string]string{
		"/pem":           credentials().cert,
		"/certs/ca.pem":  credentials().cert,
		"/backends.json": `["ftp://j1:21", "ftps://j2"]`,
		"/etc/group":     "g:x:1:",
		"/bin/askpass":   "#!",
	})
	m.put("/key", credentials().key, 0o600)
	m.put("/openkey", credentials().key, 0o640)
	m.put("/etc/passwd", "u:x:1:1::/:/bin/sh", 0o640)
	return m
}

// loadText loads a configuration from a text.
func loadText(src string, files memFS) (*Config, *Report) {
	if files == nil {
		files = world()
	}
	files.put("/main.conf", src, 0o644)
	return Load("/main.conf", Options{Files: files, Getenv: func(string) (string, bool) { return "", false }})
}

// mustLoad loads a text that has no errors.
func mustLoad(t *testing.T, src string) *Config {
	t.Helper()
	c, r := loadText(src, nil)
	if c == nil {
		t.Fatalf("unexpected errors:\n%s", describe(r))
	}
	return c
}

func describe(r *Report) string {
	var lines []string
	for _, p := range r.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}
