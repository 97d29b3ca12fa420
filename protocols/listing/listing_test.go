package listing

import (
	"bytes"
	"strings"
	"testing"
)

func translated(t *testing.T, opts Options, in string) string {
	t.Helper()
	return string(splits(t, opts, []byte(in)))
}

func TestFamilyIsSettledByTheFirstLineUnderstood(t *testing.T) {
	for name, tt := range map[string]struct {
		in     string
		family Family
	}{
		"sum, then Unix":                  {"total 3\r\n-rw-r--r-- 1 a b 1 Jan  1  2020 x\r\n", FamilyUnix},
		"first byte 0":                    {"04-27-00  09:09PM       <DIR>          a\r\n", FamilyDOS},
		"first byte 1":                    {"12-27-00  09:09PM       <DIR>          a\r\n", FamilyDOS},
		"second byte 1 is not Windows":    {"d1 x\r\n-rw-r--r-- 1 a b 1 Jan  1  2020 x\r\n", FamilyUnix},
		"size 0 and an attribute is OS/2": {"0           DIR   04-11-95   16:26  ADDRESS\r\n", FamilyOS2},
		"a semicolon alone is not VMS":    {"a;1 is a file\r\n", FamilyUnknown},
		"a blank before is not MLSD":      {" Volume in drive C is x\r\n", FamilyUnknown},
		"the first decides":               {"+/,\tx\r\n-rw-r--r-- 1 a b 1 Jan  1  2020 x\r\n", FamilyEPLF},
		"datasets by their heading":       {"Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\r\n", FamilyMVS},
		"nothing":                         {"", FamilyUnknown},
		"an error where a list should be": {"ls: cannot access 'x': No such file or directory\r\n", FamilyUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			tr := NewTranslator(Options{Now: today})
			tr.Feed([]byte(tt.in))
			tr.Append(nil)
			if tr.Family() != tt.family {
				t.Errorf("taken for %v, want %v", tr.Family(), tt.family)
			}
		})
	}
}

func TestForeignLinesAreLeftOut(t *testing.T) {
	in := "-rw-r--r-- 1 a b 1 Jan  1  2020 x\r\n04-27-00  09:09PM       <DIR>          y\r\n+r,\tz\r\n"
	tr := NewTranslator(Options{To: NLST, Now: today})
	tr.Feed([]byte(in))
	if got := string(tr.Append(nil)); got != "x\r\n" || tr.Counts() != (Counts{Entries: 1, Skipped: 2}) {
		t.Errorf("%q, %+v", got, tr.Counts())
	}
}

func TestKnownFamilyTakesNamesWithoutFacts(t *testing.T) {
	if got := translated(t, Options{To: NLST, From: FamilyMLSD}, "  a\r\n b\r\n"); got != " a\r\nb\r\n" {
		t.Errorf("%q", got)
	}
}

func TestLongLinesAreLeftOut(t *testing.T) {
	const row = "-rw-r--r-- 1 a b 1 Jan  1  2020 "
	fits := strings.Repeat("x", MaxLine-len(row))
	for name, tt := range map[string]struct {
		line  string
		lines int
	}{
		"at the limit":                {row + fits + "\r\n", 2},
		"at the limit without CR":     {row + fits + "\n", 2},
		"one beyond":                  {row + fits + "x\r\n", 1},
		"one beyond, without CR":      {row + fits + "x\n", 1},
		"far beyond":                  {row + strings.Repeat(fits, 9) + "\r\n", 1},
		"nothing but CRs at the end":  {row + fits + "\r\r\r\r\n", 1},
		"the last line, without end":  {"", 1},
		"the last line, long, no end": {"", 1},
	} {
		t.Run(name, func(t *testing.T) {
			in := tt.line + row + "after"
			if strings.HasSuffix(name, "no end") {
				in = row + "y\n" + row + fits + "x"
			}
			if got := translated(t, Options{To: NLST, Now: today}, in); strings.Count(got, "\r\n") != tt.lines {
				t.Errorf("%d lines, want %d", strings.Count(got, "\r\n"), tt.lines)
			}
		})
	}
}

func TestATranslatorServesOneListingAfterAnother(t *testing.T) {
	tr := NewTranslator(Options{To: NLST, Now: today})
	for _, in := range []string{"+r,\tone", "-rw-r--r-- 1 a b 1 Jan  1  2020 two", "04-27-00  09:09PM                    5 three"} {
		tr.Feed([]byte(in))
		if got := string(tr.End(nil)); !strings.Contains(in, strings.TrimSpace(got)) || got == "" {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

func TestHarmlessNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, " ": true, "...": true, "a..b": true, `a\b`: true, `..a\b`: true, "\xff": true, ". ": true,
		"": false, ".": false, "..": false, "/": false, "a/b": false, "../a": false, `..\a`: false, `a\..`: false,
		`a\..\b`: false, "a\rb": false, "a\nb": false, "a\x00": false,
	} {
		if harmless([]byte(name)) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// A link or a file that calls itself a directory's name is nobody's.
func TestOnlyDirectoriesAreDots(t *testing.T) {
	in := "lrwxrwxrwx 1 a b 3 Jan  1  2020 .. -> etc\r\n-rw-r--r-- 1 a b 3 Jan  1  2020 .\r\ndrwxr-xr-x 1 a b 3 Jan  1  2020 ..\r\n"
	if got := translated(t, Options{Facts: FactType, Now: today}, in); got != "type=pdir; ..\r\n" {
		t.Errorf("%q", got)
	}
}

func TestFactsAreChosen(t *testing.T) {
	const in = "lrwxrwxrwx 1 a 7 3 Jan  1  2020 x -> etc\r\n"
	for name, tt := range map[string]struct {
		facts Facts
		slink bool
		want  string
	}{
		"none":                 {0, true, " x"},
		"type":                 {FactType, false, "type=OS.unix=symlink; x"},
		"type with its target": {FactType, true, "type=OS.unix=slink:etc; x"},
		"names and numbers":    {FactUnixGroup | FactUnixOwner, false, "UNIX.group=7; x"},
		"OPTS in another order": {ParseFacts("unix.MODE;Type;nonsense;PERM;size"), false,
			"perm=adfrw;type=OS.unix=symlink;UNIX.mode=0777; x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := translated(t, Options{Facts: tt.facts, UseSlink: tt.slink, Now: today}, in); got != tt.want+"\r\n" {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestFactsInWords(t *testing.T) {
	if got := ParseFacts("SIZE;modify;x;"); got != FactSize|FactModify || got.String() != "modify;size;" {
		t.Errorf("%v", got)
	}
	if got := ParseFacts(""); got != 0 || ParseFacts("type") != 0 {
		t.Errorf("%v without a semicolon", got)
	}
	if got := FactsNamed([]string{"Type", "unique", "UNIX.mode"}); got.Feature(AllFacts) != "modify;perm;size;type*;UNIX.group;UNIX.groupname;UNIX.mode*;UNIX.owner;UNIX.ownername;" {
		t.Errorf("%v", got.Feature(AllFacts))
	}
	if got := FactType.Feature(FactSize | FactType); got != "size;type*;" {
		t.Errorf("%v of two", got)
	}
	if AllFacts.ListFlags() != "-al" || (AllFacts&^FactUnixOwnerName).ListFlags() != "-aln" {
		t.Error("the flags of LIST do not follow UNIX.ownername")
	}
	if AllFacts.String() != strings.Join(factNames[:], ";")+";" {
		t.Errorf("all facts are %v", AllFacts)
	}
}

func TestBaffling(t *testing.T) {
	for name, tt := range map[string]struct {
		in       string
		baffling bool
	}{
		"nothing at all":        {"", false},
		"an empty directory":    {"total 0\r\n\r\n", false},
		"… of another tongue":   {"insgesamt 0\r\n", false},
		"a heading alone":       {"Directory DISK$USER:[JOE]\r\n\r\nTotal of 0 files.\r\n", false},
		"an error":              {"ls: cannot access 'x': No such file or directory\r\n", true},
		"a name alone":          {"x\r\n", true},
		"one line too long":     {strings.Repeat("x", MaxLine+1) + "\r\n", true},
		"one line that is good": {"what is this?\r\n+r,\tx\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, counts := run(t, Options{Now: today}, []byte(tt.in)); counts.Baffling() != tt.baffling {
				t.Errorf("%+v", counts)
			}
		})
	}
}

// The names of another directory's list are to be paths (RFC 1123 §4.1.2.7).
func TestPrefix(t *testing.T) {
	in := "type=cdir; .\r\ntype=file; one\r\ntype=dir;  two\r\n"
	if got := translated(t, Options{To: NLST, Prefix: "a b/"}, in); got != "a b/one\r\na b/ two\r\n" {
		t.Errorf("%q", got)
	}
}

func TestPermOfModes(t *testing.T) {
	for _, tt := range []struct {
		dir  bool
		mode uint16
		want string
	}{
		{false, 0, "d"}, {false, 0o400, "dr"}, {false, 0o002, "adfw"}, {false, 0o664, "adfrw"}, {false, 0o111, "d"},
		{true, 0, "d"}, {true, 0o444, "d"}, {true, 0o001, "del"}, {true, 0o020, "cdfmp"}, {true, 0o755, "cdeflmp"},
	} {
		if got := string(permOf(tt.dir, tt.mode).append(nil)); got != tt.want {
			t.Errorf("%v %o: %s, want %s", tt.dir, tt.mode, got, tt.want)
		}
	}
}

// Bytes fed twice before they are asked for are one stream, and the caller's
// first buffer is left as it was.
func TestFeedTwice(t *testing.T) {
	first := make([]byte, 0, 64)
	first = append(first, "+r,\to"...)
	tr := NewTranslator(Options{To: NLST})
	tr.Feed(first)
	tr.Feed([]byte("ne\r\n+r,\ttwo\r\n"))
	if got := string(tr.Append(nil)); got != "one\r\ntwo\r\n" || !bytes.Equal(first[:cap(first)][len(first):], make([]byte, cap(first)-len(first))) {
		t.Errorf("%q", got)
	}
}
