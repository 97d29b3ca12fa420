package dialogue

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// misdeeds are those among actions, with the name of the login.
func misdeeds(did []Action) (out []string) {
	for i, a := range did {
		d, ok := a.(Misdeed)
		if !ok {
			continue
		}
		text := d.What.String()
		if d.User != "" {
			text += " of " + d.User
		}
		if slices.ContainsFunc(did[:i], func(a Action) bool { _, told := a.(SendClient); return told }) {
			text += ", too late"
		}
		out = append(out, text)
	}
	return out
}

func TestMisdeeds(t *testing.T) {
	twice := func(c *Config) { c.MaxLoginAttempts = 2 }
	for _, c := range []struct {
		name   string
		change func(*Config)
		text   string
		want   string // joined by "; "
	}{
		{"a_good_login_is_none", nil, greeted + signedIn, ""},
		{"refused_logins_count_at_the_limit", twice, greeted + `
			C: USER joe
			>B USER joe
			B: 331 pw
			>C 331 pw
			C: PASS x
			>B PASS x
			B: 530 no
			>C 530 no
			C: PASS y
			>B PASS y
			B: 530 no
			>C 530 no
			end: MaxLoginAttempts reached`, "MaxLoginAttempts of joe; MaxLoginAttemptsFromUser of joe"},
		{"root_and_an_empty_password_count_each_time", func(c *Config) { atPass(c); twice(c) }, hello + `
			C: USER root
			>C 331 Password required for root
			C: PASS
			check root␣
			deny
			>C 530 Login incorrect.`, "RootLogin of root; EmptyPassword of root"},
		{"a_login_for_which_there_was_no_time_is_none", func(c *Config) { atPass(c); c.MaxLoginAttempts = 1 }, hello + `
			C: USER root
			>C 331 Password required for root
			C: PASS
			check root␣
			unheard
			>C 421 Too many logins at once, please try again later, closing control connection
			end: too many logins at once`, ""},
		{"a_login_that_could_not_be_tried_is_none", func(c *Config) { atPass(c); c.MaxLoginAttempts = 1 }, hello + named331 + `
			C: PASS x
			check joe x
			fail
			>C 530 Login incorrect.`, ""},
		{"another_protocol", nil, greeted + `
			C: GET / HTTP/1.1
			end: client sent GET`, "BadProtocol"},
		{"a_verb_that_nobody_knows", atPass, hello + `
			C: XYZZY
			>C 500 XYZZY not understood`, "UnhandledCommand"},
		{"a_verb_that_the_backend_does_not_know_either", nil, greeted + signedIn + `
			C: XYZZY
			>B XYZZY
			B: 502 no
			>C 502 no
			C: XPLUGH
			>B XPLUGH
			B: 200 yes
			>C 200 yes
			C: SITE NO
			>B SITE NO
			B: 500 no
			>C 500 no`, "UnhandledCommand of joe"},
		{"no_login_in_time", nil, greeted + `
			wait 300s
			>C 421 Login timeout (300 seconds): closing control connection
			end: login timeout`, "TimeoutLogin"},
		{"idleness", nil, greeted + signedIn + `
			wait 600s
			>C 421 Idle timeout (600 seconds): closing control connection
			end: idle timeout`, "TimeoutIdle of joe"},
		{"no_transfer", func(c *Config) { c.TimeoutNoTransfer = time.Minute }, greeted + signedIn + `
			wait 60s
			>C 421 No transfer timeout (60 seconds): closing control connection
			end: no transfer timeout`, "TimeoutNoTransfer of joe"},
		{"a_broken_handshake", offered, greeted + `
			C: AUTH TLS
			>C 234 AUTH TLS successful
			secure client
			C insecure
			>C 421 TLS handshake failed
			end: TLS handshake failed`, "TLSHandshake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := usual()
			if c.change != nil {
				c.change(&cfg)
			}
			if got := strings.Join(play(t, cfg, c.text).wrong, "; "); got != c.want {
				t.Errorf("it told of %q, want %q", got, c.want)
			}
		})
	}
}
