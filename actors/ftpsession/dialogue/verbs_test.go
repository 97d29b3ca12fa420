package dialogue

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// TestCommandTable walks all verbs through both phases: whose answer is it?
func TestCommandTable(t *testing.T) {
	const (
		backend = "backend"
		please  = "530 Please login with USER and PASS"
	)
	unknown := func(v string) string { return "500 " + v + " not understood" }
	rows := []struct {
		verbs         string
		before, after string
	}{
		{"USER PASS TYPE ABOR LIST NLST MLSD RETR STOR STOU APPE", backend, backend},
		{"CWD CDUP PWD MKD RMD XCWD XCUP XPWD XMKD XRMD", please, backend},
		{"SYST NOOP HELP STAT OPTS CLNT REIN SITE MDTM SIZE REST RNFR RNTO DELE MFMT MLST XYZZY", please, backend},
		{"ACCT", please, backend},
		{"AUTH PBSZ PROT CCC ADAT CONF ENC MIC SSCN", "?", "?"},
		{"LPRT LPSV CPSV SPSV ESTA ESTP", "?", "?"},
		{"HOST", "501 : Invalid hostname provided", "503 Bad sequence of commands"},
		{"PORT EPRT", "501 Illegal ", "501 Illegal "},
	}
	for _, r := range rows {
		for v := range strings.FieldsSeq(r.verbs) {
			for _, phase := range []struct{ name, begin, want string }{
				{"before_login", greeted, r.before}, {"after_login", greeted + signedIn, r.after},
			} {
				t.Run(v+"/"+phase.name, func(t *testing.T) {
					s := play(t, usual(), phase.begin)
					s.did = nil
					s.client(v)
					want := phase.want
					if want == "?" {
						want = unknown(v)
					}
					got := strings.Join(s.did, " / ")
					if want == backend {
						if !strings.Contains(got, ">B "+v) || strings.Contains(got, ">C") {
							t.Errorf("did %q, want it sent to the backend", got)
						}
					} else if !strings.HasPrefix(got, ">C "+want) || strings.Contains(got, ">B") {
						t.Errorf("did %q, want it answered with %q", got, want)
					}
				})
			}
		}
	}
}

func TestCommands(t *testing.T) {
	named := func(c *Config) { c.ServerNames = []string{"ftp.Example.org", "*.example.net"} }
	prove(t, []claim{
		{"a_command_keeps_its_words", nil, greeted + signedIn + `
			C: site  Some THING␣
			>B SITE  Some THING␣
			B: 211-a↵ b↵211 c
			>C 211-a↵ b↵211 c`},
		{"preliminary_replies_are_passed_on", nil, greeted + signedIn + `
			C: SITE WAIT
			>B SITE WAIT
			B: 120 moment
			>C 120 moment
			B: 200 done
			>C 200 done`},
		{"HOST_by_name", named, greeted + `
			C: HOST FTP.example.ORG
			>C 220 HOST command successful
			C: HOST a.example.net
			>C 220 HOST command successful
			C: HOST other.org
			switch to other.org
			switched nowhere
			>C 504 other.org: Unknown hostname provided
			C: HOST bad name
			>C 501 bad name: Invalid hostname provided
			C: HOST 2001:db8::1
			>C 501 2001:db8::1: Invalid hostname provided`},
		{"HOST_by_address", nil, greeted + `
			C: HOST 192.0.2.1
			>C 220 HOST command successful
			C: HOST [::ffff:192.0.2.1]
			>C 220 HOST command successful
			C: HOST [2001:db8::9]
			switch to 2001:db8::9
			switched nowhere
			>C 504 [2001:db8::9]: Unknown hostname provided
			C: HOST [2001:db8::9
			>C 501 [2001:db8::9: Invalid hostname provided`},
		{"FEAT_is_the_backends_with_ShowFeatures", func(c *Config) { c.ShowFeatures = true }, greeted + `
			C: FEAT
			>B FEAT
			B: 211-Mine↵ X↵211 End
			>C 211-Mine↵ X↵211 End`},
		{"DELE_is_recorded", nil, greeted + signedIn + `
			C: DELE f
			>B DELE f
			B: 120 moment
			>C 120 moment
			B: 250 gone
			record DELE f I true
			>C 250 gone
			C: DELE g
			>B DELE g
			B: 550 no
			record DELE g I false
			>C 550 no`},
		{"TYPE_is_noted_once_it_is_granted", nil, greeted + signedIn + `
			C: TYPE A
			>B TYPE A
			B: 200 ok
			>C 200 ok
			C: TYPE L 8
			>B TYPE L 8
			B: 504 no
			>C 504 no
			C: TYPE
			>B TYPE
			B: 200 ok
			>C 200 ok
			C: DELE f
			>B DELE f
			B: 250 gone
			record DELE f A true
			>C 250 gone`},
		{"TYPE_begins_as_DefaultTransferMode_says", func(c *Config) { c.AsciiDefault = true }, greeted + signedIn + `
			C: DELE f
			>B DELE f
			B: 250 gone
			record DELE f A true
			>C 250 gone
			C: TYPE I
			>B TYPE I
			B: 200 ok
			>C 200 ok
			C: DELE f
			>B DELE f
			B: 250 gone
			record DELE f I true
			>C 250 gone`},
		{"QUIT_is_relayed_then_the_session_ends", nil, greeted + `
			C: QUIT
			>B QUIT
			B: 221 bye
			>C 221 bye
			end: client quit`},
		{"QUIT_waits_for_the_final_reply", nil, greeted + `
			C: QUIT
			>B QUIT
			B: 120 moment
			>C 120 moment
			B: 221 bye
			>C 221 bye
			end: client quit`},
		{"QUIT_is_answered_for_a_backend_that_is_gone", nil, greeted + `
			C: QUIT
			>B QUIT
			B lost
			>C 221 Goodbye.
			end: client quit`},
		{"replies_nobody_asked_for_are_dropped", nil, greeted + signedIn + `
			B: 200 hello?
			B: 226 hello?
			C: NOOP
			>B NOOP
			B: 200 ok
			>C 200 ok`},
		{"an_unasked_421_is_passed_on", nil, greeted + signedIn + `
			B: 421 idle too long
			>C 421 idle too long
			end: backend closed the session`},
	})
}

func TestBadLines(t *testing.T) {
	prove(t, []claim{
		{"no_verb", nil, greeted + `
			C: 
			>C 500 Invalid command: try being more creative
			C: ␀
			>C 500 Forbidden control character in command
			C: 123
			>C 500 Invalid command: try being more creative`},
		{"too_long", nil, greeted + `
			C: CWD ` + strings.Repeat("x", ftp.MaxCommandLine) + `
			>C 500 Command line too long`},
		{"they_wait_their_turn", nil, greeted + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000
			C: a␀b
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no
			>C 500 Forbidden control character in command`},
		{"HTTP_ends_the_session", nil, greeted + `
			C: GET / HTTP/1.1
			end: client sent GET`},
		{"before_the_banner_too", nil, `
			pick
			C: POST / HTTP/1.1
			end: client sent POST`},
		{"in_a_line_that_is_no_command", nil, greeted + `
			C: SSH-2.0-OpenSSH_9.6
			end: client sent SSH-2.0-OPENSSH_9.6`},
		{"in_mid_transfer_it_is_broken_off", nil, greeted + pasv + `
			C: LIST
			>B LIST
			start down front=listen back=198.51.100.5:5000
			C: GET / HTTP/1.1
			abort data
			end: client sent GET`},
		{"after_login_it_is_an_unknown_verb", nil, greeted + signedIn + `
			C: GET x
			>B GET x`},
	})
}

func TestSecretsAreLetGo(t *testing.T) {
	s := play(t, usual(), greeted, signedIn)
	if s.m.asked.Arg != "" {
		t.Error("the password is still held after it was answered")
	}
	if s.m.User() != "joe" {
		t.Errorf("User() = %q", s.m.User())
	}
}
