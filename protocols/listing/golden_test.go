package listing

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected files anew; look at what changes")

// families says what each recorded listing is to be taken for.
var families = map[string]Family{
	"unix-ls": FamilyUnix, "unix-odd": FamilyUnix, "unix-bytes": FamilyUnix, "unix-abroad": FamilyUnix,
	"dos-iis": FamilyDOS, "dos-variants": FamilyDOS, "eplf": FamilyEPLF, "vms": FamilyVMS,
	"os400": FamilyOS400, "os2": FamilyOS2, "mvs": FamilyMVS, "mvs-members": FamilyMembers,
	"mvs-load": FamilyMembers, "netware": FamilyNetWare, "cms": FamilyCMS, "guardian": FamilyGuardian, "mlsd": FamilyMLSD,
}

func TestRecordedListings(t *testing.T) {
	lists, err := filepath.Glob("testdata/*.list")
	if err != nil || len(lists) != len(families) {
		t.Fatalf("%d listings for %d claims, %v", len(lists), len(families), err)
	}
	for _, path := range lists {
		name := strings.TrimSuffix(filepath.Base(path), ".list")
		in, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for ext, opts := range map[string]Options{
			"mlsd": {To: MLSD, Facts: AllFacts, UseSlink: true, Now: today},
			"ls":   {To: LIST, All: true, Now: today},
			"nlst": {To: NLST, Now: today},
		} {
			t.Run(name+"/"+ext, func(t *testing.T) {
				got := splits(t, opts, in)
				tr := NewTranslator(opts)
				tr.Feed(in)
				tr.Append(nil)
				if tr.Family() != families[name] {
					t.Errorf("taken for %v", tr.Family())
				}
				if ext == "mlsd" {
					checkMLSD(t, got)
				}
				expected(t, "testdata/"+name+"."+ext, got)
			})
		}
	}
}

func expected(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error(cmp.Diff(strings.SplitAfter(string(want), "\n"), strings.SplitAfter(string(got), "\n")))
	}
}

// checkMLSD holds the output to the grammar of RFC 3659 §7.2: facts whose names
// and values are of the permitted letters, one blank, a name, CRLF.
func checkMLSD(t failer, out []byte) {
	t.Helper()
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz,.:!@#$%^&()-_+?/\\'\""
	for len(out) > 0 {
		line, rest, ended := bytes.Cut(out, []byte("\r\n"))
		facts, name, blank := bytes.Cut(line, []byte(" "))
		switch {
		case !ended, !blank:
			t.Fatalf("%q is no line of MLSD", line)
		case len(name) == 0, bytes.ContainsAny(name, "\r\n\x00/"), len(facts) > 0 && facts[len(facts)-1] != ';':
			t.Fatalf("%q has a name that leads astray, or none", line)
		}
		up := string(name) == ".." || bytes.HasPrefix(name, []byte(`..\`))
		if up && !bytes.Contains(facts, []byte("type=pdir;")) && bytes.Contains(facts, []byte("type=")) {
			t.Fatalf("%q leads upwards", line)
		}
		for fact := range bytes.SplitSeq(bytes.TrimSuffix(facts, []byte(";")), []byte(";")) {
			key, value, ok := strings.Cut(string(fact), "=")
			if len(facts) > 0 && (!ok || key == "" || !madeOf(key, letters) || !madeOf(value, letters+"=")) {
				t.Fatalf("%q has a fact %q", line, fact)
			}
			if key == "modify" && timeVal([]byte(value)).IsZero() {
				t.Fatalf("%q has no such date", line)
			}
		}
		out = rest
	}
}

func madeOf(s, letters string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(letters, r) }) < 0
}
