package backendurl

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestParseList(t *testing.T) {
	many := "[" + strings.Repeat(`"ftp://h",`, MaxListItems) + `"ftp://last"]`
	cases := map[string]struct {
		text    string
		urls    int
		skipped string // in the first of them
		gist    string // of the error
		noURLs  bool
	}{
		"a_list":                         {`["ftp://a", "sftp://b:2222?weight=2"]`, 2, "", "", false},
		"empty_text_is_an_empty_list":    {" \n", 0, "", "", false},
		"an_empty_array_has_no_urls":     {`[]`, 0, "", "no usable URLs found in file '/f': expected an array", true},
		"bad_entries_are_left_out":       {`["ftp://a", 7, "ftp://b"]`, 2, "entry 2 of '/f' is skipped: it is not a string", "", false},
		"nothing_but_bad_entries":        {`["http://a"]`, 0, "entry 1", "no usable URLs", true},
		"more_than_there_may_be":         {many, MaxListItems, "'/f' has 1001 entries; only the first 1000 are used", "", false},
		"no_array":                       {`{"a": "ftp://a"}`, 0, "", "error reading ProxyReverseServers file '/f': expected a JSON array", false},
		"half_a_file":                    {`["ftp://a", "ft`, 0, "", "expected a JSON array", false},
		"larger_than_a_list_may_be":      {strings.Repeat(" ", MaxListBytes+1), 0, "", "larger than", false},
		"passwords_are_not_told_further": {`["ftp://u:canary@h:x", "ftp://a"]`, 1, "entry 1 of '/f' is skipped: the port", "", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			list, err := ParseList("/f", []byte(c.text))
			if len(list.URLs) != c.urls {
				t.Errorf("%d URLs, want %d", len(list.URLs), c.urls)
			}
			if c.gist == "" && err != nil || c.gist != "" && (err == nil || !strings.Contains(err.Error(), c.gist)) {
				t.Errorf("error %v, want one about %q", err, c.gist)
			}
			if errors.Is(err, ErrNoURLs) != c.noURLs {
				t.Errorf("%v wraps ErrNoURLs: %v", err, !c.noURLs)
			}
			if got := strings.Join(list.Skipped, "\n"); (got == "") != (c.skipped == "") || !strings.HasPrefix(got, c.skipped) || strings.Contains(got, "canary") {
				t.Errorf("skipped %q, want %q", got, c.skipped)
			}
		})
	}
}

func TestCheckListRights(t *testing.T) {
	for name, c := range map[string]struct {
		file, dir fs.FileMode
		want      string
	}{
		"safe":               {0o644, 0o755, ""},
		"group_may_write":    {0o664, 0o775, ""},
		"a_writable_file":    {0o666, 0o755, "unable to use world-writable ProxyReverseServers '/d/f' (perms 0666): Operation not permitted"},
		"a_writable_dir":     {0o644, 0o777, "unable to use ProxyReverseServers '/d/f' from world-writable directory '/d' (perms 0777): Operation not permitted"},
		"a_sticky_dir_too":   {0o644, 0o777 | fs.ModeSticky, "from world-writable directory '/d' (perms 0777)"},
		"the_file_comes_1st": {0o602, 0o777, "unable to use world-writable ProxyReverseServers '/d/f' (perms 0602)"},
	} {
		err := CheckListRights("/d/f", c.file, "/d", c.dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzList(f *testing.F) {
	for _, s := range []string{``, `[]`, `["ftp://h", 1, null, "x"]`, `["ftp://u:p@[::1]:990/x?weight=3&max=2&backup"`, "[[[["} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseList("/f", text)
		if err != nil && len(list.URLs) > 0 {
			t.Fatalf("URLs and the error %v", err)
		}
		if len(list.URLs) > MaxListItems || len(list.Skipped) > MaxListItems+1 {
			t.Fatalf("%d URLs, %d skipped", len(list.URLs), len(list.Skipped))
		}
		for _, u := range list.URLs {
			if again, err := Parse(u.Secret()); err != nil || again != u {
				t.Fatalf("%q is no URL that could have been parsed: %v", u, err)
			}
		}
	})
}

func TestInherit(t *testing.T) {
	parse := func(s string) URL {
		t.Helper()
		u, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for name, c := range map[string]struct{ found, asked, want string }{
		"account_and_limits_of_the_one_that_asked": {"ftp://h:2121", "ftp+srv://u:p@x?max=9&backup", "ftp://u:p@h:2121?max=9&backup"},
		"its_own_come_first":                       {"ftp://a:b@h:2121?max=3", "ftp+txt://u:p@x?max=9", "ftp://a:b@h:2121?max=3"},
		"weights_multiply":                         {"ftp://h:1?weight=6", "ftp+srv://x?weight=4", "ftp://h:1?weight=24"},
		"up_to_the_highest":                        {"ftp://h:1?weight=600", "ftp+srv://x?weight=4", "ftp://h:1?weight=1000"},
	} {
		if got := parse(c.found).Inherit(parse(c.asked)); got != parse(c.want) {
			t.Errorf("%s: %s, want %s", name, got.Secret(), c.want)
		}
	}
}

func TestBare(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"account_and_tuning_do_not_matter": {"ftp://u:p@H?weight=3&max=2&backup", "ftp://h", true},
		"the_port_does":                    {"ftp://h:2121", "ftp://h", false},
		"so_does_discovery":                {"ftp+srv://h", "ftp://h", false},
		"so_does_implicit_tls":             {"ftps://h:990", "ftps://h", false},
	} {
		a, errA := Parse(c.a)
		b, errB := Parse(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if (a.Bare() == b.Bare()) != c.same {
			t.Errorf("%s: %+v and %+v", name, a.Bare(), b.Bare())
		}
	}
	implicit, err := Parse("ftps://h:990")
	if err != nil || !implicit.Bare().Implicit || !implicit.Plain("x", 990).Implicit || implicit.Plain("x", 21).Implicit {
		t.Errorf("ftps at 990 is implicit TLS: %+v, %v", implicit.Bare(), err)
	}
}
