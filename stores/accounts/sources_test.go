package accounts_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
)

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
