package badger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/badger"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

// lines is a log that Badger's goroutines may write.
type lines struct{ logtest.Lines }

// errors returns the lines of level error.
func (l *lines) errors() []string { return l.Having(`"level":"error"`) }

// torn returns the warnings about a log that ends too early.
func (l *lines) torn() []string { return l.Having("what was written last is lost") }

func open(t *testing.T, dir string) (*badger.Store, *lines) {
	t.Helper()
	var log lines
	s, err := badger.Open(dir, zerolog.New(&log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, &log
}

func TestContract(t *testing.T) {
	dirs := map[stores.Store]string{}
	storetest.Run(t, storetest.Maker{
		Open: func(t *testing.T) stores.Store {
			dir := t.TempDir()
			s, _ := open(t, dir)
			dirs[s] = dir
			return s
		},
		Reopen: func(t *testing.T, s stores.Store) stores.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again, log := open(t, dirs[s])
			dirs[again] = dirs[s]
			if e := log.errors(); len(e) > 0 {
				t.Errorf("reopening a closed store was not silent: %q", e)
			}
			return again
		},
	})
}

func TestOneStorePerDirectory(t *testing.T) {
	dir := t.TempDir()
	first, _ := open(t, dir)
	_, err := badger.Open(dir, zerolog.Nop())
	if !errors.Is(err, badger.ErrInUse) {
		t.Fatalf("second Open gave %v, want ErrInUse", err)
	}
	for _, part := range []string{dir, "stop that gateway", "ProxyTables"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestAForeignOwnerIsNotDamage(t *testing.T) {
	if os.Geteuid() == 0 { // who may write everywhere
		againAsNobody(t)
		return
	}
	dir := t.TempDir()
	s, _ := open(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, "badger", "MANIFEST")
	if err := os.Chmod(manifest, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := badger.Open(dir, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "MANIFEST") {
		t.Fatalf("got %v, want an error that names the file", err)
	}
	if aside := movedAside(t, dir); aside != "" {
		t.Fatalf("moved to %s although nothing is damaged", aside)
	}
}

// movedAside returns the directory of a damaged store, "" if there is none.
func movedAside(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "damaged-*"))
	if err != nil || len(found) > 1 {
		t.Fatalf("found %q, %v", found, err)
	}
	if len(found) == 0 {
		return ""
	}
	return found[0]
}
