package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func TestLogin(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		t.Run("a_good_password_logs_in_and_QUIT_says_goodbye", func(t *testing.T) {
			c := tg.login(t)
			c.Must(257, "PWD")
			c.Must(221, "QUIT")
			c.ExpectClosed(5 * time.Second)
		})
		t.Run("a_wrong_password_is_refused_and_a_second_try_may_succeed", func(t *testing.T) {
			c := peers.Dial(t, tg.addr)
			c.Expect(220)
			c.Must(331, "USER %s", tg.server.User)
			c.Must(530, "PASS not the password")
			c.Must(331, "USER %s", tg.server.User)
			c.Must(230, "PASS %s", tg.server.Password)
		})
		t.Run("verbs_are_known_in_any_case", func(t *testing.T) {
			c := peers.Dial(t, tg.addr)
			c.Expect(220)
			c.Must(331, "user %s", tg.server.User)
			c.Must(230, "pAsS %s", tg.server.Password)
			c.Must(257, "pwd")
		})
		t.Run("an_unknown_verb_gets_500_and_the_session_goes_on", func(t *testing.T) {
			c := tg.login(t)
			c.Must(500, "WIBBLE some thing")
			c.Must(257, "PWD")
		})
		t.Run("QUIT_before_login_says_goodbye", func(t *testing.T) {
			c := peers.Dial(t, tg.addr)
			c.Expect(220)
			c.Must(221, "QUIT")
			c.ExpectClosed(5 * time.Second)
		})
		t.Run("listing_before_login_is_refused", func(t *testing.T) {
			c := peers.Dial(t, tg.addr)
			c.Expect(220)
			c.Must(530, "LIST")
		})
		t.Run("commands_in_one_segment_are_answered_in_order", func(t *testing.T) {
			tg.put(t, "piped", []byte("0123456789"))
			c := tg.login(t)
			c.SendRaw("PWD\r\nSYST\r\nTYPE I\r\nNOOP\r\nCWD nowhere-at-all\r\nSIZE piped\r\nPWD\r\n")
			for _, code := range []int{257, 215, 200, 200, 550, 213, 257} {
				c.Expect(code)
			}
		})
		t.Run("SITE_CHMOD_and_SITE_HELP_reach_the_server", func(t *testing.T) {
			c := tg.login(t)
			c.Store(peers.EPSV, []byte("x"), "STOR mode-me")
			c.Must(200, "SITE CHMOD 604 mode-me")
			if list := string(c.Fetch(peers.EPSV, "LIST mode-me")); !strings.HasPrefix(list, "-rw----r--") {
				t.Fatalf("listed as %q", list)
			}
			c.Must(214, "SITE HELP")
		})
	})
}

// The gateway answers FEAT for itself, with the list of what it can do.
func TestLogin_features(t *testing.T) {
	everyGateway(t, func(t *testing.T, tg target) {
		r := tg.login(t).Must(211, "FEAT")
		text := strings.ToUpper(r.String())
		for _, feature := range []string{" EPRT", " EPSV", " MDTM", " REST STREAM", " SIZE", " UTF8", " TVFS"} {
			if !strings.Contains(text, "\n"+feature) {
				t.Errorf("FEAT lacks %q:\n%s", feature, r)
			}
		}
		if strings.Contains(text, "AUTH TLS") {
			t.Errorf("FEAT offers TLS without a certificate:\n%s", r)
		}
		if r.Lines[0] != "211-Features:" || r.Lines[len(r.Lines)-1] != "211 End" {
			t.Errorf("FEAT is framed %q … %q", r.Lines[0], r.Lines[len(r.Lines)-1])
		}
	})
}
