package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openLog(t *testing.T, path string, rules Rules) *File {
	t.Helper()
	file, err := Open(path, rules)
	must(t, err)
	t.Cleanup(func() { must(t, file.Close()) })
	return file
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func TestOpen(t *testing.T) {
	t.Run("a_new_file_gets_the_mode_whatever_the_umask", func(t *testing.T) {
		for want, rules := range map[os.FileMode]Rules{0o640: {}, 0o600: {Mode: ModePrivate}} {
			path := filepath.Join(t.TempDir(), "log")
			old := syscall.Umask(0o777)
			file, err := Open(path, rules)
			syscall.Umask(old)
			must(t, err)
			must(t, file.Close())
			if info, _ := os.Stat(path); info.Mode().Perm() != want {
				t.Errorf("mode %v, want %v", info.Mode(), want)
			}
		}
	})
	t.Run("a_new_file_goes_to_the_service_user", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root gives files away")
		}
		path := filepath.Join(t.TempDir(), "log")
		openLog(t, path, Rules{UID: 4711, GID: 4712})
		info, err := os.Stat(path)
		must(t, err)
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 4711 || st.Gid != 4712 {
			t.Errorf("belongs to %d:%d", st.Uid, st.Gid)
		}
	})
	t.Run("an_old_file_is_appended_to_and_keeps_its_mode", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "log")
		must(t, os.WriteFile(path, []byte("old\n"), 0o644))
		must(t, os.Chmod(path, 0o604))
		file := openLog(t, path, Rules{})
		_, err := file.Write([]byte("new\n"))
		must(t, err)
		if got := content(t, path); got != "old\nnew\n" {
			t.Errorf("holds %q", got)
		}
		if info, _ := os.Stat(path); info.Mode().Perm() != 0o604 {
			t.Errorf("mode became %v", info.Mode())
		}
	})
	t.Run("a_link_is_followed_where_allowed", func(t *testing.T) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "real"), nil, 0o600))
		must(t, os.Symlink("real", filepath.Join(dir, "log")))
		file := openLog(t, filepath.Join(dir, "log"), Rules{AllowSymlinks: true})
		_, err := file.Write([]byte("x"))
		must(t, err)
		if got := content(t, filepath.Join(dir, "real")); got != "x" {
			t.Errorf("holds %q", got)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	must(t, os.Mkdir(open, 0o755))
	must(t, os.Chmod(open, 0o777))
	sticky := filepath.Join(dir, "sticky")
	must(t, os.Mkdir(sticky, 0o755))
	must(t, os.Chmod(sticky, 0o777|os.ModeSticky))
	must(t, os.WriteFile(filepath.Join(dir, "real"), nil, 0o600))
	must(t, os.Symlink("real", filepath.Join(dir, "link")))
	must(t, os.Symlink("missing", filepath.Join(dir, "dangling")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	for name, c := range map[string]struct {
		path  string
		rules Rules
		want  string
	}{
		"a_relative_path":                 {"log", Rules{}, "must be a full path"},
		"a_directory_open_to_all":         {filepath.Join(open, "log"), Rules{}, "everybody may write to its directory"},
		"a_sticky_directory_open_to_all":  {filepath.Join(sticky, "log"), Rules{}, "everybody may write to its directory"},
		"a_link":                          {filepath.Join(dir, "link"), Rules{}, "is a symbolic link"},
		"a_dangling_link":                 {filepath.Join(dir, "dangling"), Rules{}, "is a symbolic link"},
		"a_dangling_link_even_if_allowed": {filepath.Join(dir, "dangling"), Rules{AllowSymlinks: true}, "does not exist"},
		"a_directory":                     {dir, Rules{}, "is a directory"},
		"a_pipe_without_a_reader":         {filepath.Join(dir, "pipe"), Rules{}, "is a pipe that nobody reads"},
		"a_missing_directory":             {filepath.Join(dir, "no", "log"), Rules{}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := Open(c.path, c.rules)
			if err == nil {
				must(t, file.Close())
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a dangling link was followed")
	}
}

func TestPipeWhoseReaderStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	defer reader.Close()
	file := openLog(t, path, Rules{})
	_, err = file.Write([]byte("line\n"))
	must(t, err)
	begin := time.Now()
	_, err = file.Write(bytes.Repeat([]byte("x"), 1<<20)) // more than any pipe holds
	if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) > 10*writeTimeout {
		t.Errorf("got %v after %v, want a deadline error", err, time.Since(begin))
	}
}

func TestReopen(t *testing.T) {
	t.Run("loses_no_line_and_tears_none_while_writers_write", func(t *testing.T) {
		const writers, lines, rotations = 4, 500, 20
		path := filepath.Join(t.TempDir(), "log")
		file := openLog(t, path, Rules{})
		var wg conc.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for n := range lines {
					if _, err := fmt.Fprintf(file, "writer %d line %d\n", w, n); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for n := range rotations {
			must(t, os.Rename(path, fmt.Sprintf("%s.%d", path, n)))
			must(t, file.Reopen())
		}
		wg.Wait()
		var all strings.Builder
		names, _ := filepath.Glob(path + "*")
		for _, name := range names {
			all.WriteString(content(t, name))
		}
		seen := map[string]int{}
		for line := range strings.Lines(all.String()) {
			seen[line]++
		}
		for w := range writers {
			for n := range lines {
				if line := fmt.Sprintf("writer %d line %d\n", w, n); seen[line] != 1 {
					t.Fatalf("%q is there %d times", line, seen[line])
				}
			}
		}
		if len(seen) != writers*lines {
			t.Errorf("%d different lines, want %d", len(seen), writers*lines)
		}
	})
	t.Run("stays_with_the_old_file_when_the_new_one_cannot_be_opened", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "logs")
		must(t, os.Mkdir(dir, 0o755))
		file := openLog(t, filepath.Join(dir, "log"), Rules{})
		must(t, os.Rename(dir, dir+".moved"))
		if err := file.Reopen(); err == nil || !strings.Contains(err.Error(), "goes on in the old file") {
			t.Errorf("got %v", err)
		}
		_, err := file.Write([]byte("still\n"))
		must(t, err)
		if got := content(t, filepath.Join(dir+".moved", "log")); got != "still\n" {
			t.Errorf("holds %q", got)
		}
	})
	t.Run("a_closed_log_stays_closed", func(t *testing.T) {
		file := openLog(t, filepath.Join(t.TempDir(), "log"), Rules{})
		must(t, file.Close())
		_, err := file.Write([]byte("x"))
		if !errors.Is(err, os.ErrClosed) || !errors.Is(file.Reopen(), os.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}
