package logformat

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

func moment() Moment {
	return Moment{Unix: 1785913445, Nanos: 67_008_900, Year: 2026, Month: 8, Day: 5, Hour: 7, Minute: 4, Second: 5,
		Weekday: 3, YearDay: 217, Offset: 2 * 3600, Zone: "CEST"}
}

// full is a download that has everything.
func full() *Record {
	return &Record{
		At: moment(), Command: ftp.Command{Verb: "RETR", Arg: "/pub/some file.bin", HasArg: true},
		Reply: ftp.NewReply(226, "Transfer complete"), Millis: 1234,
		Session: 9, Server: "ftp.example.com", Host: "gw1", PID: 77, Version: "0.3", Protocol: "ftps",
		Client: netip.MustParseAddrPort("[::ffff:192.0.2.7]:40000"), Local: netip.MustParseAddrPort("198.51.100.1:21"),
		Class: "office", User: "alice", UserSent: "Alice", Group: "staff", Groups: "staff,audit", UID: "500", GID: "50",
		TLSVersion: "TLSv1.3", TLSCipher: "TLS_AES_128_GCM_SHA256",
		Vars:     map[string]string{"TLS_CIPHER": "AES"},
		Transfer: Transfer{Status: Success, Bytes: 2048, Millis: 1500, Port: 50001, FileSize: 2048, SizeOK: true},
		RawIn:    100, RawOut: 4000,
		Backend: netip.MustParseAddrPort("203.0.113.5:2121"), BackendURL: "ftp://b.example:2121",
	}
}

func expand(t *testing.T, format string, r *Record) string {
	t.Helper()
	f, _ := Compile(format, func(name string) (string, bool) { return "/home/" + name, name == "HOME" })
	return string(f.Append(nil, r))
}

func TestVariables(t *testing.T) {
	cases := []struct{ format, want, missing string }{
		{"%a", "192.0.2.7", "-"},
		{"%A", "-", "-"},
		{"%b", "2048", "-"},
		{"%c", "office", "-"},
		{"%d %D", "- -", "- -"},
		{"%E", "-", "-"},
		{"%f|%F", "/pub/some file.bin|/pub/some file.bin", "-|-"},
		{"%g %G", "staff staff,audit", "- -"},
		{"%h", "192.0.2.7", "-"},
		{"%H %L", "198.51.100.1 198.51.100.1", "- -"},
		{"%I %O", "100 4000", "0 0"},
		{"%J", "/pub/some file.bin", "-"},
		{"%l", "-", "-"},
		{"%m", "RETR", "-"},
		{"%p", "21", "-"},
		{"%P", "77", "-"},
		{"%r", "RETR /pub/some file.bin", "-"},
		{"%R", "1234", "0"},
		{"%s", "226", "-"},
		{"%S", "Transfer complete", "-"},
		{"%t", "[05/Aug/2026:07:04:05 +0200]", "[00//0000:00:00:00 +0000]"},
		{"%{%Y-%j}t", "2026-217", "0000-000"},
		{"%T", "1.500", "-"},
		{"%u %U", "alice Alice", "- -"},
		{"%v %V", "ftp.example.com gw1", "- -"},
		{"%w", "-", "-"},
		{"%{basename}", "some file.bin", "-"},
		{"%{epoch}", "1785913445", "0"},
		{"%{iso8601}", "2026-08-05 07:04:05,067", "0000-00-00 00:00:00,000"},
		{"%{millisecs} %{microsecs}", "067 067008", "000 000000"},
		{"%{gid} %{uid}", "50 500", "- -"},
		{"%{protocol}", "ftps", "-"},
		{"%{remote-port}", "40000", "-"},
		{"%{version}", "0.3", "-"},
		{"%{file-modified}", "false", "false"},
		{"%{file-size}", "2048", "-"},
		{"%{transfer-status} %{transfer-failure}", "success -", "- -"},
		{"%{transfer-type}", "binary", "-"},
		{"%{transfer-speed}", "1.333", "-"},
		{"%{transfer-millisecs}", "1500", "-"},
		{"%{transfer-port}", "50001", "-"},
		{"%{TLS_CIPHER}e %{env:TLS_CIPHER}", "AES AES", "- -"},
		{"%{HOME}e %{NONE}e", "/home/HOME -", "/home/HOME -"},
		{"%{time:%H.%M}", "07.04", "00.00"},
		{"%{note:mod_proxy.backend-ip}", "203.0.113.5", "-"},
		{"%{note:mod_proxy.backend-port}", "2121", "0"},
		{"%{note:mod_proxy.backend-url}", "ftp://b.example:2121", "-"},
		{"%{EPOCH}test", "1785913445test", "0test"},
		{"100%% \t%m!", "100% \tRETR!", "100% \t-!"},
		{"", "", ""},
	}
	for _, c := range cases {
		t.Run(c.format, func(t *testing.T) {
			if got := expand(t, c.format, full()); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := expand(t, c.format, &Record{}); got != c.missing {
				t.Errorf("of nothing: got %q, want %q", got, c.missing)
			}
			if _, problems := Compile(c.format, nil); len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func command(verb, arg string) *Record {
	return &Record{Command: ftp.Command{Verb: verb, Arg: arg, HasArg: arg != ""}}
}

func TestPathsAreThoseOfTheCommand(t *testing.T) {
	cases := []struct{ verb, arg, want string }{ // %f %{basename} %D %d
		{"STOR", "/a/b/", "/a/b/|b|-|-"},
		{"RNTO", "c", "c|c|-|-"},
		{"CWD", "/a/b", "-|-|/a/b|b"},
		{"XMKD", "d", "-|-|d|d"},
		{"CDUP", "", "-|-|..|.."},
		{"LIST", "-la  sub", "-|-|sub|sub"},
		{"LIST", "-la", "-|-|-|-"},
		{"NLST", "", "-|-|-|-"},
		{"CWD", "/", "-|-|/|/"},
		{"SITE", "CHMOD 644 x", "-|-|-|-"},
		{"PASS", "/a/b", "-|-|-|-"},
	}
	for _, c := range cases {
		t.Run(c.verb+" "+c.arg, func(t *testing.T) {
			if got := expand(t, "%f|%{basename}|%D|%d", command(c.verb, c.arg)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEscaping(t *testing.T) {
	cases := []struct{ name, format, arg, want string }{
		{"a_line_cannot_be_forged", "%J", "a\r\nb\tc\x00\x1b[2J\x7f", `a\r\nb\tc\x00\x1b[2J\x7f`},
		{"nor_by_C1_or_line_separators", "%J", "a\u0085b\u2028c\u202ed", `a\xc2\x85b\xe2\x80\xa8c\xe2\x80\xaed`},
		{"other_bytes_stay", "%J", "Übung \xe4\xff", "Übung \xe4\xff"},
		{"outside_quotes_everything_printable_stays", "%J", `a"b\c`, `a"b\c`},
		{"between_quotes_the_quotes_are_escaped", `"%m" %m "x%r" %J`, `a" 226 \`, `"CWD" CWD "xCWD a\" 226 \\" a" 226 \`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := expand(t, c.format, command("CWD", c.arg)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSecretsAreHidden(t *testing.T) {
	const canary = "c4n4ry-word"
	everything := "%r|%J|%S|%f|%F|%d|%D|%A|%{basename}|%w|%m"
	json := JSON()
	for _, verb := range []string{"PASS", "pass", "ACCT", "PASSWD", "XPASS", "ADAT", "MIC", "ENC", "CONF", "SITE"} {
		t.Run(verb, func(t *testing.T) {
			arg := canary
			if verb == "SITE" {
				arg = "PSWD old " + canary
			}
			r := command(verb, arg)
			r.Reply = ftp.NewReply(530, "no "+arg+", not "+arg)
			for _, line := range []string{expand(t, everything, r), string(json.Append(nil, r))} {
				if strings.Contains(line, canary) || strings.Count(line, hidden) < 3 {
					t.Errorf("%s", line)
				}
			}
		})
	}
	t.Run("a_reply_survives_a_tiny_password", func(t *testing.T) {
		r := command("PASS", "in")
		r.Reply = ftp.NewReply(530, "Login incorrect")
		if got := expand(t, "%S", r); got != "Login incorrect" {
			t.Errorf("got %q", got)
		}
	})
}

func TestProblemsHavePlaces(t *testing.T) {
	cases := []struct {
		format string
		at     []int
		want   string // what is written all the same, of a PWD
	}{
		{"%m %k", []int{3}, "PWD -"},
		{"ab%", []int{2}, "ab%"},
		{"x%{y", []int{1}, "x%{y"},
		{"%{nothing} %m", []int{0}, "- PWD"},
		{"%{note:mod_x.y}%{}e%?", []int{0, 15, 19}, "---"},
	}
	for _, c := range cases {
		t.Run(c.format, func(t *testing.T) {
			f, problems := Compile(c.format, nil)
			var at []int
			for _, p := range problems {
				at = append(at, p.At)
			}
			if !slices.Equal(at, c.at) {
				t.Errorf("problems %v, want them at %v", problems, c.at)
			}
			if got := string(f.Append(nil, command("PWD", ""))); got != c.want {
				t.Errorf("wrote %q, want %q", got, c.want)
			}
		})
	}
}

func TestStrftime(t *testing.T) {
	m := moment()
	cases := []struct{ layout, want string }{
		{"%a %A %b %B %h", "Wed Wednesday Aug August Aug"},
		{"%C %d %e %y %Y", "20 05  5 26 2026"},
		{"%H %I %k %l %M %S %p", "07 07  7  7 04 05 AM"},
		{"%D %F %R %T %r", "08/05/26 2026-08-05 07:04 07:04:05 07:04:05 AM"},
		{"%c", "Wed Aug  5 07:04:05 2026"},
		{"%j %u %w", "217 3 3"},
		{"%s %z %Z", "1785913445 +0200 CEST"},
		{"%Ey%OH %Q %% %", "2607 %Q % %"},
		{"a%nb%tc", "a b c"},
	}
	for _, c := range cases {
		t.Run(c.layout, func(t *testing.T) {
			if got := string(appendTime(nil, c.layout, &m)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	t.Run("midnight_noon_and_the_west", func(t *testing.T) {
		m := Moment{Hour: 0, Weekday: 0, Offset: -(3*3600 + 1800)}
		if got := string(appendTime(nil, "%I%p%u%z", &m)); got != "12AM7-0330" {
			t.Errorf("got %q", got)
		}
		m.Hour = 12
		if got := string(appendTime(nil, "%I%p", &m)); got != "12PM" {
			t.Errorf("got %q", got)
		}
	})
}

func TestJSONHasStableNames(t *testing.T) {
	want := `{"time":"2026-08-05T07:04:05.067+02:00","command":"RETR","args":"/pub/some file.bin","code":226,` +
		`"reply":"Transfer complete","ms":1234,"session":9,"server":"ftp.example.com","host":"gw1","pid":77,` +
		`"protocol":"ftps","client":"192.0.2.7","client_port":40000,"local":"198.51.100.1","local_port":21,` +
		`"class":"office","user":"alice","user_sent":"Alice","group":"staff","groups":"staff,audit",` +
		`"tls_version":"TLSv1.3","tls_cipher":"TLS_AES_128_GCM_SHA256","path":"/pub/some file.bin",` +
		`"transfer_status":"success","transfer_type":"binary","bytes":2048,"transfer_ms":1500,"transfer_port":50001,` +
		`"file_size":2048,"backend_ip":"203.0.113.5","backend_port":2121,"backend_url":"ftp://b.example:2121"}`
	if d := cmp.Diff(want, string(JSON().Append(nil, full()))); d != "" {
		t.Error(d)
	}
}

func TestSelection(t *testing.T) {
	cases := []struct {
		words string
		want  string // of the commands below
	}{
		{"", "CONNECT EXIT LIST MKD NOOP PASS PBSZ QUIT RETR STOR XCUP"},
		{"ALL", "CONNECT EXIT LIST MKD NOOP PASS PBSZ QUIT RETR STOR XCUP"},
		{"NONE", ""},
		{"ALL NONE", ""},
		{"AUTH", "PASS"},
		{"INFO", "QUIT"},
		{"DIRS", "LIST MKD XCUP"},
		{"READ", "RETR"},
		{"WRITE", "MKD STOR"},
		{"READ WRITE", "MKD RETR STOR"},
		{"MISC", "NOOP"},
		{"SEC", "PBSZ"},
		{"SSH SFTP EVENT", ""},
		{"CONNECT", "CONNECT"},
		{"EXIT", "EXIT"},
		{"DISCONNECT", "EXIT"},
		{"ERROR", "STOR"},
		{"ALL !ERROR", "CONNECT EXIT LIST MKD NOOP PASS PBSZ QUIT RETR XCUP"},
		{"!READ !WRITE", "CONNECT EXIT LIST NOOP PASS PBSZ QUIT XCUP"},
		{"ALL !DIRS", "CONNECT EXIT NOOP PASS PBSZ QUIT RETR STOR"},
		{"DIRS !WRITE", "LIST XCUP"},
		{"!DIRS DIRS", "CONNECT EXIT LIST MKD NOOP PASS PBSZ QUIT RETR STOR XCUP"},
		{"DIRS !MKD", "LIST XCUP"},
		{"DIRS !CDUP", "LIST MKD"},
		{"NOOP", "NOOP"},
		{"READ NOOP", "NOOP RETR"},
	}
	record := func(verb string) *Record {
		r := &Record{Command: ftp.Command{Verb: verb}, Reply: ftp.Reply{Code: 200}}
		switch verb {
		case "STOR":
			r.Reply.Code = 550
		case "CONNECT":
			r.Of = Connect
		case "EXIT":
			r.Of, r.Reply = Exit, ftp.Reply{}
		}
		return r
	}
	all := []string{"CONNECT", "EXIT", "LIST", "MKD", "NOOP", "PASS", "PBSZ", "QUIT", "RETR", "STOR", "XCUP"}
	for _, c := range cases {
		t.Run(c.words, func(t *testing.T) {
			var list []Word
			for w := range strings.FieldsSeq(c.words) {
				name, negate := strings.CutPrefix(w, "!")
				list = append(list, Word{Name: name, Negate: negate})
			}
			s := Select(list)
			var got []string
			for _, verb := range all {
				if s.Wants(record(verb)) {
					got = append(got, verb)
				}
			}
			if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("a_client_cannot_pass_for_an_event", func(t *testing.T) {
		s := Select([]Word{{Name: "CONNECT"}, {Name: "EXIT"}})
		if s.Wants(command("EXIT", "")) || s.Wants(command("CONNECT", "")) {
			t.Error("a command of that name was taken for one")
		}
	})
}
