package sqlsource

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/sluice-gateway/sluice/stores"
)

func bcrypted(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(t, err)
	return string(h)
}

func sha256Of(password string) string {
	sum := sha256.Sum256([]byte(password))
	return "{sha256}" + base64.StdEncoding.EncodeToString(sum[:])
}

// people makes the tables of mod_sql's manual and who is in them.
func (r *rig) people(t *testing.T) {
	t.Helper()
	r.do(t, "CREATE TABLE users (userid TEXT, passwd TEXT, uid INTEGER, gid INTEGER, homedir TEXT, shell TEXT)")
	r.do(t, "CREATE TABLE ftpgroups (groupname TEXT, gid INTEGER, members TEXT)")
	add := func(name string, password any, uid, gid any) {
		r.do(t, "INSERT INTO users VALUES (?, ?, ?, ?, '/home', '/bin/sh')", name, password, uid, gid)
	}
	add("alice", bcrypted(t, "wonderland"), 2001, 3001)
	add("bob", sha256Of("builder"), 2002, 3002)
	add("carol", "in clear", 2003, 3001)
	add("dave", nil, 2004, 3001)
	add("root", bcrypted(t, "toor"), 0, 0)
	add("lost", bcrypted(t, "x"), nil, nil)
	add("o'br%_ien!", bcrypted(t, "x"), 2005, 3001)
	for _, g := range []struct {
		name, members string
		gid           int
	}{
		{"staff", "", 3001}, {"makers", "bob", 3002}, {"first", "alice,bob", 3003}, {"middle", "bob,alice,carol", 3004},
		{"last", "bob,alice", 3005}, {"others", "alicea,xalice", 3006}, {"odd", "x,o'br%_ien!", 3007}, {"wild", "x,o'brAAien!", 3008},
	} {
		r.do(t, "INSERT INTO ftpgroups VALUES (?, ?, ?)", g.name, g.gid, g.members)
	}
}

var (
	groupInfo   = []string{"ftpgroups", "groupname", "gid", "members"}
	everyKind   = []string{"Crypt", "OpenSSL", "Plaintext"}
	userColumn  = "userid, passwd, uid, gid, homedir, shell FROM users WHERE userid = '%U'"
	customUsers = []string{"custom:/by-name/by-id"}
	customQuery = map[string]Query{
		"by-name":         {Verb: "SELECT", Text: userColumn},
		"group-by-name":   {Verb: "SELECT", Text: "groupname, gid, members FROM ftpgroups WHERE groupname = '%{0}'"},
		"group-by-id":     {Verb: "SELECT", Text: "groupname, gid, members FROM ftpgroups WHERE gid = %{0}"},
		"group-by-member": {Verb: "SELECT", Text: "groupname, gid, members FROM ftpgroups WHERE members = '%{0}'"},
	}
)

func testAccounts(t *testing.T, r *rig) {
	r.people(t)
	for source, cfg := range map[string]AccountsConfig{
		"tables": {GroupInfo: groupInfo, AuthTypes: everyKind},
		"custom": {UserInfo: customUsers, GroupInfo: []string{"custom:/group-by-name/group-by-id/group-by-member"}, AuthTypes: everyKind},
	} {
		t.Run(source, func(t *testing.T) {
			a, err := r.databases(t, Config{Queries: customQuery}).Accounts(cfg)
			must(t, err)
			testPeople(t, a, source == "tables")
		})
	}
}

func testPeople(t *testing.T, a *Accounts, lists bool) {
	if a.String() != "mod_sql.c" {
		t.Errorf("it calls itself %s", a)
	}
	for name, tt := range map[string]struct {
		password string
		uid      int64
		groups   string
	}{
		"alice":      {"wonderland", 2001, "staff first last middle"},
		"bob":        {"builder", 2002, "makers first last middle"},
		"carol":      {"in clear", 2003, "staff middle"},
		"root":       {"toor", defaultID, "65533"},
		"lost":       {"x", defaultID, "65533"},
		"o'br%_ien!": {"x", 2005, "staff odd"},
	} {
		account, err := a.Lookup(context.Background(), stores.AccountQuery{Name: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if account.Name != name || account.UID != tt.uid || account.Home != "/home" || account.Shell != "/bin/sh" {
			t.Errorf("%s is %+v", name, account)
		}
		groups := account.Groups
		slices.Sort(groups[1:])
		if lists && strings.Join(groups, " ") != tt.groups || account.Group != groups[0] {
			t.Errorf("%s is in %q, first of all %s: want %s", name, groups, account.Group, tt.groups)
		}
		for _, password := range []string{tt.password, tt.password + "x", "", strings.ToUpper(tt.password)} {
			right, err := account.Secret.Verify(context.Background(), password)
			if right != (password == tt.password) {
				t.Errorf("%s: %q is right: %v, %v", name, password, right, err)
			}
		}
		if text := fmt.Sprintf("%v %+v %#v", account.Secret, account, account); strings.Contains(text, tt.password+" ") || strings.Contains(text, "$2a$") {
			t.Errorf("it shows: %s", text)
		}
	}
	dave, err := a.Lookup(context.Background(), stores.AccountQuery{Name: "dave"})
	if err != nil || dave.Secret != nil || dave.Note == "" {
		t.Errorf("without a password: %+v, %v", dave, err)
	}
	for _, name := range append(hostile, "ALICE\x00", "alice,bob", "%lice") {
		if _, err := a.Lookup(context.Background(), stores.AccountQuery{Name: name}); !errors.Is(err, stores.ErrNoAccount) {
			t.Errorf("%.60q: %v", name, err)
		}
		if right, err := a.Decoy(name).Verify(context.Background(), name); right || err != nil {
			t.Errorf("the decoy of %.60q: %v, %v", name, right, err)
		}
	}
}

func TestAccountsOptions(t *testing.T) {
	r := sqliteRig(t)
	r.people(t)
	lookup := func(t *testing.T, cfg AccountsConfig, name string) stores.Account {
		t.Helper()
		cfg.GroupInfo = groupInfo
		a, err := r.databases(t, Config{}).Accounts(cfg)
		must(t, err)
		account, err := a.Lookup(context.Background(), stores.AccountQuery{Name: name})
		must(t, err)
		return account
	}
	t.Run("without_a_least_id_root_is_root", func(t *testing.T) {
		if a := lookup(t, AccountsConfig{AuthTypes: everyKind, MinID: -1}, "root"); a.UID != 0 || a.GID != 0 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("a_least_id_applies", func(t *testing.T) {
		if a := lookup(t, AccountsConfig{AuthTypes: everyKind, MinID: 2002}, "alice"); a.UID != defaultID || a.GID != 3001 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("groups_may_be_left_alone", func(t *testing.T) {
		a := lookup(t, AccountsConfig{AuthTypes: everyKind, Authenticate: []string{"users*"}}, "alice")
		if !slices.Equal(a.Groups, []string{"3001"}) || a.Group != "3001" {
			t.Errorf("%+v", a)
		}
	})
	t.Run("a_kind_that_is_not_allowed_opens_nothing", func(t *testing.T) {
		a := lookup(t, AccountsConfig{AuthTypes: []string{"OpenSSL"}}, "alice")
		if a.Secret != nil || !strings.Contains(a.Note, "not of the form") || strings.Contains(a.Note, "$2a$") {
			t.Errorf("%+v", a)
		}
	})
	t.Run("a_hash_is_not_a_password", func(t *testing.T) {
		a := lookup(t, AccountsConfig{AuthTypes: everyKind}, "bob")
		if right, _ := a.Secret.Verify(context.Background(), sha256Of("builder")); right {
			t.Error("the stored digest itself is taken as the password")
		}
	})
	t.Run("users_may_be_final", func(t *testing.T) {
		for word, want := range map[string]bool{"users*": true, "users": false} {
			a, err := r.databases(t, Config{}).Accounts(AccountsConfig{AuthTypes: everyKind, Authenticate: []string{word}})
			must(t, err)
			if a.Authoritative() != want {
				t.Errorf("%s is final: %v", word, a.Authoritative())
			}
		}
	})
}

// A decoy is of the kind and cost of what the database holds.
func TestDecoy(t *testing.T) {
	p := passwords{kinds: []passwordKind{crypted}}
	if d := p.decoy("x"); d == nil || !strings.HasPrefix(d.String(), "$6$") {
		t.Errorf("before anybody was looked up: %v", d)
	}
	p.secret(bcrypted(t, "x"))
	first := p.decoy("x")
	if first == nil || first.String() != "$2$ cost=4" {
		t.Errorf("after a bcrypt hash: %v", first)
	}
	if right, err := first.Verify(context.Background(), "x"); right || err != nil {
		t.Errorf("it opens: %v, %v", right, err)
	}
	for i := range 100 {
		p.secret(fmt.Sprintf("$5$rounds=%d$salt$%s", 1000+i, strings.Repeat(".", 43)))
	}
	if len(p.seen) != maxSeen {
		t.Errorf("%d kinds are remembered", len(p.seen))
	}
	if a, b := p.decoy("joe"), p.decoy("joe"); a.String() != b.String() {
		t.Errorf("two decoys for a name: %v, %v", a, b)
	}
	if (&passwords{kinds: []passwordKind{inClear, digest}}).decoy("x") != nil {
		t.Error("a decoy where nothing takes time")
	}
}

func TestStoredDigests(t *testing.T) {
	for stored, want := range map[string]string{
		"{md5}X03MO1qnZdYdgyfeuILPmQ==":      "password",
		"{sha1}W6ph5Mm5Pz8GgiULbPgzG37mj9g=": "password",
		"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=":  "password",
		"{sha512}sQnzu7wkTrgkQZF+0G1hi5AI3Qmzvv0bXgc5THBqi7mAsdd4Xll27ASbRt9fEyavWi6m0QP9B8lThf+rDKy8hg==": "password",
		"{md5}": "", "{md5}!": "", "{md4}X03MO1qnZdYdgyfeuILPmQ==": "", "md5}X": "", "{md5": "", "": "",
		"{md5}W6ph5Mm5Pz8GgiULbPgzG37mj9g=": "",
	} {
		s, err := readDigest(stored)
		if want == "" {
			if err == nil {
				t.Errorf("%q is taken for %v", stored, s)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", stored, err)
			continue
		}
		if right, err := s.Verify(context.Background(), want); !right || err != nil {
			t.Errorf("%q: %v, %v", stored, right, err)
		}
	}
}
