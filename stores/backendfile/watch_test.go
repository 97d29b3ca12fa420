package backendfile

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"
)

// watched tells of the changes that Watch sees, until the test ends.
func watched(t *testing.T, cfg Config, paths ...string) <-chan string {
	t.Helper()
	cfg.Log = zerolog.New(zerolog.NewTestWriter(t))
	told := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := New(cfg).Watch(ctx, paths, func(path string) { told <- path }); err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	for range paths { // each is told once at first
		next(t, told)
	}
	return told
}

func next(t *testing.T, told <-chan string) string {
	t.Helper()
	select {
	case path := <-told:
		return path
	case <-time.After(20 * time.Second):
		t.Fatal("no change was told within 20s")
		return ""
	}
}

func TestWatch(t *testing.T) {
	dir := safeDir(t)
	list, other, later := filepath.Join(dir, "b.json"), filepath.Join(dir, "other.json"), filepath.Join(dir, "later.json")
	write(t, list, `["ftp://a"]`, 0o644)
	write(t, other, `["ftp://a"]`, 0o644)
	told := watched(t, Config{Settle: 20 * time.Millisecond, Poll: time.Hour}, list, other, later)
	steps := []struct {
		name string
		do   func() error
		path string
	}{
		{"written in place", func() error { return os.WriteFile(list, []byte(`["ftp://b"]`), 0o644) }, list},
		{"another file put in its place", func() error {
			write(t, list+".new", `["ftp://c"]`, 0o644)
			return os.Rename(list+".new", list)
		}, list},
		{"and again", func() error {
			write(t, list+".new", `["ftp://d"]`, 0o644)
			return os.Rename(list+".new", list)
		}, list},
		{"other rights", func() error { return os.Chmod(other, 0o666) }, other},
		{"gone", func() error { return os.Remove(list) }, list},
		{"there again", func() error { return os.WriteFile(list, []byte(`["ftp://e"]`), 0o644) }, list},
		{"there for the first time", func() error { return os.WriteFile(later, []byte(`["ftp://f"]`), 0o644) }, later},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatal(err)
		}
		for next(t, told) != s.path { // an earlier step may be seen as several
			t.Logf("%s: the step before was told once more", s.name)
		}
	}
}

// TestWatchFollowsLinks: lists of containers are links through a directory
// that is replaced as a whole.
func TestWatchFollowsLinks(t *testing.T) {
	dir := safeDir(t)
	for _, d := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, d, "b.json"), `["ftp://`+d+`"]`, 0o644)
	}
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("one", "data")
	link("data/b.json", "b.json")
	list := filepath.Join(dir, "b.json")
	told := watched(t, Config{Settle: 20 * time.Millisecond, Poll: time.Hour}, list)
	link("two", "data.new")
	if err := os.Rename(filepath.Join(dir, "data.new"), filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	if got := next(t, told); got != list {
		t.Errorf("%s was told", got)
	}
	for len(told) > 0 {
		next(t, told)
	}
	// The directory that it leads to now is watched, too.
	write(t, filepath.Join(dir, "two", "b.json"), `["ftp://two", "ftp://three"]`, 0o644)
	next(t, told)
	if urls, err := New(Config{}).Read(list); err != nil || texts(urls) != "ftp://two ftp://three" {
		t.Errorf("%q, %v", texts(urls), err)
	}
}

// Where nobody tells of changes they are looked for: here the directory comes
// after the watch.
func TestWatchLooksByItself(t *testing.T) {
	dir := filepath.Join(safeDir(t), "later")
	list := filepath.Join(dir, "b.json")
	told := watched(t, Config{Settle: 20 * time.Millisecond, Poll: 20 * time.Millisecond}, list)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, list, `["ftp://a"]`, 0o644)
	next(t, told)
}
