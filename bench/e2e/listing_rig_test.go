package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/protocols/listing"
)

// oddNames are names that a list may spoil. A name that ends in a blank is none of
// them: the servers themselves drop it.
var oddNames = []string{
	"plain", "two words", " leading", "  leading twice", "semi;colon; type=dir; x", "a -> b", "-dash", "~tilde",
	"caf\xe9 in Latin 1", "\xc3\xbc in UTF-8", "=,.:!@#$%^&()", "Jan  1 12:00 name", "12345", "back\\slash", "star[1]*?",
}

// furnish fills a directory: a file of every odd name, each of another size and
// age, directories and links.
func furnish(t testing.TB, home string) {
	t.Helper()
	now := time.Now()
	for i, name := range oddNames {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, noise(i*311), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, []fs.FileMode{0o644, 0o666, 0o755, 0o444}[i%4]); err != nil {
			t.Fatal(err)
		}
		// Some with the time of day in a list, some with the year, one of the year before in any month.
		age := []time.Duration{time.Minute, 3 * 24 * time.Hour, 170 * 24 * time.Hour, 400 * 24 * time.Hour, 9000 * 24 * time.Hour}[i%5]
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"sub dir", "-R", " blank dir", "sub dir/deeper", "glob[1]*"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, dir, "inside "+filepath.Base(dir)), noise(17), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"link": "plain", "link to  blanks": "two words", "dangling": "no/such -> file"} {
		if err := os.Symlink(target, filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// shownFacts is what a list says of one name.
type shownFacts struct {
	kind   string // type, without the target of a link
	target string
	size   uint64
	modify time.Time
	mode   string
}

// mlsdFacts reads MLSD as a client does that takes RFC 3659 by its word.
func mlsdFacts(t testing.TB, body []byte) map[string]shownFacts {
	t.Helper()
	got := map[string]shownFacts{}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(body, []byte("\r\n")), []byte("\r\n")) {
		facts, name, ok := strings.Cut(string(line), "; ")
		if !ok {
			t.Fatalf("%q is no line of MLSD, of\n%s", line, body)
		}
		var f shownFacts
		for fact := range strings.SplitSeq(facts, ";") {
			key, value, _ := strings.Cut(fact, "=")
			var err error
			switch strings.ToLower(key) {
			case "type":
				f.kind = value
				if kind, target, slink := strings.Cut(value, "slink:"); slink {
					f.kind, f.target = kind+"symlink", target
				}
			case "size":
				_, err = fmt.Sscan(value, &f.size)
			case "modify":
				f.modify, err = time.Parse("20060102150405", value)
			case "unix.mode":
				f.mode = value
			}
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		if _, twice := got[name]; twice {
			t.Fatalf("%q is there twice:\n%s", name, body)
		}
		got[name] = f
	}
	return got
}

// factsOnDisk is what a list of the directory should say. A list tells the minute of
// what is new, and the day of what is old.
func factsOnDisk(t testing.TB, dir string) map[string]shownFacts {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]shownFacts{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		f := shownFacts{kind: "file", size: uint64(info.Size()), modify: info.ModTime().UTC(), mode: fmt.Sprintf("0%o", info.Mode().Perm())}
		switch {
		case info.IsDir():
			f.kind, f.size = "dir", 0
		case info.Mode()&fs.ModeSymlink != 0:
			f.kind = "OS.unix=symlink"
			if f.target, err = os.Readlink(filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
		want[e.Name()] = f
	}
	return want
}

// sameFacts compares what a client was shown with what is there.
func sameFacts(t testing.TB, got, want map[string]shownFacts) {
	t.Helper()
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Errorf("%q is missing of %q", name, slices.Sorted(keys(got)))
			continue
		}
		if g.kind != w.kind || g.size != w.size || g.mode != "" && g.mode != w.mode {
			t.Errorf("%q is shown as %+v, and is %+v", name, g, w)
		}
		minute, day := w.modify.Truncate(time.Minute), w.modify.Truncate(24*time.Hour)
		if old := time.Since(w.modify) > 185*24*time.Hour; !g.modify.Truncate(time.Minute).Equal(minute) && !(old && g.modify.Equal(day)) {
			t.Errorf("%q is shown as of %v, and is of %v", name, g.modify, w.modify)
		}
		if g.target != "" && g.target != w.target {
			t.Errorf("%q is shown to lead to %q, and leads to %q", name, g.target, w.target)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok && name != "." && name != ".." {
			t.Errorf("%q is shown and does not exist", name)
		}
	}
}

func keys[K cmp.Ordered, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// recorded is one of the listings that the translator's own tests look at.
type recorded struct {
	name string
	list []byte
}

func recordedListings(t testing.TB) (all []recorded) {
	t.Helper()
	const room = "../../protocols/listing/testdata"
	paths, err := filepath.Glob(filepath.Join(room, "*.list"))
	if err != nil || len(paths) < 12 {
		t.Fatalf("found %d recorded listings, %v", len(paths), err)
	}
	for _, path := range paths {
		all = append(all, recorded{strings.TrimSuffix(filepath.Base(path), ".list"), read(t, path)})
	}
	return all
}

// golden is what the listing becomes, without the dates, which depend on the day.
func (r recorded) golden(t testing.TB, ext string) string {
	t.Helper()
	return string(read(t, "../../protocols/listing/testdata/"+r.name+"."+ext))
}

// translated is what the listing becomes now.
func (r recorded) translated(opts listing.Options) string {
	opts.Now = listing.Unix(time.Now().Unix())
	tr := listing.NewTranslator(opts)
	tr.Feed(r.list)
	return string(tr.End(nil))
}

// withoutDates takes the modify facts out.
func withoutDates(mlsd string) string {
	var out strings.Builder
	for line := range strings.Lines(mlsd) {
		if rest, ok := strings.CutPrefix(line, "modify="); ok {
			_, line, _ = strings.Cut(rest, ";")
		}
		out.WriteString(line)
	}
	return out.String()
}
