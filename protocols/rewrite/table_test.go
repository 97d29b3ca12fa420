package rewrite

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestParseTable(t *testing.T) {
	cases := map[string]struct {
		text    string
		key     string
		want    string
		found   bool
		skipped []int
	}{
		"pair":                     {"a b\n", "a", "b", true, nil},
		"no_newline_at_the_end":    {"a b", "a", "b", true, nil},
		"tabs_and_blanks":          {" \ta\t  b \t\n", "a", "b", true, nil},
		"windows_lines":            {"a b\r\nc d\r\n", "a", "b", true, nil},
		"more_words":               {"a b c d", "a", "b", true, nil},
		"comment_behind":           {"a b # c", "a", "b", true, nil},
		"comment":                  {"#a b", "#a", "", false, nil},
		"comment_indented":         {"  # a b", "#", "", false, nil},
		"sign_within_a_key":        {"a#1 b", "a#1", "b", true, nil},
		"empty_lines":              {"\n \n\na b\n\n", "a", "b", true, nil},
		"last_of_equal_keys":       {"a b\na c\n", "a", "c", true, nil},
		"case_matters":             {"a b", "A", "", false, nil},
		"key_alone":                {"a b\nx\n  y \n", "x", "", false, []int{2, 3}},
		"continued":                {"a \\\nb\n", "a", "b", true, nil},
		"continued_numbers_lines":  {"a \\\nb\nx", "a", "b", true, []int{3}},
		"comments_do_not_continue": {"# c \\\na b\n", "a", "b", true, nil},
		"backslash_at_the_end":     {"a b\\", "a", `b\`, true, nil},
		"nothing":                  {"", "a", "", false, nil},
		"any_bytes":                {"\xff\x01 \xfe", "\xff\x01", "\xfe", true, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			table, err := ParseTable([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			got, found := table.Lookup(c.key)
			if got != c.want || found != c.found || !slices.Equal(table.Skipped, c.skipped) {
				t.Errorf("%q is %q, %t; skipped %v", c.key, got, found, table.Skipped)
			}
		})
	}
}

func TestTableIsBounded(t *testing.T) {
	if _, err := ParseTable(make([]byte, MaxTableBytes+1)); err == nil {
		t.Error("a table of any size is read")
	}
	table, err := ParseTable([]byte(strings.Repeat("alone\n", 1000)))
	if err != nil || len(table.Skipped) != maxSkipped || table.Len() != 0 {
		t.Errorf("%d lines are named, %v", len(table.Skipped), err)
	}
}

func TestTableRights(t *testing.T) {
	cases := map[string]struct {
		file, dir fs.FileMode
		gist      string
	}{
		"usual":              {0o644, fs.ModeDir | 0o755, ""},
		"group_may_write":    {0o664, fs.ModeDir | 0o775, ""},
		"anybody_may_write":  {0o646, fs.ModeDir | 0o755, "world-writable RewriteMap '/m' (perms 0646)"},
		"anybody_may_rename": {0o644, fs.ModeDir | fs.ModeSticky | 0o777, "from world-writable directory '/d' (perms 0777)"},
		"device":             {fs.ModeDevice | 0o600, fs.ModeDir | 0o755, "not a regular file"},
		"pipe":               {fs.ModeNamedPipe | 0o600, fs.ModeDir | 0o755, "not a regular file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := CheckTableRights("/m", c.file, "/d", c.dir)
			if (err == nil) != (c.gist == "") || err != nil && !strings.Contains(err.Error(), c.gist) {
				t.Errorf("got %v, want %q", err, c.gist)
			}
		})
	}
}
