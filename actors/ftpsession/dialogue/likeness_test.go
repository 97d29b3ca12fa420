package dialogue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// likeness knows some answers, and notes what it is shown.
type likeness struct {
	knows map[string]string // by command
	took  time.Duration     // of all
	saw   []string
}

func (l *likeness) Saw(backend, command, user string, r ftp.Reply, took time.Duration) {
	l.saw = append(l.saw, fmt.Sprintf("%s: %s by %s, %v after %v", command, user, backend, r, took))
}

func (l *likeness) Like(command, user string) (ftp.Reply, time.Duration, bool) {
	text, ok := l.knows[command]
	if !ok {
		return ftp.Reply{}, 0, false
	}
	var code int
	_, _ = fmt.Sscan(text, &code)
	return ftp.Reply{Code: code, Text: strings.ReplaceAll(text[4:], "NAME", user)}, l.took + lateness, true
}

const nobody = hello + `
	C: USER eve
	pick for eve
	picked nobody`

// Claim 15: a name without a backend is answered as backends answer others, when
// they would, and nothing tells that there is none.
func TestClaim15LikeABackend(t *testing.T) {
	knowing := func(l likeness) func(*Config) {
		return func(c *Config) { atUser(c); c.Likeness = &l }
	}
	talks := likeness{took: 2 * time.Second, knows: map[string]string{
		"USER": "331 And the password of NAME?", "PASS": "530 Never", "PASS again": "503 Again?", "PASV": "530 First log in", "QUIT": "221 Bye",
	}}
	prove(t, []claim{
		{"in_its_words_and_after_its_time", knowing(talks), nobody + `
			wait 1999ms
			wait 1ms
			>C 331 And the password of eve?
			C: PASS guess
			wait 2s
			>C 530 Never
			C: PASS guess
			wait 2s
			>C 503 Again?
			C: PASV
			wait 2s
			>C 530 First log in
			C: QUIT
			wait 2s
			>C 221 Bye
			end: client quit`},
		{"what_comes_meanwhile_waits", knowing(talks), nobody + `
			C: PASS guess
			wait 2s
			>C 331 And the password of eve?
			wait 2s
			>C 530 Never`},
		{"who_leaves_meanwhile_is_gone", knowing(talks), nobody + `
			C lost
			end: client closed the connection`},
		{"an_answer_that_is_late_already_comes_at_once", knowing(talks), hello + `
			C: USER eve
			pick for eve
			wait 3s
			picked nobody
			>C 331 And the password of eve?`},
		{"in_our_words_as_long_as_nothing_is_known", knowing(likeness{}), nobody + `
			>C 331 Password required for eve
			C: PASS guess
			>C 530 Login incorrect.
			C: PASS guess
			>C 530 Login incorrect.`},
		{"what_we_answer_is_as_with_a_backend", knowing(likeness{}), nobody + `
			>C 331 Password required for eve
			C: SYST
			>C 530 Please login with USER and PASS
			C: NOOP
			>C 530 Please login with USER and PASS
			C: SITE HELP
			>C 530 Please login with USER and PASS
			C: WHAT
			>C 530 Please login with USER and PASS
			C: LIST
			>C 530 Please login with USER and PASS
			C: AUTH TLS
			>C 500 AUTH not understood`},
		{"it_counts_like_a_refusal", func(c *Config) { knowing(talks)(c); c.MaxLoginAttempts = 1 }, nobody + `
			wait 2s
			>C 331 And the password of eve?
			C: PASS guess
			wait 2s
			>C 530 Never
			end: MaxLoginAttempts reached`},
		{"another_name_is_looked_for_as_ever", knowing(talks), nobody + `
			wait 2s
			>C 331 And the password of eve?
			C: USER joe
			pick for joe` + there + `
			>B USER joe`},
	})
}

// Only what a backend said to somebody who is not logged in is worth imitating.
func TestWhatIsSeenOfBackends(t *testing.T) {
	var l likeness
	play(t, func() Config { c := usual(); atUser(&c); c.Likeness = &l; return c }(), joeThere+`
		wait 200ms
		B: 331 joe's password?
		>C 331 joe's password?
		C: PASS s3cret
		>B PASS s3cret
		wait 3s
		B: 530 s3cret is wrong
		>C 530 s3cret is wrong
		C: PASS other
		>B PASS other
		B: 503 USER first
		>C 503 USER first
		C: PASV
		drop offers
		>B PASV
		B: 530 no
		drop offers
		>C 530 no
		C: PWD
		>C 530 Please login with USER and PASS
		C: USER ann
		drop backend
		return lease
		pick for ann
		picked b2
		dial 2 b2
		B connected
		B: 220 I am b2
		report connected
		>B FEAT
		B: 500 what?
		>B USER ann
		B: 331 go on
		>C 331 go on
		C: PASS good
		>B PASS good
		B: 230 in
		logged in ann
		>C 230 in
		C: DELE x
		>B DELE x
		B: 550 no
		record DELE x I false
		>C 550 no`)
	want := []string{
		"USER: joe by ftp://b1:21, 331 joe's password? after 200ms", "PASS: joe by ftp://b1:21, 530 (hidden) is wrong after 3s",
		"PASS again: joe by ftp://b1:21, 503 USER first after 0s", "PASV: joe by ftp://b1:21, 530 no after 0s", "USER: ann by ftp://b2:21, 331 go on after 0s",
	}
	if diff := cmp.Diff(want, l.saw); diff != "" {
		t.Error(diff)
	}
}
