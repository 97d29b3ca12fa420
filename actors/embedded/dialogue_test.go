package embedded

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func TestDialogue(t *testing.T) {
	type step struct {
		say  string
		code int
		text string // part of the reply
	}
	for _, tt := range []struct {
		claim string
		steps []step
	}{
		{"commands wait for the login", []step{{"PWD", 530, ""}, {"LIST", 530, ""}, {"SYST", 215, "UNIX"}, {"USER a", 331, ""}, {"PASS b", 230, ""}, {"PWD", 257, `"/"`}}},
		{"PASS needs USER", []step{{"PASS x", 503, ""}}},
		{"verbs unknown, known and foreign are told apart", []step{{"BOGUS", 500, ""}, {"AUTH TLS", 502, ""}, {"", 500, ""}}},
		{"STRU and MODE have one value", []step{{"USER a", 331, ""}, {"PASS b", 230, ""}, {"STRU f", 200, ""}, {"STRU R", 504, ""}, {"MODE S", 200, ""}, {"MODE Z", 504, ""}, {"TYPE E", 504, ""}, {"TYPE L 8", 200, ""}, {"TYPE", 501, ""}}},
		{"REST needs TYPE I", []step{{"USER a", 331, ""}, {"PASS b", 230, ""}, {"REST 5", 501, ""}, {"TYPE I", 200, ""}, {"REST 5", 350, ""}, {"REST -5", 501, ""}, {"REST +5", 501, ""}, {"REST x", 501, ""}}},
		{"transfers need a door", []step{{"USER a", 331, ""}, {"PASS b", 230, ""}, {"LIST", 425, ""}, {"RETR nothing", 550, ""}}},
		{"directories are made, entered, renamed and removed", []step{
			{"USER a", 331, ""}, {"PASS b", 230, ""}, {`MKD my "d"`, 257, `"/my ""d"""`}, {`CWD my "d"`, 250, ""},
			{"XPWD", 257, `"/my ""d"""`}, {"CDUP", 250, ""}, {"PWD", 257, `"/"`}, {`RNFR my "d"`, 350, ""}, {"RNTO e", 250, ""},
			{"RNTO f", 503, ""}, {"CWD e/../e", 250, ""}, {"CDUP", 250, ""}, {"DELE e", 550, ""}, {"RMD e", 250, ""}, {"RMD e", 550, "No such"}, {"RMD /", 550, ""}}},
		{"RNTO follows RNFR at once", []step{{"USER a", 331, ""}, {"PASS b", 230, ""}, {"MKD d", 257, ""}, {"RNFR d", 350, ""}, {"NOOP", 200, ""}, {"RNTO e", 503, ""}}},
		{"nothing is above the root", []step{{"USER a", 331, ""}, {"PASS b", 230, ""}, {"CWD ../../..", 250, ""}, {"PWD", 257, `"/"`}, {"TYPE I", 200, ""}, {"SIZE ../../etc/passwd", 550, ""}}},
		{"names of arriving files are not to be had", []step{{"USER a", 331, ""}, {"PASS b", 230, ""}, {"MKD " + unfinished + "x", 550, ""}, {"CWD " + unfinished + "x", 550, ""}}},
		{"EPSV ALL shuts the other ways", []step{{"USER a", 331, ""}, {"PASS b", 230, ""}, {"EPSV 2", 522, "(1)"}, {"EPSV ALL", 200, ""}, {"PASV", 501, ""}, {"PORT 127,0,0,1,200,1", 501, ""}, {"EPSV", 229, ""}}},
		{"PORT to third hosts and low ports is refused", []step{{"USER a", 331, ""}, {"PASS b", 230, ""}, {"PORT 127,0,0,2,200,1", 500, ""}, {"PORT 127,0,0,1,0,22", 500, ""}, {"PORT 1,2", 501, ""}, {"EPRT |3|x|1|", 522, ""}, {"EPRT |1|127.0.0.2|5000|", 500, ""}}},
		{"options", []step{{"OPTS UTF8 ON", 200, ""}, {"OPTS UTF8 OFF", 504, ""}, {"OPTS MLST size;bogus;Type;", 200, "size;type;"}, {"OPTS X", 501, ""}}},
		{"the rest answers", []step{{"NOOP", 200, ""}, {"HELP", 214, "RETR"}, {"FEAT", 211, "MLST modify*;perm*;size*;type*;"}, {"USER a", 331, ""}, {"PASS b", 230, ""}, {"STAT", 211, "Logged in as a"}, {"SITE CHMOD", 202, ""}, {"ABOR", 226, ""}, {"ALLO 5", 202, ""}, {"QUIT", 221, ""}}},
	} {
		t.Run(strings.ReplaceAll(tt.claim, " ", "_"), func(t *testing.T) {
			s, _ := serve(t, nil)
			c := connect(t, s)
			c.expect(220)
			for _, st := range tt.steps {
				if r := c.do(st.say, st.code); !strings.Contains(r.Text, st.text) {
					t.Fatalf("%s: reply %s, want %q in it", st.say, r, st.text)
				}
			}
		})
	}
}

func TestLists(t *testing.T) {
	s, dir := serve(t, nil)
	put(t, dir, "b.txt", "four")
	put(t, dir, "sub/a", "x")
	put(t, dir, unfinished+"y", "half")
	put(t, dir, "line\nbreak", "")
	outside := filepath.Join(t.TempDir(), "secret")
	put(t, filepath.Dir(outside), "secret", "s")
	if err := os.Symlink(outside, filepath.Join(dir, "leak")); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2020, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "b.txt"), when, when); err != nil {
		t.Fatal(err)
	}
	c := login(t, s)
	c.do("OPTS MLST type;size;modify;", 200)
	for command, want := range map[string]string{
		"NLST":       "b.txt\r\nsub\r\n",
		"NLST -a":    "b.txt\r\nsub\r\n",
		"NLST sub":   "sub/a\r\n",
		"NLST b.txt": "b.txt\r\n",
		"LIST b.txt": "-rw-r--r--   1 ftp      ftp                 4 Mar  4  2020 b.txt\r\n",
	} {
		if diff := cmp.Diff(want, c.fetch(command)); diff != "" {
			t.Errorf("%s: %s", command, diff)
		}
	}
	if got := c.fetch("LIST -la"); strings.Count(got, "\r\n") != 2 || !strings.Contains(got, "\r\ndrwx") {
		t.Errorf("LIST -la: %q", got)
	}
	if got := c.fetch("MLSD"); !strings.Contains(got, "type=file;size=4;modify=20200304050607; b.txt\r\n") || !strings.Contains(got, "type=dir;modify=") {
		t.Errorf("MLSD: %q", got)
	}
	if r := c.do("MLST b.txt", 250); !strings.Contains(r.Text, " type=file;size=4;modify=20200304050607; /b.txt") {
		t.Errorf("MLST: %s", r)
	}
	if r := c.do("STAT b.txt", 213); !strings.Contains(r.Text, "2020 b.txt") {
		t.Errorf("STAT: %s", r)
	}
	c.do("MLSD b.txt", 501)
	c.do("LIST leak", 550)
	c.do("RETR leak", 550)
	if r := c.do("MDTM b.txt", 213); r.Text != "20200304050607" {
		t.Errorf("MDTM: %s", r)
	}
	if r := c.do("SIZE b.txt", 213); r.Text != "4" {
		t.Errorf("SIZE: %s", r)
	}
}

func TestAccounts(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Accounts = map[string]string{"anna": "right", "empty": ""} })
	c := connect(t, s)
	c.expect(220)
	for _, pair := range [][2]string{{"anna", "wrong"}, {"nobody", ""}} {
		c.do("USER "+pair[0], 331)
		c.do("PASS "+pair[1], 530)
	}
	c.do("USER anna", 331)
	c.do("PASS right", 230)
	c.do("USER anna", 331)
	c.do("PASS wrong", 530) // the third
	c.expectEnd()
}

func TestLimits(t *testing.T) {
	t.Run("one_client_too_many_hears_421", func(t *testing.T) {
		s, _ := serve(t, func(c *Config) { c.MaxSessions = 1 })
		first := connect(t, s)
		first.expect(220)
		second := connect(t, s)
		second.expect(421)
		second.expectEnd()
		first.do("NOOP", 200)
	})
	t.Run("silence_before_login_ends_the_session", func(t *testing.T) {
		s, _ := serve(t, func(c *Config) { c.Login = 20 * time.Millisecond })
		c := connect(t, s)
		c.expect(220)
		c.expect(421)
		c.expectEnd()
	})
	t.Run("silence_after_login_ends_the_session", func(t *testing.T) {
		s, _ := serve(t, func(c *Config) { c.Idle = 50 * time.Millisecond })
		c := login(t, s)
		c.expect(421)
		c.expectEnd()
	})
	t.Run("commands_do_not_pile_up_behind_a_transfer", func(t *testing.T) {
		s, _ := serve(t, nil)
		c := login(t, s)
		data := c.passive()
		c.do("STOR x", 150)
		for range maxWaiting + 1 {
			c.send("NOOP")
		}
		c.expect(421)
		c.expectEnd()
		_ = data
	})
	t.Run("a_browser_is_shown_the_door", func(t *testing.T) {
		s, _ := serve(t, nil)
		c := connect(t, s)
		c.expect(220)
		c.send("POST / HTTP/1.1", "NOOP")
		c.expectEnd()
	})
}

func TestSixth(t *testing.T) {
	socketstest.NeedIPv6(t)
	s, dir := serve(t, func(c *Config) { c.Address = "[::1]:0" })
	put(t, dir, "f", "six")
	c := login(t, s)
	c.do("PASV", 501)
	if got := c.fetch("RETR f"); got != "six" {
		t.Errorf("by EPSV: %q", got)
	}
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c.do(fmt.Sprintf("EPRT |2|::1|%d|", addrPort(ln.Addr()).Port()), 200)
	if got := c.active(ln, "RETR f"); got != "six" {
		t.Errorf("by EPRT: %q", got)
	}
}
