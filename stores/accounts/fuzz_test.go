package accounts

import (
	"context"
	"strings"
	"testing"
	"time"
)

func FuzzPasswdLine(f *testing.F) {
	for _, s := range []string{"", "ann:x:1:2:g:/h:/s", "::::::", "a:*:4294967295:4294967296:::", "+a:x:1:2:::", "a:x:-1:+2:::", "a\x00:x:1:2:::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		u, err := parseUser(line)
		if err != nil {
			return
		}
		if u.name == "" || u.uid < 0 || u.gid < 0 || u.uid > 1<<32-1 || !strings.HasPrefix(line, u.name+":") || strings.Count(line, ":") != 6 {
			t.Errorf("%q gave %+v", line, u)
		}
	})
}

func FuzzGroupLine(f *testing.F) {
	for _, s := range []string{"", "staff:x:1:a,b", "staff:x:1:", "a:b:c:d", ":::", "a:x:1: , ,b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		g, err := parseGroup(line)
		if err != nil {
			return
		}
		for _, m := range g.members {
			if m == "" || strings.TrimSpace(m) != m || strings.Contains(m, ",") {
				t.Errorf("%q has the member %q", line, m)
			}
		}
	})
}

func FuzzShadowLine(f *testing.F) {
	for _, s := range []string{"", "a:*:1:2:3:4:5:6:", "a:x:::::::", "a:x:-1:::::99999999999:"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, line string) {
		if s, err := parseShadow(line); err == nil {
			s.state(time.Unix(1<<31, 0))
		}
	})
}

// FuzzHash wants no panic, no key that another text has, and a bounded cost.
func FuzzHash(f *testing.F) {
	for _, s := range []string{
		"", "*", "!", "ab1234567890.", "$1$salt$WADKixAsEAmO6GNrWEvsG/", "$6$rounds=1000$a$" + strings.Repeat(".", 86),
		"$5$a$" + strings.Repeat(".", 43), "$2b$04$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2",
		"$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2", "$7$2/..../....x$" + strings.Repeat(".", 43), "$y$j75$$", "$7$", "$2b$", "$5$rounds=$$",
	} {
		f.Add(s, "secret")
	}
	limits := Limits{Rounds: 2000, Cost: 4, Memory: 1 << 20}
	f.Fuzz(func(t *testing.T, text, password string) {
		h, err := ParseHash(text, limits)
		if err != nil {
			if len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Errorf("the error quotes %q", text)
			}
			return
		}
		if h.setting+h.key != text {
			t.Errorf("%q was read as %q and %q", text, h.setting, h.key)
		}
		if _, err := h.Verify(context.Background(), password[:min(len(password), 64)]); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if ok, err := h.Decoy().Verify(context.Background(), "x"); ok || err != nil {
			t.Errorf("the decoy of %q: %v, %v", text, ok, err)
		}
	})
}
