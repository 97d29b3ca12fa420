package ftpsession

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

func TestLikeness(t *testing.T) {
	ask := ftp.NewReply(331, "Password required for ann")
	t.Run("nothing_is_known_at_first", func(t *testing.T) {
		if r, _, known := NewLikeness().Like("USER", "eve"); known {
			t.Errorf("got %v", r)
		}
	})
	t.Run("what_one_name_heard_is_told_to_nobody", func(t *testing.T) {
		l := NewLikeness()
		for range 3 {
			l.Saw("b1", "USER", "ann", ftp.NewReply(331, "otp-md5 487 dog2"), time.Second)
		}
		l.Saw("b1", "USER", "joe", ftp.NewReply(331, "otp-md5 486 cat1"), time.Second)
		if r, _, known := l.Like("USER", "eve"); known {
			t.Errorf("got %v", r)
		}
	})
	t.Run("what_two_heard_is_and_with_the_own_name", func(t *testing.T) {
		l := NewLikeness()
		l.Saw("b1", "USER", "ann", ask, time.Second)
		l.Saw("b1", "USER", "joe", ftp.NewReply(331, "Password required for joe"), 2*time.Second)
		r, took, known := l.Like("USER", "e\tve")
		if !known || r.Code != 331 || r.Text != "Password required for e?ve" || took != 2*time.Second {
			t.Errorf("got %v after %v", r, took)
		}
		if r, _, known := l.Like("PASS", "eve"); known {
			t.Errorf("PASS is answered %v like USER", r)
		}
	})
	t.Run("a_name_has_one_backend_for_all_commands_and_times", func(t *testing.T) {
		l := NewLikeness()
		for i := range 10 {
			for n := range 40 {
				user := fmt.Sprint("user", n)
				l.Saw(fmt.Sprint("b", i), "USER", user, ftp.NewReply(331, fmt.Sprintf("I am %d, %s", i, user)), time.Duration(i)*time.Second)
				l.Saw(fmt.Sprint("b", i), "PASS", user, ftp.NewReply(530, fmt.Sprintf("not at %d", i)), time.Duration(i)*time.Second)
			}
		}
		met := map[string]bool{}
		for n := range 100 {
			eve := fmt.Sprint("eve", n)
			first, took, _ := l.Like("USER", eve)
			met[first.Text] = true
			for range 5 {
				again, tookAgain, _ := l.Like("USER", eve)
				refusal, tookThen, _ := l.Like("PASS", eve)
				if again != first || tookAgain != took || tookThen != took || refusal.Text != fmt.Sprintf("not at %d", took/time.Second) {
					t.Fatalf("%s heard %v after %v, then %v after %v and %v after %v", eve, first, took, again, tookAgain, refusal, tookThen)
				}
			}
		}
		if len(met) != 100 {
			t.Errorf("%d texts, want one with each name", len(met))
		}
	})
	t.Run("what_is_said_most_is_said", func(t *testing.T) {
		l := NewLikeness()
		for n := range 20 {
			l.Saw("b1", "USER", fmt.Sprint("user", n), ftp.NewReply(331, "Password please"), time.Second)
		}
		for _, user := range []string{"ftp", "anonymous", "ftp"} {
			l.Saw("b1", "USER", user, ftp.NewReply(331, "Anonymous login ok"), time.Second)
		}
		if r, _, _ := l.Like("USER", "eve"); r.Text != "Password please" {
			t.Errorf("got %v", r)
		}
	})
	t.Run("memory_is_bounded", func(t *testing.T) {
		l := NewLikeness()
		l.Saw("b1", "USER", "ann", ask, time.Second)
		l.Saw("b1", "USER", "joe", ftp.NewReply(331, "Password required for joe"), time.Second)
		for n := range 5000 {
			user := fmt.Sprint("user", n)
			l.Saw(user, "USER", user, ftp.NewReply(331, "challenge "+user+fmt.Sprint(n)), time.Hour)
			l.Saw(user, "USER", user, ftp.NewReply(331, "Password required for "+user), time.Hour)
			l.Saw(user, "USER", user, ftp.NewReply(331, strings.Repeat("x", longestText+1)), time.Hour)
		}
		if len(l.heard) > mostHeard || len(l.ways["USER"]) > mostHabits {
			t.Errorf("%d replies and %d habits", len(l.heard), len(l.ways["USER"]))
		}
		if r, took, known := l.Like("USER", "eve"); !known || r.Text != "Password required for eve" || took > longestTook {
			t.Errorf("got %v after %v", r, took)
		}
	})
}

func TestReplaceWord(t *testing.T) {
	for _, tt := range [][3]string{
		{"Password required for joe", "joe", "Password required for *"},
		{"joe: no, joey, not joe.", "joe", "*: no, joey, not *."},
		{"aaa a aa", "a", "aaa * aa"},
		{"", "joe", ""}, {"joejoe joe", "joe", "joejoe *"}, {"<j@x> j@xy", "j@x", "<*> j@xy"},
	} {
		if got := replaceWord(tt[0], tt[1], "*"); got != tt[2] {
			t.Errorf("%q without %q is %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}
