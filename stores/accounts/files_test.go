package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
)

const (
	md5Hash    = "$1$openssl$WADKixAsEAmO6GNrWEvsG/" // all three of "secret"
	shaHash    = "$5$opensslsalt$28YgC4.tAowV13jNxqzLnOO0f1mtdYEDqrNBYLuRao/"
	bcryptHash = "$2b$05$a5Rwg0d/hi9PgDJXuJxmZeLOEy8X6D7CFALdLibGEXEne6GsBXcGm"
)

// room is a directory of files and a clock that the files are looked at by.
type room struct {
	t   testing.TB
	dir string
	mu  sync.Mutex
	now time.Time
	log bytes.Buffer
}

func newRoom(t testing.TB) *room {
	dir := filepath.Join(t.TempDir(), "etc")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	return &room{t: t, dir: dir, now: time.Now().Add(time.Hour)} // files are old then
}

func (r *room) path(name string) string { return filepath.Join(r.dir, name) }

func (r *room) write(name string, lines ...string) {
	r.t.Helper()
	p := r.path(name)
	if err := os.WriteFile(p+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(p+".new", p); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) chmod(name string, mode os.FileMode) {
	r.t.Helper()
	if err := os.Chmod(filepath.Join(r.dir, name), mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// later lets the time for another look come.
func (r *room) later() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(time.Minute)
}

func (r *room) config(users ...accounts.File) accounts.Config {
	for i := range users {
		users[i].Path = r.path(users[i].Path)
	}
	return accounts.Config{Users: users, Now: r.clock, Log: zerolog.New(&r.log)}
}

func (r *room) open(cfg accounts.Config) *accounts.Files {
	r.t.Helper()
	f, err := accounts.Open(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

func (r *room) wantLog(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.log.String(), text) {
			r.t.Errorf("the log says nothing of %q:\n%s", text, r.log.String())
		}
	}
	for _, secret := range []string{md5Hash, shaHash, bcryptHash} {
		if strings.Contains(r.log.String(), secret[8:]) {
			r.t.Errorf("the log shows a hash:\n%s", r.log.String())
		}
	}
}

func look(t testing.TB, s stores.Accounts, name string) (stores.Account, bool) {
	t.Helper()
	a, err := s.Lookup(context.Background(), stores.AccountQuery{Name: name})
	if err != nil && !errors.Is(err, stores.ErrNoAccount) {
		t.Fatal(err)
	}
	return a, err == nil
}

func opens(t testing.TB, s stores.Credential, password string) bool {
	t.Helper()
	ok, err := s.Verify(context.Background(), password)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

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

func TestChangesCount(t *testing.T) {
	ann := "ann:" + md5Hash + ":1:1::/:/bin/sh"
	start := func(t *testing.T) (*room, *accounts.Files) {
		r := newRoom(t)
		r.write("passwd", ann)
		return r, r.open(r.config(accounts.File{Path: "passwd"}))
	}
	t.Run("a_new_account_is_there", func(t *testing.T) {
		r, f := start(t)
		r.write("passwd", ann, "bob:"+md5Hash+":2:2::/:/bin/sh")
		if _, ok := look(t, f, "bob"); ok {
			t.Error("the file was looked at before its time")
		}
		r.later()
		if _, ok := look(t, f, "bob"); !ok {
			t.Error("bob is not there")
		}
		r.write("passwd", "bob:"+md5Hash+":2:2::/:/bin/sh")
		r.later()
		if _, ok := look(t, f, "ann"); ok {
			t.Error("ann is still there")
		}
	})
	for claim, spoil := range map[string]func(*room){
		"gone":            func(r *room) { _ = os.Remove(r.path("passwd")) },
		"open_to_others":  func(r *room) { r.write("passwd", "bob:"+md5Hash+":2:2::/:/x"); r.chmod("passwd", 0o644) },
		"nonsense":        func(r *room) { r.write("passwd", "what is this") },
		"a_directory":     func(r *room) { _ = os.Remove(r.path("passwd")); _ = os.Mkdir(r.path("passwd"), 0o700) },
		"a_writable_room": func(r *room) { r.chmod(".", 0o777) },
	} {
		t.Run("for_the_worse_they_do_not_"+claim, func(t *testing.T) {
			r, f := start(t)
			spoil(r)
			for range 3 {
				r.later()
				if _, ok := look(t, f, "ann"); !ok {
					t.Fatal("what the file said last is forgotten")
				}
				if _, ok := look(t, f, "bob"); ok {
					t.Fatal("a bad file counts")
				}
			}
			if n := strings.Count(r.log.String(), "changed for the worse"); n != 1 {
				t.Errorf("said %d times:\n%s", n, r.log.String())
			}
			r.chmod(".", 0o750)
			_ = os.Remove(r.path("passwd"))
			r.write("passwd", "bob:"+md5Hash+":2:2::/:/bin/sh")
			r.later()
			if _, ok := look(t, f, "bob"); !ok {
				t.Error("a good file does not count again")
			}
			r.wantLog("in order again")
		})
	}
	t.Run("one_within_the_tick_of_the_file_system_is_seen", func(t *testing.T) {
		r, _ := start(t)
		r.now = time.Now()
		f := r.open(r.config(accounts.File{Path: "passwd"}))
		info, err := os.Stat(r.path("passwd"))
		if err != nil {
			t.Fatal(err)
		}
		// The same size, the same date, the same file: only its content differs.
		if err := os.WriteFile(r.path("passwd"), []byte(strings.Replace(ann, "ann", "bob", 1)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(r.path("passwd"), info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		r.later()
		if _, ok := look(t, f, "bob"); !ok {
			t.Error("the change was not seen")
		}
	})
	t.Run("many_may_ask_while_it_changes", func(t *testing.T) {
		r, f := start(t)
		var wg conc.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					r.later()
					if _, err := f.Lookup(context.Background(), stores.AccountQuery{Name: "ann"}); err != nil {
						t.Errorf("ann: %v", err)
						return
					}
				}
			})
		}
		for i := range 20 {
			r.write("passwd", ann, fmt.Sprintf("u%d:%s:2:2::/:/bin/sh", i, md5Hash))
		}
		wg.Wait()
	})
}

func TestTheSystemsAccounts(t *testing.T) {
	r := newRoom(t)
	today := r.now.Unix() / 86400
	r.write("passwd", "root:x:0:0::/root:/bin/sh", "ann:x:1:1::/:/bin/sh", "gone:x:2:1::/:/bin/sh", "old:x:3:1::/:/bin/sh",
		"must:x:4:1::/:/bin/sh", "grace:x:5:1::/:/bin/sh", "odd:x:6:1::/:/bin/sh", "own:"+md5Hash+":7:1::/:/bin/sh")
	r.chmod("passwd", 0o644)
	r.write("group", "staff:x:1:")
	r.write("shadow", "root:*:19000:0:99999:7:::",
		"ann:"+shaHash+fmt.Sprintf(":%d:0:99999:7:::", today-400),
		"gone:"+shaHash+fmt.Sprintf(":%d:0:99999:7::%d:", today-400, today-1),
		"old:"+shaHash+fmt.Sprintf(":%d:0:90:7:5::", today-96),
		"must:"+shaHash+":0:0:99999:7:::",
		"grace:"+shaHash+fmt.Sprintf(":%d:0:90:7:5::", today-95))
	open := func() (*accounts.Files, error) {
		return accounts.OpenSystem(accounts.System{Passwd: r.path("passwd"), Shadow: r.path("shadow"), Group: r.path("group"), Config: r.config()})
	}
	f, err := open()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]stores.AccountState{"ann": stores.AccountUsable, "gone": stores.AccountDisabled, "old": stores.AccountExpired,
		"must": stores.AccountExpired, "grace": stores.AccountUsable, "own": stores.AccountUsable}
	got := map[string]stores.AccountState{}
	for name := range want {
		a, ok := look(t, f, name)
		if !ok || a.Secret == nil || !opens(t, a.Secret, "secret") || a.Group != "staff" {
			t.Errorf("%s: %+v", name, a)
		}
		got[name] = a.State
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, name := range []string{"root", "odd"} {
		if a, ok := look(t, f, name); !ok || a.Secret != nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	r.chmod("shadow", 0o644)
	if _, err := open(); err == nil {
		t.Error("a shadow file that all can read is used")
	}
}

func TestUserPasswordCounts(t *testing.T) {
	r := newRoom(t)
	r.write("passwd", "ann:!:1:1::/:/bin/sh", "bob:"+md5Hash+":2:1::/:/bin/sh", "eve:"+md5Hash+":3:1::/:/bin/sh")
	f := r.open(r.config(accounts.File{Path: "passwd"}))
	p := accounts.WithPasswords(f, map[string]string{"ann": bcryptHash, "bob": "*", "zoe": md5Hash}, accounts.Limits{})
	if a, ok := look(t, p, "ann"); !ok || a.Note != "" || !opens(t, a.Secret, "secret") || a.Secret.String() != "$2$ cost=5" {
		t.Errorf("ann: %+v", a)
	}
	if a, ok := look(t, p, "bob"); !ok || a.Secret != nil || !strings.Contains(a.Note, "UserPassword") {
		t.Errorf("bob: %+v", a)
	}
	if a, ok := look(t, p, "eve"); !ok || !opens(t, a.Secret, "secret") {
		t.Errorf("eve: %+v", a)
	}
	if _, ok := look(t, p, "zoe"); ok {
		t.Error("zoe is in no source")
	}
	kinds := map[string]int{}
	for i := range 400 {
		kinds[p.Decoy(fmt.Sprint("n", i)).String()]++
	}
	if len(kinds) != 2 || kinds["$2$ cost=5"] < 50 || kinds["$1$"] == 0 {
		t.Errorf("decoys: %v", kinds)
	}
	if accounts.WithPasswords(f, nil, accounts.Limits{}) != stores.Accounts(f) {
		t.Error("without UserPassword there is nothing to wrap")
	}
}

// Claim 15: whom nobody knows is compared with a hash of the kinds and costs
// that the accounts have, as often as they have them, and always the same.
func TestClaim15DecoysAreLikeAccounts(t *testing.T) {
	r := newRoom(t)
	var lines []string
	for i := range 100 {
		h := []string{shaHash, shaHash, shaHash, md5Hash}[i%4]
		lines = append(lines, fmt.Sprintf("u%d:%s:1:1::/:/bin/sh", i, h))
	}
	r.write("passwd", append(lines, "star:*:1:1::/:/bin/sh")...)
	f := r.open(r.config(accounts.File{Path: "passwd"}))
	counts := map[string]int{}
	const n = 4000
	for i := range n {
		name := fmt.Sprintf("nobody%d", i)
		d := f.Decoy(name)
		counts[d.String()]++
		if again := f.Decoy(name); again != d {
			t.Fatalf("%s meets %v, then %v", name, d, again)
		}
	}
	// Binomial: the share of $1$ is 1/4 within five standard deviations.
	if got, off := float64(counts["$1$"]), 5*math.Sqrt(n*0.25*0.75); len(counts) != 2 || math.Abs(got-n*0.25) > off {
		t.Errorf("decoys %v, want a quarter of $1$ and else $5$ rounds=5000", counts)
	}
	r.write("passwd", "star:*:1:1::/:/bin/sh")
	r.later()
	if d := f.Decoy("x"); d.String() != "$6$ rounds=5000" {
		t.Errorf("without any hash the decoy is %v", d)
	}
}

func TestLists(t *testing.T) {
	r := newRoom(t)
	l := accounts.NewList(r.path("shells"), zerolog.New(&r.log))
	if listed, known := l.Has("/bin/sh"); listed || known {
		t.Errorf("no list: %v, %v", listed, known)
	}
	r.write("shells", "# shells", "/bin/sh", "  /bin/bash  ", " # not this", "")
	l = accounts.NewList(r.path("shells"), zerolog.New(&r.log))
	for name, want := range map[string]bool{"/bin/sh": true, "/bin/bash": true, "": false, "# shells": false, "/bin": false} {
		if listed, known := l.Has(name); listed != want || !known {
			t.Errorf("%q: %v, %v", name, listed, known)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	r := newRoom(b)
	lines := make([]string, 100_000)
	for i := range lines {
		lines[i] = fmt.Sprintf("u%d:%s:%d:1::/home/u%d:/bin/sh", i, shaHash, i, i)
	}
	r.write("passwd", lines...)
	f := r.open(r.config(accounts.File{Path: "passwd"}))
	for _, name := range []string{"u77777", "nobody"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				look(b, f, name)
			}
		})
	}
}
