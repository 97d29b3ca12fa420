package porter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/actors/porter"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/stores"
)

func TestWhoMayComeIn(t *testing.T) {
	granted := messages.LoginChecked{Granted: true, User: "ann", Group: "staff", Groups: []string{"staff", "ftp"}}
	no := func(reason string) messages.LoginChecked { return messages.LoginChecked{Reason: reason} }
	for _, c := range []struct {
		claim, user, password string
		change                func(*porter.Book)
		want                  messages.LoginChecked
		log                   string
	}{
		{claim: "an_account_with_its_password", user: "ann", password: "right", want: granted},
		{claim: "a_wrong_password", user: "ann", password: "wrong", want: no("Incorrect password"), log: "USER ann (Login failed): Incorrect password"},
		{claim: "an_empty_password", user: "ann", want: no("Incorrect password")},
		{claim: "an_empty_password_where_none_is_allowed", user: "ann", change: func(b *porter.Book) { b.Auth.AllowEmptyPasswords = false },
			want: no("Empty password"), log: "USER ann (Login failed): Empty password"},
		{claim: "nobody", user: "zoe", password: "right", want: no("No such user found"), log: "USER zoe (Login failed): No such user found"},
		{claim: "an_account_without_a_hash", user: "locked", password: "right", want: no("Account disabled"), log: "its hash is a star"},
		{claim: "a_disabled_account", user: "off", password: "right", want: no("Account disabled")},
		{claim: "a_disabled_account_with_a_wrong_password", user: "off", password: "wrong", want: no("Incorrect password")},
		{claim: "a_password_past_its_date", user: "old", password: "right", want: no("Password expired")},
		{claim: "root", user: "root", password: "right", want: no("Root login attempted"), log: "SECURITY VIOLATION: Root login attempted"},
		{claim: "root_with_a_wrong_password", user: "root", password: "wrong", want: no("Root login attempted"), log: "SECURITY VIOLATION: Root login attempted"},
		{claim: "root_where_he_may", user: "root", password: "right", change: func(b *porter.Book) { b.Auth.RootLogin = true },
			want: messages.LoginChecked{Granted: true, User: "root", Group: "staff", Groups: []string{"staff", "ftp"}}},
		{claim: "a_shell_that_is_none", user: "shell", password: "right", want: no("Invalid shell: '/bin/odd'"), log: "USER shell (Login failed): Invalid shell: '/bin/odd'"},
		{claim: "a_shell_where_none_is_required", user: "shell", password: "right", change: func(b *porter.Book) { b.Auth.RequireValidShell = false },
			want: messages.LoginChecked{Granted: true, User: "shell", Group: "staff", Groups: []string{"staff", "ftp"}}},
		{claim: "a_shell_where_there_is_no_list", user: "shell", password: "right", change: func(b *porter.Book) { b.Shells = names(nil) },
			want: messages.LoginChecked{Granted: true, User: "shell", Group: "staff", Groups: []string{"staff", "ftp"}}},
		{claim: "one_of_ftpusers", user: "banned", password: "right", want: no("User in /etc/ftpusers"), log: "USER banned (Login failed): User in /etc/ftpusers"},
		{claim: "one_of_ftpusers_where_they_are_not_used", user: "banned", password: "right", change: func(b *porter.Book) { b.Auth.UseFtpUsers = false },
			want: messages.LoginChecked{Granted: true, User: "banned", Group: "staff", Groups: []string{"staff", "ftp"}}},
		{claim: "limit_by_user", user: "limited", password: "right", change: func(b *porter.Book) { b.Access = limits() },
			want: no("Limit configuration denies login"), log: "USER limited (Login failed): Limit configuration denies login"},
		{claim: "limit_by_group", user: "ann", password: "right", change: func(b *porter.Book) {
			b.Access = limits()
			b.Access.Limits[0].DenyGroup[0].Names[0].Name = "ftp"
		}, want: no("Limit configuration denies login")},
		{claim: "limit_of_others", user: "ann", password: "right", change: func(b *porter.Book) { b.Access = limits() }, want: granted},
		{claim: "an_alias", user: "anna", password: "right", change: func(b *porter.Book) { b.Auth.UserAliases = map[string]string{"anna": "ann"} }, want: granted},
		{claim: "an_alias_for_everybody", user: "whoever", password: "right", change: func(b *porter.Book) { b.Auth.UserAliases = map[string]string{"*": "ann"} }, want: granted},
		{claim: "the_account_itself_where_only_aliases_may", user: "ann", password: "right",
			change: func(b *porter.Book) { b.Auth.AliasOnly, b.Auth.UserAliases = true, map[string]string{"anna": "ann"} }, want: no("Not a UserAlias")},
		{claim: "an_alias_where_only_they_may", user: "anna", password: "right",
			change: func(b *porter.Book) { b.Auth.AliasOnly, b.Auth.UserAliases = true, map[string]string{"anna": "ann"} }, want: granted},
		{claim: "the_limit_sees_the_account", user: "anna", password: "right", change: func(b *porter.Book) {
			b.Access, b.Auth.UserAliases = limits(), map[string]string{"anna": "limited"}
		}, want: no("Limit configuration denies login"), log: "USER anna (Login failed)"},
		{claim: "a_password_of_1024_bytes", user: "ann", password: strings.Repeat("p", 1024), want: no("Incorrect password")},
		{claim: "a_password_of_1025_bytes", user: "ann", password: strings.Repeat("p", 1025), want: no("Password too long")},
		{claim: "a_password_longer_than_is_set", user: "ann", password: "right", change: func(b *porter.Book) { b.Auth.MaxPasswordSize = 4 }, want: no("Password too long")},
		{claim: "a_password_with_a_nul", user: "ann", password: "right\x00", want: no("Password with a NUL in it")},
		{claim: "no_source_at_all", user: "ann", password: "right", change: func(b *porter.Book) { b.Sources = nil }, want: no("No such user found")},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := book(people("mod_auth_file.c"))
				if c.change != nil {
					c.change(b)
				}
				h := start(t, porter.Config{}, one(b))
				defer h.stop()
				if d := cmp.Diff(c.want, h.login(c.user, c.password)); d != "" {
					t.Error(d)
				}
				if !strings.Contains(h.log.String(), c.log) {
					t.Errorf("the log has no %q:\n%s", c.log, h.log)
				}
				if !c.want.Granted && !strings.Contains(h.log.String(), `"server":"gate","client":"192.0.2.7"`) {
					t.Errorf("the log does not say where it was:\n%s", h.log)
				}
			})
		})
	}
}

func TestLimitsByPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := book(people("mod_auth_file.c"))
		b.Access = config.Access{Limits: []config.LimitSection{{Commands: []string{"LOGIN"}, OrderDenyAllow: true,
			AllowClass: []config.NameExpr{{Names: []config.ExprName{{Name: "inside"}}}}}}}
		h := start(t, porter.Config{}, one(b))
		defer h.stop()
		if a := h.check(messages.CheckLogin{User: "ann", Password: "right", Class: "inside"}); !a.Granted {
			t.Errorf("inside: %+v", a)
		}
		if a := h.check(messages.CheckLogin{User: "ann", Password: "right"}); a.Granted {
			t.Errorf("outside: %+v", a)
		}
	})
}

// second is a source that knows ann with another password, and bob.
func second() *source {
	s := people("mod_sql.c")
	ann := s.accounts["ann"]
	ann.Secret = &word{of: s, text: "other"}
	s.accounts = map[string]stores.Account{"ann": ann, "bob": {Name: "bob", UID: 5, Shell: "/bin/sh", Secret: &word{of: s, text: "right"}}}
	return s
}

func TestAuthOrder(t *testing.T) {
	away := errors.New("the database is away")
	for _, c := range []struct {
		claim, user, password string
		final, broken         bool // the first source
		granted               bool
		reason                string
		err                   error
	}{
		{claim: "the_first_that_knows_a_name", user: "ann", password: "right", granted: true},
		{claim: "the_second_where_the_first_knows_nobody", user: "bob", password: "right", granted: true},
		{claim: "the_second_where_the_first_refuses", user: "ann", password: "other", granted: true},
		{claim: "none", user: "ann", password: "wrong", reason: "Incorrect password"},
		{claim: "nobody_in_either", user: "zoe", password: "right", reason: "No such user found"},
		{claim: "a_final_refusal_of_a_name", user: "bob", password: "right", final: true, reason: "No such user found"},
		{claim: "a_final_refusal_of_a_password", user: "ann", password: "other", final: true, reason: "Incorrect password"},
		{claim: "a_final_source_that_grants", user: "ann", password: "right", final: true, granted: true},
		{claim: "the_second_where_the_first_is_away", user: "bob", password: "right", broken: true, granted: true},
		{claim: "nobody_where_the_first_is_away", user: "zoe", password: "right", broken: true, reason: "Accounts could not be asked", err: away},
		{claim: "a_final_one_that_is_away", user: "bob", password: "right", broken: true, final: true, reason: "Accounts could not be asked", err: away},
		{claim: "who_was_refused_for_good_is_not_let_in_by_the_next", user: "shell", password: "right", reason: "Invalid shell: '/bin/odd'"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, then := people("mod_auth_file.c"), second()
				then.accounts["shell"] = stores.Account{Name: "shell", UID: 5, Shell: "/bin/sh", Secret: &word{of: then, text: "right"}}
				if c.broken {
					first.lookup = func(context.Context, stores.AccountQuery) error { return away }
				}
				b := book(first, then)
				b.Sources[0].Authoritative = c.final
				h := start(t, porter.Config{}, one(b))
				defer h.stop()
				a := h.login(c.user, c.password)
				if a.Granted != c.granted || a.Reason != c.reason || !errors.Is(a.Err, c.err) {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

func TestOrder(t *testing.T) {
	file, sql := people("mod_auth_file.c"), people("mod_sql.c")
	sources := map[string]stores.Accounts{"mod_auth_file.c": file, "mod_sql.c": sql}
	for _, c := range []struct {
		claim  string
		order  []config.AuthModule
		places []porter.Place
		passed int
	}{
		{"without_the_directive", nil, []porter.Place{{Accounts: file}, {Accounts: sql}}, 0},
		{"as_written", []config.AuthModule{{Name: "mod_sql.c", Authoritative: true}, {Name: "mod_auth_file.c"}},
			[]porter.Place{{Accounts: sql, Authoritative: true}, {Accounts: file}}, 0},
		{"each_once", []config.AuthModule{{Name: "mod_sql.c"}, {Name: "mod_sql.c", Authoritative: true}}, []porter.Place{{Accounts: sql}}, 0},
		{"without_what_is_not_there", []config.AuthModule{{Name: "mod_auth_pam.c", Authoritative: true}, {Name: "mod_auth_unix.c"}, {Name: "mod_sql.c"}},
			[]porter.Place{{Accounts: sql}}, 2},
	} {
		t.Run(c.claim, func(t *testing.T) {
			places, passed := porter.Order(c.order, sources)
			if fmt.Sprint(places) != fmt.Sprint(c.places) || len(passed) != c.passed {
				t.Errorf("%v, %q", places, passed)
			}
		})
	}
}

func TestABookThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, porter.Config{}, porter.Books{"empty": {Server: "gate"}})
		defer h.stop()
		a := h.check(messages.CheckLogin{Book: "other", User: "ann", Password: "right"})
		if a.Granted || !errors.Is(a.Err, porter.ErrNoBook) {
			t.Errorf("%+v", a)
		}
		if !strings.Contains(h.log.String(), "there is no AuthUserFile") {
			t.Errorf("nothing is said of a book without sources:\n%s", h.log)
		}
	})
}

func TestASourceThatPanics(t *testing.T) {
	for _, c := range []struct {
		claim string
		spoil func(*source)
	}{
		{"when_asked", func(s *source) {
			s.lookup = func(context.Context, stores.AccountQuery) error { panic("canary of the source") }
		}},
		{"when_it_verifies", func(s *source) { s.verify = func(context.Context, string) error { panic("canary of the source") } }},
		{"beyond_what_it_has", func(s *source) {
			s.lookup = func(_ context.Context, q stores.AccountQuery) error { return []error{}[len(q.Name)] }
		}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := people("mod_sql.c")
				c.spoil(broken)
				h := start(t, porter.Config{}, porter.Books{"main": book(broken), "both": book(broken, people("mod_auth_file.c"))})
				defer h.stop()
				for range 3 {
					if a := h.login("ann", "right"); a.Granted || a.Err == nil || a.Reason != "Accounts could not be asked" {
						t.Fatalf("%+v", a)
					}
				}
				if a := h.check(messages.CheckLogin{Book: "both", User: "ann", Password: "right"}); !a.Granted {
					t.Errorf("the next source was not asked: %+v", a)
				}
				synctest.Wait()
				if d := h.describe(); d.Running != 0 {
					t.Errorf("%+v", d)
				}
			})
		})
	}
}
