package listing

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// names are any bytes that can stand in a line and lead nowhere, mostly of the
// kind that parsers stumble over.
func names() *rapid.Generator[[]byte] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{" ", "  ", "; ", ";", " -> ", "->", "=", "\t", ",", "<DIR>", "\xff", "\xc3\x28", "é", "漢", "Jan  1 12:00 ", "type=dir; ", "[x]", ".DIR;1", "\\", "\x1b[2J", "'", "*FILE"}),
		rapid.StringMatching(`[a-zA-Z0-9._-]{1,8}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 6), func(b []byte) string { return string(b) }),
	)
	whole := rapid.Map(rapid.SliceOfN(piece, 1, 8), func(p []string) []byte { return bytes.Join(asBytes(p), nil) })
	return whole.Filter(harmless)
}

func asBytes(words []string) (out [][]byte) {
	for _, w := range words {
		out = append(out, []byte(w))
	}
	return out
}

func moments() *rapid.Generator[Date] {
	return rapid.Map(rapid.Int64Range(0, Date{2025, 12, 31, 23, 59, 59}.seconds()), Unix)
}

func kinds() *rapid.Generator[Kind] {
	return rapid.SampledFrom([]Kind{File, File, Dir, Dir, Cdir, Pdir, Symlink, Symlink, Pipe, Socket, CharDevice, BlockDevice, Door})
}

// entries are what a Unix list can tell.
func entries() *rapid.Generator[Entry] {
	return rapid.Custom(func(t *rapid.T) Entry {
		e := Entry{Kind: kinds().Draw(t, "kind"), Name: names().Draw(t, "name"), Modify: moments().Draw(t, "modify")}
		e.Mode, e.HasMode = rapid.Uint16Range(0, 0o7777).Draw(t, "mode"), true
		e.Perm, e.HasPerm = permOf(e.Kind.isDir(), e.Mode), true
		if !e.Kind.isDir() {
			e.Size, e.HasSize = rapid.Uint64Range(0, 1e17).Draw(t, "size"), true
		}
		word := rapid.SampledFrom([]string{"root", "May", "folder1", "Jan", "a-rather-long-name", `DOM\joe`, "x"})
		id := rapid.SampledFrom([]string{"0", "1000", "2026"})
		if rapid.Bool().Draw(t, "numeric") {
			e.Owner, e.Group = []byte(id.Draw(t, "owner")), []byte(id.Draw(t, "group"))
		} else {
			e.OwnerName, e.GroupName = []byte(word.Draw(t, "owner")), []byte(word.Draw(t, "group"))
		}
		if e.Kind == Symlink {
			e.Target = slices.Concat([]byte("/"), names().Draw(t, "target"))
			e.Size = uint64(len(e.Target))
		}
		e.settle()
		return e
	})
}

// parsed reads one line after the first lines, which tell the family.
func parsed(t *rapid.T, family Family, line []byte) Entry {
	t.Helper()
	line, ended := bytes.CutSuffix(line, []byte("\r\n"))
	if !ended {
		t.Fatalf("%q does not end", line)
	}
	p := Parser{Now: today}
	e, ok := p.Parse(line)
	if !ok || p.Family() != family {
		t.Fatalf("%q is taken for %v, %v", line, p.Family(), ok)
	}
	return e
}

func same(t *rapid.T, got, want Entry, line []byte) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q is read as something else:\n%s", line, diff)
	}
}

func TestUnixLinesSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entries().Draw(t, "entry")
		line := e.AppendLIST(nil, today)
		got := parsed(t, FamilyUnix, line)
		want := e
		want.Modify.Second = 0
		if !e.Modify.isRecent(today) {
			want.Modify = Date{Year: e.Modify.Year, Month: e.Modify.Month, Day: e.Modify.Day}
		}
		if e.Kind.isDir() {
			got.Size, got.HasSize = 0, false // that of the directory itself
		}
		if e.Kind == CharDevice || e.Kind == BlockDevice {
			want.Size, want.HasSize = 0, false
		}
		same(t, got, want, line)
	})
}

func TestMLSDLinesSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entries().Draw(t, "entry")
		if e.Kind == Symlink && !isValue(e.Target) {
			e.Target = nil // not to be told
		}
		line := e.AppendMLSD(nil, AllFacts, true)
		checkMLSD(t, line)
		got := parsed(t, FamilyMLSD, line)
		same(t, got, e, line)
	})
}

func TestEPLFLinesSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{Name: names().Draw(t, "name"), Modify: moments().Draw(t, "modify"), Perm: PermRead, HasPerm: true}
		if rapid.Bool().Draw(t, "dir") {
			e.Kind, e.Perm = Dir, PermEnter|PermList
		} else {
			e.Size, e.HasSize = rapid.Uint64Range(0, 1e17).Draw(t, "size"), true
		}
		facts := fmt.Sprintf("+i1.2,m%d,", e.Modify.seconds())
		if e.Kind == Dir {
			facts += "/,\t"
		} else {
			facts += fmt.Sprintf("r,s%d,\t", e.Size)
		}
		line := slices.Concat([]byte(facts), e.Name, []byte("\r\n"))
		same(t, parsed(t, FamilyEPLF, line), e, line)
	})
}

func TestDOSLinesSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{Name: names().Draw(t, "name"), Modify: moments().Draw(t, "modify")}
		if bytes.Contains(e.Name, backslash) {
			t.Skip("no name of such a system")
		}
		e.Modify.Second = 0
		d := e.Modify
		half := "AM"
		if d.Hour >= 12 {
			half = "PM"
		}
		when := fmt.Sprintf("%02d-%02d-%02d  %02d:%02d%s", d.Month, d.Day, d.Year%100, (d.Hour+11)%12+1, d.Minute, half)
		switch long := rapid.Bool().Draw(t, "long"); {
		case long:
			when = fmt.Sprintf("%02d-%02d-%04d  %02d:%02d", d.Month, d.Day, d.Year, d.Hour, d.Minute)
		case d.Year > 2068:
			t.Skip("two digits are not enough")
		}
		middle := "       <DIR>          "
		if rapid.Bool().Draw(t, "dir") {
			e.Kind = Dir
		} else {
			e.Size, e.HasSize = rapid.Uint64Range(0, 1e17).Draw(t, "size"), true
			middle = fmt.Sprintf("%20d ", e.Size)
		}
		line := slices.Concat([]byte(when+middle), e.Name, []byte("\r\n"))
		if d.Year < 1969 {
			t.Skip("two digits are not enough")
		}
		same(t, parsed(t, FamilyDOS, line), e, line)
	})
}

// Whatever a listing holds, and wherever it is cut: what comes out is MLSD.
func TestCutsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []byte
		for _, e := range rapid.SliceOfN(entries(), 0, 5).Draw(t, "entries") {
			in = e.AppendLIST(in, today)
			in = append(in, rapid.SampledFrom([]string{"", "", "\r\n", "total 5\r\n", "junk\n", "\r\r\n"}).Draw(t, "between")...)
		}
		opts := Options{To: rapid.SampledFrom([]Style{MLSD, LIST, NLST}).Draw(t, "style"), Facts: AllFacts, Now: today}
		whole, counts := run(t, opts, in)
		var pieces [][]byte
		for rest := in; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, other := run(t, opts, pieces...)
		if !bytes.Equal(got, whole) || counts != other {
			t.Fatalf("%q cut up becomes %q %+v, whole %q %+v", in, got, other, whole, counts)
		}
		if opts.To == MLSD {
			checkMLSD(t, got)
		}
	})
}
