package listing

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// seeds are the recorded listings and lines that were found hard.
func seeds(f *testing.F) (lists [][]byte) {
	paths, err := filepath.Glob("testdata/*.list")
	if err != nil || len(paths) == 0 {
		f.Fatalf("%d listings, %v", len(paths), err)
	}
	for _, path := range paths {
		in, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		lists = append(lists, in)
	}
	return append(lists, []byte("+m99999999999999999,s999999999999999999,\tx"), []byte("type=OS.=;=;; "), []byte("l--------- 0 Jan  1 00:00  -> "))
}

// FuzzTranslator: whatever is fed, in whatever pieces, comes out as the same
// valid lines, and no more than a line is held.
func FuzzTranslator(f *testing.F) {
	for i, in := range seeds(f) {
		f.Add(in, uint8(i), uint8(0), uint8(i))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut, from, style uint8) {
		opts := Options{To: Style(style % 3), From: Family(from) % familiesOfLists, Facts: AllFacts, UseSlink: style&4 != 0, All: style&8 != 0, Now: today}
		whole, counts := run(t, opts, in)
		var pieces [][]byte
		for rest := in; len(rest) > 0; {
			n := min(1+int(cut), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, other := run(t, opts, pieces...)
		if !bytes.Equal(got, whole) || counts != other {
			t.Fatalf("cut up it becomes %q %+v, whole %q %+v", got, other, whole, counts)
		}
		if lines := bytes.Count(whole, []byte("\n")); lines > counts.Entries || lines != bytes.Count(whole, []byte("\r\n")) || lines != bytes.Count(whole, []byte("\r")) {
			t.Fatalf("%d lines of %d entries: %q", lines, counts.Entries, whole)
		}
		if len(whole) > 2*len(in)+256*counts.Entries {
			t.Fatalf("%d bytes become %d", len(in), len(whole))
		}
		if opts.To == MLSD {
			checkMLSD(t, whole)
		}
	})
}

// FuzzLine: what a parser takes can be written as MLSD and as LIST, and is read
// back from there as what it was; a second writing changes nothing.
func FuzzLine(f *testing.F) {
	for i, in := range seeds(f) {
		for line := range bytes.Lines(in) {
			f.Add(bytes.TrimRight(line, "\r\n"), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte, family uint8) {
		p := NewParser(Family(family)%familiesOfLists, today)
		e, ok := p.Parse(line)
		if !ok {
			return
		}
		told := e.AppendMLSD(nil, AllFacts, true)
		checkMLSD(t, told)
		again(t, FamilyMLSD, e, told, func(e *Entry) []byte { return e.AppendMLSD(nil, AllFacts, true) })
		shown := e.AppendLIST(nil, today)
		again(t, FamilyUnix, e, shown, func(e *Entry) []byte { return e.AppendLIST(nil, today) })
	})
}

func again(t *testing.T, family Family, want Entry, line []byte, write func(*Entry) []byte) {
	t.Helper()
	p := NewParser(family, today)
	e, ok := p.Parse(bytes.TrimSuffix(line, []byte("\r\n")))
	if !ok || !bytes.Equal(e.Name, want.Name) || e.Kind != want.Kind {
		if want.Kind == Symlink && want.Target == nil && bytes.Contains(want.Name, []byte(" -> ")) {
			return // a LIST cannot tell this name from a name and a target
		}
		t.Fatalf("%q is read as %+v, %v; it was %+v", line, e, ok, want)
	}
	if second := write(&e); !bytes.Equal(second, line) {
		t.Fatalf("%q is written again as %q", line, second)
	}
}
