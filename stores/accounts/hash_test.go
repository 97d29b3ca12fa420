package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/stores/accounts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t testing.TB, text string) *accounts.Hash {
	t.Helper()
	h, err := accounts.ParseHash(text, accounts.Limits{})
	if err != nil {
		t.Fatalf("%.8s…: %v", text, err)
	}
	return h
}

func verify(t testing.TB, h *accounts.Hash, password string) bool {
	t.Helper()
	ok, err := h.Verify(context.Background(), password)
	if err != nil {
		t.Fatalf("%v: %v", h, err)
	}
	return ok
}

func TestHashesOfOthers(t *testing.T) {
	for _, v := range vectors {
		t.Run(fmt.Sprintf("%.12s_%.5s", v.hash, v.password), func(t *testing.T) {
			h := parse(t, v.hash)
			if h.Kind() != v.kind {
				t.Errorf("kind %v, want %v", h.Kind(), v.kind)
			}
			if !verify(t, h, v.password) {
				t.Error("the right password is refused")
			}
			for _, wrong := range []string{"Secret", v.password + "\x00", "x" + v.password, v.hash} {
				if verify(t, h, wrong) {
					t.Errorf("%q is taken for %q", wrong, v.password)
				}
			}
			d := h.Decoy()
			if d.Kind() != h.Kind() || d.String() != h.String() {
				t.Errorf("the decoy of %v is %v", h, d)
			}
			if verify(t, d, v.password) {
				t.Error("the decoy takes the password")
			}
		})
	}
}

func TestEveryKeyCounts(t *testing.T) {
	// One character of the key changed: nobody knows a password to that.
	for _, v := range vectors {
		at := len(v.hash) - 5
		other := "a"
		if v.hash[at] == 'a' {
			other = "b"
		}
		h, err := accounts.ParseHash(v.hash[:at]+other+v.hash[at+1:], accounts.Limits{})
		if err == nil && verify(t, h, v.password) {
			t.Errorf("%.12s…: another key takes the password", v.hash)
		}
	}
}

func TestHashesThatOpenNothing(t *testing.T) {
	key86, key43, key22 := strings.Repeat("a", 86), strings.Repeat("a", 42)+".", strings.Repeat("a", 22)
	for _, c := range []struct {
		claim, text string
		want        error
	}{
		{"an_empty_hash", "", accounts.ErrNoHash},
		{"a_star", "*", accounts.ErrLocked},
		{"a_locked_account", "!$6$salt$" + key86, accounts.ErrLocked},
		{"a_failed_crypt", "*0", accounts.ErrLocked},
		{"a_shadowed_one", "x", accounts.ErrUnknown},
		{"a_password_in_the_clear", "secret", accounts.ErrUnknown},
		{"thirteen_characters_of_the_wrong_alphabet", "secret-secret", accounts.ErrUnknown},
		{"gost_yescrypt", "$gy$j75$saltsalt$" + key43, accounts.ErrUnknown},
		{"the_broken_bcrypt", "$2x$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", accounts.ErrUnknown},
		{"ldap_ssha", "{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3", accounts.ErrUnknown},
		{"a_hash_as_long_as_a_book", "$6$salt$" + strings.Repeat("a", 1<<16), accounts.ErrBroken},
		{"a_key_too_short", "$6$salt$" + key86[1:], accounts.ErrBroken},
		{"a_key_too_long", "$1$salt$" + key22 + "a", accounts.ErrBroken},
		{"no_salt_at_all", "$6$" + key86, accounts.ErrBroken},
		{"a_salt_too_long", "$6$12345678901234567$" + key86, accounts.ErrBroken},
		{"md5_with_a_salt_too_long", "$1$123456789$" + key22, accounts.ErrBroken},
		{"rounds_that_are_no_number", "$6$rounds=many$salt$" + key86, accounts.ErrBroken},
		{"rounds_with_a_sign", "$6$rounds=+5000$salt$" + key86, accounts.ErrBroken},
		{"too_few_rounds", "$6$rounds=10$salt$" + key86, accounts.ErrBroken},
		{"rounds_without_salt", "$5$rounds=5000$" + key43, accounts.ErrBroken},
		{"rounds_beyond_all_numbers", "$5$rounds=99999999999999999999$salt$" + key43, accounts.ErrBroken},
		{"absurd_rounds", "$6$rounds=999999999$salt$" + key86, accounts.ErrCostly},
		{"rounds_above_the_limit", "$5$rounds=1000001$salt$" + key43, accounts.ErrCostly},
		{"bcrypt_of_cost_31", "$2b$31$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", accounts.ErrCostly},
		{"bcrypt_of_cost_15", "$2y$15$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", accounts.ErrCostly},
		{"bcrypt_of_cost_32", "$2b$32$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", accounts.ErrBroken},
		{"bcrypt_of_cost_3", "$2b$03$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", accounts.ErrBroken},
		{"bcrypt_with_a_signed_cost", "$2b$+5$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", accounts.ErrBroken},
		{"bcrypt_that_was_cut", "$2b$05$abcdefghijklmnopqrstuu", accounts.ErrBroken},
		{"yescrypt_of_1_GiB", "$y$jFT$saltsalt$" + key43, accounts.ErrCostly},
		{"yescrypt_beyond_its_form", "$y$jzT$saltsalt$" + key43, accounts.ErrBroken},
		{"yescrypt_with_more_parameters", "$y$j9T1$saltsalt$" + key43, accounts.ErrUnknown},
		{"yescrypt_of_another_flavour", "$y$.9T$saltsalt$" + key43, accounts.ErrUnknown},
		{"yescrypt_without_salt", "$y$j75$$" + key43, accounts.ErrBroken},
		{"yescrypt_with_a_salt_nobody_wrote", "$y$j75$z$" + key43, accounts.ErrBroken},
		{"scrypt_of_1_TiB", "$7$Q6..../....salt$" + key43, accounts.ErrCostly},
		{"scrypt_of_2_to_the_63", "$7$z6..../....salt$" + key43, accounts.ErrCostly},
		{"scrypt_with_absurd_p", "$7$86....zzzzzsalt$" + key43, accounts.ErrCostly},
		{"scrypt_with_absurd_r", "$7$8zzzzz/....salt$" + key43, accounts.ErrCostly},
		{"scrypt_without_r", "$7$8...../....salt$" + key43, accounts.ErrBroken},
		{"scrypt_that_was_cut", "$7$8/....$" + key43, accounts.ErrBroken},
	} {
		t.Run(c.claim, func(t *testing.T) {
			h, err := accounts.ParseHash(c.text, accounts.Limits{})
			if !errors.Is(err, c.want) || h != nil {
				t.Fatalf("got %v, %v, want %v", h, err, c.want)
			}
			if len(c.text) > 5 && strings.Contains(err.Error(), c.text[len(c.text)-5:]) {
				t.Errorf("the error quotes the hash: %v", err)
			}
		})
	}
}

func TestLimitsAreTheCallers(t *testing.T) {
	costly := "$6$rounds=5001$0123456789abcdef$wuPB2gGtOE3f8TZm5vcpdD6lfRcuyp7nCxb8txkMJLnDQrZzXUDkBogFlhQntH15X5D8aRK93lOl1SGmlSxEN."
	if _, err := accounts.ParseHash(costly, accounts.Limits{Rounds: 5000}); !errors.Is(err, accounts.ErrCostly) {
		t.Errorf("5001 rounds of 5000 allowed: %v", err)
	}
	if _, err := accounts.ParseHash(costly, accounts.Limits{Rounds: 5001}); err != nil {
		t.Error(err)
	}
	big := "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0" // 16 MiB
	if _, err := accounts.ParseHash(big, accounts.Limits{Memory: 16<<20 - 1}); !errors.Is(err, accounts.ErrCostly) {
		t.Errorf("16 MiB of a byte less allowed: %v", err)
	}
	if _, err := accounts.ParseHash(big, accounts.Limits{Memory: 16 << 20}); err != nil {
		t.Error(err)
	}
}

func TestAVeryLongPasswordIsNotHashed(t *testing.T) {
	h := parse(t, vectors[0].hash)
	canary := strings.Repeat("canary", 1000)
	ok, err := h.Verify(context.Background(), canary)
	if ok || err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestAHashDoesNotRender(t *testing.T) {
	for _, v := range vectors {
		h := parse(t, v.hash)
		for _, verb := range []string{"%v", "%+v", "%s"} {
			if s := fmt.Sprintf(verb, h); strings.Contains(s, v.hash[len(v.hash)-8:]) {
				t.Errorf("%s shows %s", verb, s)
			}
		}
	}
}

// BenchmarkVerify shows what the usual hashes cost.
func BenchmarkVerify(b *testing.B) {
	for _, text := range []string{
		"abNANd1rDfiNc",
		"$1$openssl$WADKixAsEAmO6GNrWEvsG/",
		"$5$opensslsalt$28YgC4.tAowV13jNxqzLnOO0f1mtdYEDqrNBYLuRao/",
		"$6$opensslsalt$RYp6MntZMSU.gp5umToWAut5JOaOhj4BuCIG4bPvwUyU6JcyI1ElKFBvv6sliaewhCILuowLcf.a/6q65AIZ91",
		"$2b$10$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2",
		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0",
		"$7$8/..../....SodiumChloride$6F2fLmbFNi0rGONw.WP1TkUbqX2KouJMZ7kwYg6LpHC",
	} {
		h := parse(b, text)
		b.Run(h.String(), func(b *testing.B) {
			for b.Loop() {
				verify(b, h, "wrong")
			}
		})
	}
}
