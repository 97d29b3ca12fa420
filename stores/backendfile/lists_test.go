package backendfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// safeDir is a directory whose rights are those that a list's should be.
func safeDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t testing.TB, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func texts(urls []backendurl.URL) string {
	var all []string
	for _, u := range urls {
		all = append(all, u.Secret())
	}
	return strings.Join(all, " ")
}

// old makes a file one that was not changed just now.
func old(t testing.TB, path string) {
	t.Helper()
	at := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	dir := safeDir(t)
	path := filepath.Join(dir, "b.json")
	for name, c := range map[string]struct {
		make       func(t *testing.T)
		want, gist string
	}{
		"a_list":                         {func(t *testing.T) { write(t, path, `["ftp://a","ftp://b"]`, 0o644) }, "ftp://a ftp://b", ""},
		"an_empty_file_is_an_empty_list": {func(t *testing.T) { write(t, path, "", 0o644) }, "", ""},
		"an_empty_array":                 {func(t *testing.T) { write(t, path, "[]", 0o644) }, "", "no usable URLs found in file '" + path + "'"},
		"world_writable": {func(t *testing.T) { write(t, path, `["ftp://a"]`, 0o666) }, "",
			"unable to use world-writable ProxyReverseServers '" + path + "' (perms 0666): Operation not permitted"},
		"a_world_writable_directory": {func(t *testing.T) {
			write(t, path, `["ftp://a"]`, 0o644)
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}, "", "unable to use ProxyReverseServers '" + path + "' from world-writable directory '" + dir + "' (perms 0777): Operation not permitted"},
		"a_link_to_a_world_writable_file": {func(t *testing.T) {
			target := filepath.Join(safeDir(t), "x")
			write(t, target, `["ftp://a"]`, 0o606)
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
		}, "", "unable to use world-writable ProxyReverseServers '" + path + "' (perms 0606)"},
		"a_link_into_a_world_writable_directory": {func(t *testing.T) {
			other := safeDir(t)
			write(t, filepath.Join(other, "x"), `["ftp://a"]`, 0o644)
			if err := errors.Join(os.Chmod(other, 0o757), os.Symlink(filepath.Join(other, "x"), path)); err != nil {
				t.Fatal(err)
			}
		}, "", "(perms 0757): Operation not permitted"},
		"a_link_to_a_safe_file": {func(t *testing.T) {
			target := filepath.Join(safeDir(t), "x")
			write(t, target, `["ftp://linked"]`, 0o644)
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
		}, "ftp://linked", ""},
		"a_link_to_nowhere": {func(t *testing.T) {
			if err := os.Symlink(filepath.Join(dir, "nowhere"), path); err != nil {
				t.Fatal(err)
			}
		}, "", "error reading ProxyReverseServers file '" + path + "'"},
		"a_pipe_does_not_hold_us": {func(t *testing.T) {
			if err := syscall.Mkfifo(path, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "", "not a regular file"},
		"a_directory":        {func(t *testing.T) { _ = os.Mkdir(path, 0o755) }, "", "not a regular file"},
		"nothing":            {func(*testing.T) {}, "", "no such file"},
		"larger_than_may_be": {func(t *testing.T) { write(t, path, strings.Repeat(" ", 5<<20+1), 0o644) }, "", "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := errors.Join(os.Chmod(dir, 0o755), os.RemoveAll(path)); err != nil {
				t.Fatal(err)
			}
			c.make(t)
			urls, err := New(Config{}).Read(path)
			if texts(urls) != c.want || (err == nil) != (c.gist == "") || err != nil && !strings.Contains(err.Error(), c.gist) {
				t.Errorf("read %q, %v; want %q, %q", texts(urls), err, c.want, c.gist)
			}
			if missing := errors.Is(err, fs.ErrNotExist); missing != (name == "nothing") {
				t.Errorf("%v says that the file is missing: %v", err, missing)
			}
		})
	}
}

func TestAListIsReadAgainWhenItChanged(t *testing.T) {
	log := &logtest.Lines{}
	l := New(Config{Log: zerolog.New(log)})
	path := filepath.Join(safeDir(t), "b.json")
	want := func(text string) {
		t.Helper()
		urls, err := l.Read(path)
		if err != nil || texts(urls) != text {
			t.Fatalf("read %q, %v; want %q", texts(urls), err, text)
		}
	}
	write(t, path, `["ftp://a", 1]`, 0o644)
	old(t, path)
	want("ftp://a")
	first := l.look(path)
	for range 10 {
		want("ftp://a")
	}
	if l.look(path) != first {
		t.Error("a file that did not change was read again")
	}
	if n := strings.Count(log.String(), "entry 2 of"); n != 1 {
		t.Errorf("what is skipped was said %d times:\n%s", n, log)
	}
	// In place, with the same size, at once and again: nothing goes unseen.
	for i := range 50 {
		write(t, path, fmt.Sprintf(`["ftp://a%02d"]`, i), 0o644)
		want(fmt.Sprintf("ftp://a%02d", i))
	}
	// A file that was changed just now may change again within the same tick of
	// the system's clock, and look the same: it is read each time.
	young := l.look(path)
	want("ftp://a49")
	if l.look(path) == young {
		t.Error("a file that was changed just now was not read again")
	}
	// Another file under its name, of the same size and time.
	write(t, path, `["ftp://x"]`, 0o644)
	old(t, path)
	want("ftp://x")
	write(t, path+".new", `["ftp://y"]`, 0o644)
	old(t, path+".new")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	want("ftp://y")
	// The rights count each time.
	if err := os.Chmod(path, 0o646); err != nil {
		t.Fatal(err)
	}
	if urls, err := l.Read(path); err == nil {
		t.Errorf("a world-writable list was used: %q", texts(urls))
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	want("ftp://y")
	// What cannot be used is said once for each change.
	write(t, path, `["ftp://a", 2]`, 0o644)
	old(t, path)
	want("ftp://a")
	want("ftp://a")
	if n := strings.Count(log.String(), "entry 2 of"); n != 2 {
		t.Errorf("what is skipped was said %d times:\n%s", n, log)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	l := New(Config{MaxFiles: 3, MaxBytes: 4000})
	dir := safeDir(t)
	path := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	for i := range 10 {
		write(t, path(i), `["ftp://a"]`, 0o644)
		for _, k := range []int{i, 0} { // the first one is used all the time
			if _, err := l.Read(path(k)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(l.known) != 3 || l.ages.Len() != 3 || l.look(path(0)) == nil || l.look(path(9)) == nil || l.look(path(7)) != nil {
		t.Errorf("%d lists are kept, %v", len(l.known), l.known)
	}
	write(t, path(10), `["ftp://a"`+strings.Repeat(`,"ftp://a"`, 100)+`]`, 0o644)
	if urls, err := l.Read(path(10)); err != nil || len(urls) != 101 {
		t.Errorf("%d URLs, %v", len(urls), err)
	}
	if len(l.known) != 0 || l.bytes != 0 {
		t.Errorf("%d lists of %d bytes are kept, and there is room for 4000", len(l.known), l.bytes)
	}
}
