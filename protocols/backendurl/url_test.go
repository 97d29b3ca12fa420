package backendurl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		in   string
		want URL
	}{
		"ftp_port_defaults_to_21":                      {"ftp://1.2.3.4", URL{Scheme: FTP, Host: "1.2.3.4", Port: 21, Weight: 1}},
		"ftps_port_defaults_to_21_and_is_explicit_tls": {"ftps://h", URL{Scheme: FTPS, Host: "h", Port: 21, Weight: 1}},
		"sftp_port_defaults_to_22":                     {"sftp://h", URL{Scheme: SFTP, Host: "h", Port: 22, Weight: 1}},
		"ftps_990_is_implicit":                         {"ftps://h:990", URL{Scheme: FTPS, Host: "h", Port: 990, ExplicitPort: true, Implicit: true, Weight: 1}},
		"ftp_990_is_not_implicit":                      {"ftp://h:990", URL{Scheme: FTP, Host: "h", Port: 990, ExplicitPort: true, Weight: 1}},
		"ipv6_stands_in_brackets":                      {"ftp://[::ffff:6.7.8.9]:2121", URL{Scheme: FTP, Host: "::ffff:6.7.8.9", Port: 2121, ExplicitPort: true, Weight: 1}},
		"userinfo_ends_at_last_at": {"ftp://u:p@ss@h", URL{
			Scheme: FTP, Host: "h", Port: 21, HasUser: true, User: "u", Password: "p@ss", Weight: 1}},
		"password_splits_at_first_colon": {"ftp://u:a:b@h", URL{
			Scheme: FTP, Host: "h", Port: 21, HasUser: true, User: "u", Password: "a:b", Weight: 1}},
		"empty_password_keeps_the_clients":     {"ftp://u:@h", URL{Scheme: FTP, Host: "h", Port: 21, HasUser: true, User: "u", Weight: 1}},
		"userinfo_without_colon_is_ignored":    {"ftp://u@h", URL{Scheme: FTP, Host: "h", Port: 21, Weight: 1}},
		"path_after_port_is_ignored":           {"ftp://h:21/a/b", URL{Scheme: FTP, Host: "h", Port: 21, ExplicitPort: true, Weight: 1}},
		"srv":                                  {"ftp+srv://_ftp._tcp.x.org", URL{Scheme: FTP, Discovery: DiscoverSRV, Host: "_ftp._tcp.x.org", Port: 21, Weight: 1}},
		"txt_of_ftps_on_990_is_not_implicit":   {"ftps+txt://x.org:990", URL{Scheme: FTPS, Discovery: DiscoverTXT, Host: "x.org", Port: 990, ExplicitPort: true, Weight: 1}},
		"parameters":                           {"ftp://h?weight=3&max=200&backup", URL{Scheme: FTP, Host: "h", Port: 21, Weight: 3, Max: 200, Backup: true}},
		"question_mark_in_password_stays":      {"ftp://u:a?b@h?max=2", URL{Scheme: FTP, Host: "h", Port: 21, HasUser: true, User: "u", Password: "a?b", Weight: 1, Max: 2}},
		"parameters_after_port_and_path_stand": {"ftp://h:1/x?backup", URL{Scheme: FTP, Host: "h", Port: 1, ExplicitPort: true, Weight: 1, Backup: true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	cases := map[string]struct{ in, gist string }{
		"empty":                     {"", "empty"},
		"no_scheme":                 {"ftp1.example.com", "://"},
		"upper_case_scheme":         {"FTP://h", "lower case"},
		"http":                      {"http://h", "unknown scheme"},
		"unknown_discovery":         {"ftp+dns://h", "+srv or +txt"},
		"no_host":                   {"ftp://", "missing host"},
		"no_host_after_user":        {"ftp://u:p@:21", "missing host"},
		"percent":                   {"ftp://u:a%41@h", "percent"},
		"port_0":                    {"ftp://h:0", "1 to 65535"},
		"port_65536":                {"ftp://h:65536", "1 to 65535"},
		"port_empty":                {"ftp://h:", "1 to 65535"},
		"port_letters":              {"ftp://h:2a", "digits only"},
		"port_plus":                 {"ftp://h:+21", "digits only"},
		"ipv6_without_brackets":     {"ftp://::1", "missing host"},
		"ipv6_without_end":          {"ftp://[::1", "']'"},
		"ipv4_in_brackets":          {"ftp://[1.2.3.4]", "IPv6"},
		"junk_after_bracket":        {"ftp://[::1]21", "':'"},
		"path_without_port":         {"ftp://h/x", "explicit port"},
		"blank":                     {"ftp://a b", "blanks"},
		"line_end":                  {"ftp://h\r\nQUIT", "control"},
		"host_character":            {"ftp://h$", "not allowed"},
		"empty_user":                {"ftp://:p@h", "empty user"},
		"weight_0":                  {"ftp://h?weight=0", "1 to 1000"},
		"weight_without_value":      {"ftp://h?weight", "1 to 1000"},
		"max_negative":              {"ftp://h?max=-1", "1 to"},
		"backup_with_value":         {"ftp://h?backup=1", "no value"},
		"parameter_twice":           {"ftp://h?max=1&max=2", "twice"},
		"unknown_parameter":         {"ftp://h?colour=red", "unknown parameter"},
		"too_long":                  {"ftp://" + strings.Repeat("a", 3000), "longer"},
		"empty_parameter_list":      {"ftp://h?", "unknown parameter"},
		"percent_in_zone_of_ipv6":   {"ftp://[fe80::1%eth0]", "percent"},
		"host_longer_than_253_byte": {"ftp://" + strings.Repeat("a", 254), "253"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.in)
			if err == nil || !strings.Contains(err.Error(), c.gist) {
				t.Errorf("Parse(%q) = %v, want an error about %q", c.in, err, c.gist)
			}
		})
	}
}

func TestSecretsStaySecret(t *testing.T) {
	u, err := Parse("ftp://joe:canary@h:2121?weight=2")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := u.String(), "ftp://joe:***@h:2121?weight=2"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	if got, want := u.Key(), "ftp://joe:@h:2121"; got != want {
		t.Errorf("Key() = %q, want %q", got, want)
	}
	if _, err := Parse("ftp://joe:canary@h:x"); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error %v must not quote the password", err)
	}
}

func TestKeyIsOneForEqualBackends(t *testing.T) {
	for _, pair := range [][2]string{
		{"ftp://H", "ftp://h:21?backup"},
		{"sftp://h", "sftp://h:22/home"},
		{"ftp+srv://h:7", "ftp+srv://h"},
		{"ftp://u:1@h", "ftp://u:2@h"},
	} {
		a, _ := Parse(pair[0])
		b, _ := Parse(pair[1])
		if a.Key() != b.Key() {
			t.Errorf("keys of %v differ: %q, %q", pair, a.Key(), b.Key())
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"ftp://h", "ftps://u:p@[::1]:990/x?weight=3&max=2&backup", "ftp+srv://_ftp._tcp.x", "sftp://u:@h:1", "ftp://u://u:@0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(u.Secret())
		if err != nil {
			t.Fatalf("%q printed as %q: %v", s, u.Secret(), err)
		}
		if again != u {
			t.Fatalf("%q: %+v became %+v", s, u, again)
		}
		if other := u; u.Password != "" {
			if other.Password = "another"; other.String() != u.String() || other.Key() != u.Key() {
				t.Fatalf("String() or Key() of %q depends on the password", s)
			}
		}
		if u.Port == 0 || u.Host == "" {
			t.Fatalf("%q gave %+v", s, u)
		}
	})
}

// A list that is looked up for one login has all its keys made for it.
func TestAKeyCostsOneAllocation(t *testing.T) {
	u := URL{Scheme: FTPS, User: "joe", Password: "secret", HasUser: true, Host: "2001:db8::1", Port: 990, Implicit: true, Weight: 3, Max: 50}
	if n := testing.AllocsPerRun(100, func() { _ = u.Key() }); n > 2 { // the other one is for its brackets
		t.Errorf("%v allocations", n)
	}
	u.Host = "backend.example"
	if n := testing.AllocsPerRun(100, func() { _ = u.Key() }); n > 1 {
		t.Errorf("%v allocations without brackets", n)
	}
}
