package backendfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/stores"
)

func TestTemplate(t *testing.T) {
	dir := safeDir(t)
	outside := filepath.Join(filepath.Dir(dir), "outside.json")
	write(t, outside, `["ftp://outside"]`, 0o644)
	t.Cleanup(func() { _ = os.Remove(outside) })
	for name, text := range map[string]string{
		"joe.json": `["ftp://joe"]`, "%g.json": `["ftp://percent"]`, "empty.json": "", "none.json": "[]",
		"broken.json": `["ftp://a"`, "useless.json": `["http://a"]`, "staff-joe.json": `["ftp://both"]`, "a b@c.json": `["ftp://odd"]`,
	} {
		write(t, filepath.Join(dir, name), text, 0o644)
	}
	write(t, filepath.Join(dir, "open.json"), `["ftp://open"]`, 0o666)
	l := New(Config{})
	const (
		found = iota
		none
		missing
		refused
	)
	for name, c := range map[string]struct {
		file  string
		by    Variable
		who   stores.Asker
		how   int
		token string // of the list, or of the error
	}{
		"by_user":                            {"%U.json", User, stores.Asker{User: "joe"}, found, "ftp://joe"},
		"by_group":                           {"%g.json", Group, stores.Asker{User: "ann", Group: "joe"}, found, "ftp://joe"},
		"by_both":                            {"%g-%U.json", Group, stores.Asker{User: "joe", Group: "staff"}, found, "ftp://both"},
		"a_name_is_no_variable":              {"%U.json", User, stores.Asker{User: "%g", Group: "joe"}, found, "ftp://percent"},
		"odd_names_are_names":                {"%U.json", User, stores.Asker{User: "a b@c"}, found, "ftp://odd"},
		"the_wrong_variable_is_for_nobody":   {"%g.json", User, stores.Asker{User: "joe", Group: "joe"}, none, ""},
		"no_file":                            {"%U.json", User, stores.Asker{User: "ann"}, missing, ""},
		"no_directory":                       {"x/%U.json", User, stores.Asker{User: "ann"}, missing, ""},
		"an_empty_file":                      {"%U.json", User, stores.Asker{User: "empty"}, none, ""},
		"an_empty_list":                      {"%U.json", User, stores.Asker{User: "none"}, none, ""},
		"a_broken_one_is_an_error":           {"%U.json", User, stores.Asker{User: "broken"}, refused, "JSON"},
		"nothing_usable_is_an_error":         {"%U.json", User, stores.Asker{User: "useless"}, refused, "no usable URLs"},
		"a_world_writable_one_is_an_error":   {"%U.json", User, stores.Asker{User: "open"}, refused, "world-writable"},
		"no_name":                            {"%U.json", User, stores.Asker{}, refused, "empty"},
		"no_group":                           {"%g-%U.json", User, stores.Asker{User: "joe"}, refused, "empty"},
		"a_way_up":                           {"%U.json", User, stores.Asker{User: "../outside"}, refused, "'/'"},
		"two_dots":                           {"%U/../joe.json", User, stores.Asker{User: "a.."}, refused, "'..'"},
		"a_hidden_one":                       {"%U.json", User, stores.Asker{User: ".joe"}, refused, "dot"},
		"a_nul":                              {"%U.json", User, stores.Asker{User: "joe\x00"}, refused, "control"},
		"a_line_end":                         {"%U.json", User, stores.Asker{User: "joe\n"}, refused, "control"},
		"a_name_longer_than_any_file's":      {"%U.json", User, stores.Asker{User: strings.Repeat("a", 256)}, refused, "longer"},
		"a_path_longer_than_the_system_lets": {"%U.json", User, stores.Asker{User: strings.Repeat("a", 255)}, refused, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			urls, err := l.Template(filepath.Join(dir, c.file), c.by).Backends(t.Context(), c.who)
			got := refused
			switch {
			case err == nil:
				got = found
			case errors.Is(err, stores.ErrNoList) && errors.Is(err, fs.ErrNotExist):
				got = missing
			case errors.Is(err, stores.ErrNoList):
				got = none
			}
			if c.file == "%U/../joe.json" { // what Join made of it has no variable left
				_, err = expand(dir+"/"+c.file, c.who)
				got = refused
			}
			if got != c.how || c.how == found && texts(urls) != c.token || c.how == refused && (err == nil || !strings.Contains(err.Error(), c.token)) {
				t.Errorf("%q, %v", texts(urls), err)
			}
		})
	}
}

// stays is the law of names: whatever they are, the path that comes out differs
// from the template only where the variables stood, and leads nowhere else.
func stays(t interface{ Fatalf(string, ...any) }, template, user, group string) {
	path, err := expand(template, stores.Asker{User: user, Group: group})
	if err != nil {
		if !errors.Is(err, ErrName) {
			t.Fatalf("%v is not ErrName", err)
		}
		return
	}
	before, after := strings.Split(template, "/"), strings.Split(path, "/")
	if len(before) != len(after) || strings.ContainsRune(path, 0) {
		t.Fatalf("%q became %q for %q and %q", template, path, user, group)
	}
	clean := filepath.Clean(path)
	if strings.Count(clean, "/") != strings.Count(filepath.Clean(template), "/") {
		t.Fatalf("%q became %q for %q and %q, which is %q", template, path, user, group, clean)
	}
	for i := range before {
		if !strings.Contains(before[i], "%U") && !strings.Contains(before[i], "%g") && before[i] != after[i] {
			t.Fatalf("%q became %q for %q and %q", template, path, user, group)
		}
	}
}

var templates = []string{"/b/%U.json", "/b/%g/%U", "/b/x%U", "/%U/%g.json", "/b/%U%g", "/b/%U"}

func TestNamesStayInTheirPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[./a%Ug\x00]{0,6}`), rapid.SampledFrom([]string{"..", ".", "%U", "%g", "a/b", "a"}))
		stays(t, rapid.SampledFrom(templates).Draw(t, "template"), name.Draw(t, "user"), name.Draw(t, "group"))
	})
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"joe", "..", "../x", ".", "%g", "%U", "a\x00", "/", "", "a..b"} {
		f.Add(uint8(0), s, "staff")
		f.Add(uint8(1), "joe", s)
	}
	f.Fuzz(func(t *testing.T, which uint8, user, group string) {
		stays(t, templates[int(which)%len(templates)], user, group)
	})
}
