package badger_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

// damages are the ways to hurt one file.
var damages = map[string]func([]byte) []byte{
	"truncated_to_half": func(b []byte) []byte { return b[:len(b)/2] },
	"zero_length":       func([]byte) []byte { return nil },
	"bytes_flipped": func(b []byte) []byte {
		for _, at := range []int{len(b) / 3, len(b) / 2, len(b) - 9} {
			if at >= 0 && at < len(b) {
				b[at] ^= 0xa5
			}
		}
		return b
	},
	"garbage": func(b []byte) []byte {
		rnd := rand.New(rand.NewPCG(1, uint64(len(b))))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	},
	"garbage_appended": func(b []byte) []byte { return append(b, "garbage, garbage, garbage"...) },
	"all_ones":         func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
	"only_zeros":       func(b []byte) []byte { return make([]byte, len(b)) },
	"removed":          nil,
}

// image is the content of a database's directory, trailing zeros cut off.
type image map[string]struct {
	content []byte
	size    int64
}

// takeImage reads the directory until it reads the same twice: a kill stops
// all files at one moment, but reading takes a while, and Badger may compact.
func takeImage(t *testing.T, dir string) image {
	t.Helper()
	img := readImage(t, dir)
	for {
		again := readImage(t, dir)
		if reflect.DeepEqual(img, again) {
			return img
		}
		img = again
	}
}

func readImage(t *testing.T, dir string) image {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	img := image{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // compacted away since it was listed
		}
		if err != nil {
			t.Fatal(err)
		}
		f := img[e.Name()]
		f.content, f.size = bytes.TrimRight(content, "\x00"), int64(len(content))
		img[e.Name()] = f
	}
	return img
}

func (img image) restore(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, f := range img {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, f.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, f.size); err != nil {
			t.Fatal(err)
		}
	}
}

func batch(i int) []stores.Change {
	var changes []stores.Change
	for n := range 5 {
		changes = append(changes, stores.Put(
			stores.Key{Kind: stores.KindCounters, Pool: "p", Name: fmt.Sprintf("backend-%d", n)},
			stores.AppendCounters(nil, stores.Counters{Connects: uint64(i), Failures: uint64(n)})))
	}
	return append(changes,
		// Long values, so that the files have more than one block.
		stores.Put(stores.Key{Kind: stores.KindRotation, Pool: fmt.Sprint("p", i%7)}, bytes.Repeat([]byte{byte(i)}, 2000)))
}

// history returns the images of a store with 3×20 batches, once as a clean
// end leaves it and once as a kill does, and the dump after each batch.
func history(t *testing.T) (closed, killed image, states []string) {
	t.Helper()
	dir := t.TempDir()
	states = append(states, "")
	n := 0
	for round := range 3 {
		s, _ := open(t, dir)
		for range 20 {
			n++
			if err := s.Apply(t.Context(), batch(n)); err != nil {
				t.Fatal(err)
			}
			states = append(states, strings.Join(storetest.Dump(t, s), "\n"))
		}
		if round == 2 {
			killed = takeImage(t, filepath.Join(dir, "badger"))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return takeImage(t, filepath.Join(dir, "badger")), killed, states
}

func TestEveryDamageIsSurvived(t *testing.T) {
	closed, killed, states := history(t)
	for kind, img := range map[string]image{"closed": closed, "killed": killed} {
		for file := range img {
			for how, hurt := range damages {
				if how == "removed" && strings.HasSuffix(file, ".mem") {
					continue // nothing refers to the newest log: nobody can miss it
				}
				t.Run(kind+"/"+file+"/"+how, func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					img.restore(t, filepath.Join(dir, "badger"))
					harm(t, filepath.Join(dir, "badger", file), hurt)
					afterDamage(t, dir, states)
				})
			}
		}
		t.Run(kind+"/unhurt", func(t *testing.T) {
			dir := t.TempDir()
			img.restore(t, filepath.Join(dir, "badger"))
			if got := afterDamage(t, dir, states); got != len(states)-1 {
				t.Errorf("came back with batch %d of %d; moved to %q", got, len(states)-1, movedAside(t, dir))
			}
		})
		for _, stray := range []string{"000999.sst", "00999.mem", "000999.vlog", "weird.sst", "weird.mem", "weird.vlog", "MANIFEST-REWRITE", "junk"} {
			t.Run(kind+"/stray_"+stray, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				img.restore(t, filepath.Join(dir, "badger"))
				path := filepath.Join(dir, "badger", stray)
				if err := os.WriteFile(path, bytes.Repeat([]byte("junk"), 999), 0o600); err != nil {
					t.Fatal(err)
				}
				afterDamage(t, dir, states)
			})
		}
	}
}

func harm(t *testing.T, path string, hurt func([]byte) []byte) {
	t.Helper()
	if hurt == nil {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Harm what is there, not the megabytes of zeros behind it.
	live := len(bytes.TrimRight(content, "\x00"))
	if err := os.WriteFile(path, hurt(content[:live]), 0o600); err != nil {
		t.Fatal(err)
	}
}

// afterDamage opens the store and holds it to the promise: all records, or an
// earlier state and a loud line, or a new store with the old one aside and a
// loud line that names both. It returns the batch whose state came back.
func afterDamage(t *testing.T, dir string, states []string) int {
	t.Helper()
	s, log := open(t, dir)
	got := slices.Index(states, strings.Join(storetest.Dump(t, s), "\n"))
	aside, loud := movedAside(t, dir), log.errors()
	switch {
	case got < 0:
		t.Fatalf("the store holds what it never held:\n%.2000q", storetest.Dump(t, s))
	case aside != "" && got != 0:
		t.Errorf("batch %d came back and yet the store was moved aside", got)
	case aside != "" && (len(loud) != 1 || !strings.Contains(loud[0], aside) || !strings.Contains(loud[0], filepath.Join(dir, "badger"))):
		t.Errorf("no single error line names both paths: %q", loud)
	case aside == "" && got != len(states)-1 && len(log.torn()) == 0:
		t.Errorf("silently fell back to batch %d of %d", got, len(states)-1)
	}
	if err := s.Apply(t.Context(), batch(1000)); err != nil {
		t.Errorf("not writable afterwards: %v", err)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Errorf("not syncable afterwards: %v", err)
	}
	return got
}

// TestRandomDamageIsSurvived hurts random places of random files.
func TestRandomDamageIsSurvived(t *testing.T) {
	_, killed, states := history(t)
	names := make([]string, 0, len(killed))
	for name := range killed {
		names = append(names, name)
	}
	slices.Sort(names)
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		dir := t.TempDir()
		killed.restore(t, filepath.Join(dir, "badger"))
		name := names[rnd.IntN(len(names))]
		harm(t, filepath.Join(dir, "badger", name), func(b []byte) []byte {
			for range 1 + rnd.IntN(8) {
				if len(b) > 0 {
					b[rnd.IntN(len(b))] = byte(rnd.Uint32())
				}
			}
			if rnd.IntN(4) == 0 {
				b = b[:rnd.IntN(len(b)+1)]
			}
			return b
		})
		t.Run(fmt.Sprintf("seed_%d_%s", seed, name), func(t *testing.T) {
			t.Parallel()
			afterDamage(t, dir, states)
		})
	}
}

func TestDamageWhileInUseRenewsTheStore(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	for i := range 20 {
		if err := s.Apply(t.Context(), batch(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // writes the table
		t.Fatal(err)
	}
	s, log := open(t, dir)
	tables, err := filepath.Glob(filepath.Join(dir, "badger", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%q, %v", tables, err)
	}
	for _, path := range tables {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		// It shows in Badger's map of the file at once.
		if _, err := f.WriteAt(bytes.Repeat([]byte{0xee}, 1000), 50); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Load(t.Context(), stores.KindRotation); !errors.Is(err, stores.ErrRenewed) {
		t.Fatalf("Load gave %v, want ErrRenewed", err)
	}
	if loud := log.errors(); len(loud) != 1 || !strings.Contains(loud[0], movedAside(t, dir)) {
		t.Errorf("said %q", loud)
	}
	if err := s.Apply(t.Context(), batch(1)); err != nil {
		t.Fatal(err)
	}
	if n := len(storetest.Dump(t, s)); n != 6 {
		t.Errorf("%d records in the new store, want 6", n)
	}
}
