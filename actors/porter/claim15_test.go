package porter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/actors/porter"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
)

// Claim 15: whatever the reason of a refusal, the same work is done for it as
// for a name of nobody: the same sources are asked, each once, and in each one
// secret is verified. Books are made up: up to three sources, some of them
// final, each with all kinds of accounts, known to all of them or to some.
func TestClaim15EveryRefusalIsTheSameWork(t *testing.T) {
	names := []string{"ann", "root", "locked", "shell", "banned", "off", "old", "limited", "zoe"}
	h := start(t, porter.Config{}, nil)
	defer h.stop()
	rapid.Check(t, func(t *rapid.T) {
		var sources []*source
		b := book()
		b.Access = limits()
		b.Auth.AliasOnly = rapid.Bool().Draw(t, "alias only")
		for i := range rapid.IntRange(1, 3).Draw(t, "sources") {
			s := people(fmt.Sprint("source ", i))
			for _, name := range rapid.SliceOf(rapid.SampledFrom(names)).Draw(t, "unknown here") {
				delete(s.accounts, name)
			}
			sources = append(sources, s)
			b.Sources = append(b.Sources, porter.Place{Accounts: s, Authoritative: rapid.Bool().Draw(t, "final")})
		}
		h.Adopt(one(b))
		work := func(user, password string) (string, messages.LoginChecked) {
			a := h.login(user, password)
			var all []string
			for _, s := range sources {
				all = append(all, strings.Join(s.done(), " "))
			}
			return strings.Join(all, "; "), a
		}
		nobody, a := work("nobody", "right")
		if a.Granted || !strings.Contains(nobody, "lookup decoy verify") {
			t.Fatalf("a name of nobody: %+v after %s", a, nobody)
		}
		user, password := rapid.SampledFrom(names).Draw(t, "user"), rapid.SampledFrom([]string{"right", "wrong", ""}).Draw(t, "password")
		if got, a := work(user, password); !a.Granted && got != nobody {
			t.Errorf("%s is refused (%s) after\n%s, nobody after\n%s", user, a.Reason, got, nobody)
		}
	})
}

// Claim 15 again, by the clock, with real files and real hashes: the time of
// each kind of refusal is distributed as that of a name of nobody.
func TestClaim15EveryRefusalTakesTheSameTime(t *testing.T) {
	const hash = "$6$opensslsalt$RYp6MntZMSU.gp5umToWAut5JOaOhj4BuCIG4bPvwUyU6JcyI1ElKFBvv6sliaewhCILuowLcf.a/6q65AIZ91" // openssl passwd -6, "secret"
	dir := filepath.Join(t.TempDir(), "etc")
	passwd := strings.Join([]string{
		"ann:" + hash + ":1000:1::/:/bin/sh", "root:" + hash + ":0:0::/:/bin/sh", "star:*:1000:1::/:/bin/sh", "locked:!" + hash + ":1000:1::/:/bin/sh",
		"costly:$6$rounds=999999999$salt$" + strings.Repeat("a", 86) + ":1000:1::/:/bin/sh",
		"shell:" + hash + ":1000:1::/:/bin/odd", "banned:" + hash + ":1000:1::/:/bin/sh", "limited:" + hash + ":1000:1::/:/bin/sh", "",
	}, "\n")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "passwd"), []byte(passwd), 0o600)); err != nil {
		t.Fatal(err)
	}
	files, err := accounts.Open(accounts.Config{Users: []accounts.File{{Path: filepath.Join(dir, "passwd")}}, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	b := book(files)
	b.Access = limits()
	h := start(t, porter.Config{}, one(b))
	defer h.stop()
	if a := h.login("ann", "secret"); !a.Granted {
		t.Fatalf("ann: %+v", a)
	}

	secret, err := accounts.ParseHash(hash, accounts.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	users := []string{"nobody", "somebody", "ann", "root", "star", "locked", "costly", "shell", "banned", "limited"}
	times := map[string][]time.Duration{}
	var direct []time.Duration
	for range rounds { // everybody once, in any order, so that whatever else the machine does meets all alike
		rand.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
		for _, user := range users {
			times[user] = append(times[user], h.refusal(user))
		}
		before := time.Now()
		if _, err := secret.Verify(context.Background(), "terces"); err != nil {
			t.Fatal(err)
		}
		direct = append(direct, time.Since(before))
	}
	if nobody, hashing := slices.Min(times["nobody"]), slices.Min(direct); nobody < hashing/2 {
		t.Errorf("a name of nobody is refused after %v, a hash takes %v: it was not computed", nobody, hashing)
	}
	for user := range times {
		if says, odd := unlike(times[user], times["nobody"]); odd {
			t.Errorf("%s is told from nobody: %s", user, says)
		}
	}
}

// rounds are as many as it takes for a difference to be no accident.
const rounds = 40

// refusal measures one.
func (h *house) refusal(user string) time.Duration {
	password := "secret" // which is right, as far as there is one
	if user == "ann" {
		password = "terces"
	}
	before := time.Now()
	if a := h.login(user, password); a.Granted || a.Err != nil {
		h.t.Fatalf("%s: %+v", user, a)
	}
	return time.Since(before)
}

// unlike compares what was measured in the same rounds. Were both the same, each
// would be the faster one in half of the rounds, however much noise there is: more
// than five standard deviations from that is no accident. What then differs by a
// tenth could be seen from outside.
func unlike(a, b []time.Duration) (says string, odd bool) {
	faster := 0
	for i := range a {
		if a[i] < b[i] {
			faster++
		}
	}
	ma, mb := median(a), median(b)
	off := math.Abs(float64(faster)-float64(len(a))/2) / math.Sqrt(float64(len(a))/4)
	says = fmt.Sprintf("%v and %v, faster in %d of %d rounds", ma, mb, faster, len(a))
	return says, off > 5 && (ma < mb*9/10 || mb < ma*9/10)
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// Claim 27: no password gets into a log, an answer or an error, whoever quotes
// it on the way.
func TestClaim27NoPasswordIsSaid(t *testing.T) {
	const canary = "c4nary-Pässw\"ord-of-nobody"
	for _, c := range []struct {
		claim string
		spoil func(*source)
	}{
		{"where_all_is_well", func(*source) {}},
		{"by_an_error_of_a_look_up", func(s *source) {
			s.lookup = func(context.Context, stores.AccountQuery) error { return fmt.Errorf("no row for %s", canary) }
		}},
		{"by_an_error_in_quotes", func(s *source) {
			s.verify = func(_ context.Context, p string) error { return fmt.Errorf("bad parameter %q", p) }
		}},
		{"by_a_wrapped_error", func(s *source) {
			s.verify = func(_ context.Context, p string) error { return fmt.Errorf("verify: %w", errors.New(p)) }
		}},
		{"by_a_panic", func(s *source) { s.verify = func(_ context.Context, p string) error { panic("cannot cope with " + p) } }},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := people("mod_sql.c")
				c.spoil(s)
				b := book(s)
				b.Access = limits()
				h := start(t, porter.Config{Queue: 1}, one(b))
				defer h.stop()
				said := ""
				for _, user := range []string{"ann", "zoe", "root", "locked", "shell", "limited", "off"} {
					for _, password := range []string{canary, canary + strings.Repeat("x", 1024), canary + "\x00"} {
						m := messages.CheckLogin{User: user, Password: password}
						a := h.check(m)
						said += fmt.Sprintf("%v %+v %#v %s", m, m, m, m) + fmt.Sprintf("%+v %v\n", a, a.Err)
					}
				}
				said += h.log.String()
				for _, part := range []string{"c4nary", "of-nobody"} {
					if i := strings.Index(said, part); i >= 0 {
						t.Errorf("said: …%s…", said[max(0, i-80):min(len(said), i+80)])
					}
				}
			})
		})
	}
}

// What is hidden can still be told from other errors.
func TestHiddenErrorsKeepTheirKind(t *testing.T) {
	away := errors.New("away")
	synctest.Test(t, func(t *testing.T) {
		s := people("mod_sql.c")
		s.lookup = func(context.Context, stores.AccountQuery) error { return fmt.Errorf("right: %w", away) }
		h := start(t, porter.Config{}, one(book(s)))
		defer h.stop()
		if a := h.login("ann", "right"); !errors.Is(a.Err, away) || strings.Contains(a.Err.Error(), "away") {
			t.Errorf("%+v", a)
		}
	})
}
