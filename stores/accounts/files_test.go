package accounts_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/stores/accounts"
)

func TestAccountsAreRead(t *testing.T) {
	r := newRoom(t)
	r.write("passwd",
		"# accounts",
		"",
		"ann:"+shaHash+":1001:100:Ann, of the house:/home/ann:/bin/sh\r",
		"bob:"+md5Hash+":1002:200::/home/bob:/bin/false",
		"bob:"+shaHash+":1:1::/:/bin/sh", // the first counts
		"locked:!"+shaHash+":1003:100::/:/bin/sh",
		"empty::1004:100::/:/bin/sh",
		"costly:$6$rounds=999999999$salt$"+strings.Repeat("a", 86)+":1005:300::/:/bin/sh",
		"nobody:broken line",
		"+::::::",
		"minus:*:-1:0::/:/bin/sh",
	)
	r.write("group", "# groups", "staff:x:100:bob, ann ,,zoe", "users:x:200:", "staff:x:900:", "ftp:x:400:ann,bob", "bad:x:y:")
	cfg := r.config(accounts.File{Path: "passwd"})
	cfg.Groups = []accounts.File{{Path: r.path("group")}}
	f := r.open(cfg)

	ann, ok := look(t, f, "ann")
	if !ok || ann.UID != 1001 || ann.GID != 100 || ann.Home != "/home/ann" || ann.Shell != "/bin/sh" || ann.Group != "staff" ||
		!slices.Equal(ann.Groups, []string{"staff", "ftp"}) || !opens(t, ann.Secret, "secret") || opens(t, ann.Secret, "other") {
		t.Errorf("ann: %+v", ann)
	}
	bob, ok := look(t, f, "bob")
	if !ok || bob.UID != 1002 || bob.Group != "users" || !slices.Equal(bob.Groups, []string{"users", "staff", "ftp"}) || !opens(t, bob.Secret, "secret") {
		t.Errorf("bob: %+v", bob)
	}
	for name, note := range map[string]string{"locked": "locked", "empty": "no hash", "costly": "rounds=999999999"} {
		if a, ok := look(t, f, name); !ok || a.Secret != nil || !strings.Contains(a.Note, note) {
			t.Errorf("%s: %+v, want a note of %q and no secret", name, a, note)
		}
	}
	if a, _ := look(t, f, "costly"); a.Group != "300" || !slices.Equal(a.Groups, []string{"300"}) {
		t.Errorf("a group without a name is %q of %q, want its number", a.Group, a.Groups)
	}
	for _, name := range []string{"nobody", "+", "minus", "", "Ann", "zoe", "# accounts"} {
		if a, ok := look(t, f, name); ok {
			t.Errorf("%q is there: %+v", name, a)
		}
	}
	r.wantLog(`"user":"costly"`, "rounds=999999999, of which 1000000 are allowed", `"lines":3`, `"lines":1`)
}

func TestFilters(t *testing.T) {
	r := newRoom(t)
	var lines []string
	for i := range 10 {
		lines = append(lines, fmt.Sprintf("u%d:%s:%d:%d::/home/%d:/bin/sh", i, md5Hash, 1000+i, i, i%3))
	}
	r.write("passwd", lines...)
	r.write("group", "g0:x:0:u1", "g1:x:1:u1", "h2:x:2:u1")
	for _, c := range []struct {
		claim string
		file  accounts.File
		want  string
	}{
		{"none", accounts.File{}, "u0 u1 u2 u3 u4 u5 u6 u7 u8 u9"},
		{"a_range_of_ids_with_both_ends", accounts.File{IDLow: 1002, IDHigh: 1004}, "u2 u3 u4"},
		{"homes", accounts.File{Home: re(`^/home/1$`)}, "u1 u4 u7"},
		{"names", accounts.File{Name: re(`[89]`)}, "u8 u9"},
		{"all_of_them", accounts.File{IDLow: 1000, IDHigh: 1005, Home: re(`1`), Name: re(`[4-9]`)}, "u4"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			c.file.Path = "passwd"
			f := r.open(r.config(c.file))
			var got []string
			for i := range 10 {
				if _, ok := look(t, f, fmt.Sprintf("u%d", i)); ok {
					got = append(got, fmt.Sprintf("u%d", i))
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
	t.Run("of_groups", func(t *testing.T) {
		cfg := r.config(accounts.File{Path: "passwd"})
		cfg.Groups = []accounts.File{{Path: r.path("group"), IDLow: 1, IDHigh: 2, Name: re("^g")}}
		if a, _ := look(t, r.open(cfg), "u1"); !slices.Equal(a.Groups, []string{"g1"}) {
			t.Errorf("groups %q", a.Groups)
		}
	})
}

type pattern struct{ re *regexp.Regexp }

func (p pattern) Match(s string) bool { return p.re.MatchString(s) }

func re(s string) accounts.Matcher { return pattern{regexp.MustCompile(s)} }

func TestRightsOfOthers(t *testing.T) {
	for _, c := range []struct {
		claim            string
		users, groups    os.FileMode
		dir              os.FileMode
		insecure, opened bool
	}{
		{"closed_files_are_used", 0o600, 0o640, 0o750, false, true},
		{"the_group_may_read", 0o640, 0o644, 0o755, false, true},
		{"world_readable_users", 0o604, 0o600, 0o755, false, false},
		{"world_writable_users", 0o602, 0o600, 0o755, false, false},
		{"world_readable_groups_are_used", 0o600, 0o644, 0o755, false, true},
		{"world_writable_groups", 0o600, 0o602, 0o755, false, false},
		{"a_world_writable_directory", 0o600, 0o600, 0o777, false, false},
		{"insecure_perms_allow_it_all", 0o666, 0o666, 0o777, true, true},
	} {
		t.Run(c.claim, func(t *testing.T) {
			r := newRoom(t)
			r.write("passwd", "ann:"+md5Hash+":1:1::/:/bin/sh")
			r.write("group", "staff:x:1:")
			r.chmod("passwd", c.users)
			r.chmod("group", c.groups)
			r.chmod(".", c.dir)
			cfg := r.config(accounts.File{Path: "passwd"})
			cfg.Groups, cfg.InsecurePerms = []accounts.File{{Path: r.path("group")}}, c.insecure
			if _, err := accounts.Open(cfg); (err == nil) != c.opened {
				t.Errorf("opened: %v, want %v", err, c.opened)
			}
		})
	}
}

func TestFilesThatCannotBeOpened(t *testing.T) {
	r := newRoom(t)
	r.write("large", strings.Repeat("a", 2000))
	for name, want := range map[string]string{
		"missing": "no such file", ".": "not a regular file", "large": "larger than 1000 bytes",
	} {
		cfg := r.config(accounts.File{Path: name})
		cfg.MaxBytes = 1000
		if _, err := accounts.Open(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want something of %q", name, err, want)
		}
	}
	r.write("none")
	r.write("nonsense", "one", "two:three")
	for _, name := range []string{"none", "nonsense"} {
		f := r.open(r.config(accounts.File{Path: name}))
		if _, ok := look(t, f, "one"); ok {
			t.Errorf("%s has an account", name)
		}
		r.write(name, "ann:"+md5Hash+":1:1::/:/bin/sh")
		r.later()
		if _, ok := look(t, f, "ann"); !ok {
			t.Errorf("%s has no account after it was filled", name)
		}
	}
	r.wantLog("none of its lines", "in order again")
}

func TestSyntaxCheckNamesLines(t *testing.T) {
	r := newRoom(t)
	r.write("passwd", "ann:"+md5Hash+":1:1::/:/bin/sh", "x:"+shaHash, "y:z")
	cfg := r.config(accounts.File{Path: "passwd"})
	cfg.SyntaxCheck = true
	f := r.open(cfg)
	r.wantLog(`"line":2`, `"line":3`)
	r.write("passwd", "x:y")
	for range 5 {
		r.later()
		look(t, f, "ann")
	}
	if n := strings.Count(r.log.String(), `"line":1,`); n != 1 {
		t.Errorf("a line that is wrong is named %d times:\n%s", n, r.log.String())
	}
}
