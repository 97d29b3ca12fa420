package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHealthPolicy(t *testing.T) {
	byDefault := Health{Passive: PassiveHealth{On: true, Failures: 3, Expires: 30 * time.Second}}
	connect := ActiveHealth{On: true, Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3}
	cases := map[string]struct {
		src  string
		want Health
	}{
		"absent":                       {"", byDefault},
		"off":                          {"ProxyReverseHealthPolicy off", Health{ChecksSet: true}},
		"passive_without_numbers":      {"ProxyReverseHealthPolicy PassiveChecks", Health{ChecksSet: true, Passive: PassiveHealth{true, 2, 30 * time.Second}}},
		"passive_in_any_order":         {"ProxyReverseHealthPolicy passivechecks EXPIRES 2min failures 5", Health{ChecksSet: true, Passive: PassiveHealth{true, 5, 2 * time.Minute}}},
		"active_replaces_the_default":  {"ProxyReverseHealthPolicy ActiveChecks connect", Health{ChecksSet: true, Active: connect}},
		"active_in_full":               {"ProxyReverseHealthPolicy ActiveChecks login interval 10s timeout 3s rise 1 fall 4 user u password-file /secret", Health{ChecksSet: true, Active: ActiveHealth{true, CheckLogin, 10 * time.Second, 3 * time.Second, 1, 4, "u", "canary-Pa55"}}},
		"the_timeout_fits_by_itself":   {"ProxyReverseHealthPolicy ActiveChecks connect interval 1s", Health{ChecksSet: true, Active: ActiveHealth{On: true, Interval: time.Second, Timeout: time.Second, Rise: 2, Fall: 3}}},
		"what_follows_keeps_default":   {"ProxyReverseHealthPolicy AllDown refuse\nProxyReverseHealthPolicy SlowStart 30s", Health{Passive: byDefault.Passive, AllDown: AllDownRefuse, SlowStart: 30 * time.Second}},
		"lines_add_up":                 {"ProxyReverseHealthPolicy PassiveChecks\nProxyReverseHealthPolicy ActiveChecks connect\nProxyReverseHealthPolicy AllDown try", Health{ChecksSet: true, Passive: PassiveHealth{true, 2, 30 * time.Second}, Active: connect}},
		"a_later_line_counts":          {"ProxyReverseHealthPolicy ActiveChecks banner\nProxyReverseHealthPolicy ActiveChecks connect", Health{ChecksSet: true, Active: connect}},
		"off_ends_what_stands_before":  {"ProxyReverseHealthPolicy ActiveChecks banner\nProxyReverseHealthPolicy off\nProxyReverseHealthPolicy SlowStart 1s", Health{ChecksSet: true, SlowStart: time.Second}},
		"own_lines_add_to_global_ones": {"<Global>\nProxyReverseHealthPolicy ActiveChecks connect\nProxyReverseHealthPolicy SlowStart 9s\n</Global>\nProxyReverseHealthPolicy SlowStart 1s\nProxyReverseHealthPolicy PassiveChecks", Health{ChecksSet: true, Passive: PassiveHealth{true, 2, 30 * time.Second}, Active: connect, SlowStart: time.Second}},
		"own_off_ends_global_ones":     {"ProxyReverseHealthPolicy off\n<Global>\nProxyReverseHealthPolicy ActiveChecks connect\n</Global>", Health{ChecksSet: true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			files := world()
			files.put("/secret", "canary-Pa55\n", 0o600)
			conf, r := loadText(c.src, files)
			if conf == nil {
				t.Fatalf("not accepted:\n%s", describe(r))
			}
			// The password hides itself even here, and is compared all the same.
			if d := cmp.Diff(c.want, conf.Servers[0].Settings("").Proxy.Health); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHealthPolicyErrors(t *testing.T) {
	const line = "ProxyReverseHealthPolicy "
	cases := map[string]struct{ src, place, gist string }{
		"nothing":                  {line, "1:1", "missing parameters"},
		"unknown_policy":           {line + "Passive", "1:26", "unknown health policy 'Passive'"},
		"off_and_more":             {line + "off PassiveChecks", "1:30", "off stands alone"},
		"unknown_setting":          {line + "PassiveChecks fail 2", "1:40", "unknown setting 'fail' of PassiveChecks: expected expires, failures"},
		"no_value":                 {line + "PassiveChecks failures", "1:40", "'failures' has no value"},
		"twice":                    {line + "PassiveChecks failures 2 failures 3", "1:51", "'failures' is given twice"},
		"no_failures":              {line + "PassiveChecks failures 0", "1:49", "from 1 to 1000"},
		"no_time":                  {line + "PassiveChecks expires 0", "1:48", "from 1s to 24h"},
		"a_year":                   {line + "PassiveChecks expires 9000h", "1:48", "from 1s to 24h"},
		"no_duration":              {line + "PassiveChecks expires soon", "1:48", "error parsing timeout value 'soon'"},
		"no_check":                 {line + "ActiveChecks", "1:1", "missing parameters"},
		"unknown_check":            {line + "ActiveChecks ping", "1:39", "unknown check 'ping': expected one of connect, banner, login, tls, ssh"},
		"timeout_above_interval":   {line + "ActiveChecks connect interval 2s timeout 3s", "1:67", "does not end before the next one begins"},
		"user_without_login":       {line + "ActiveChecks banner user u", "1:39", "for ActiveChecks login only"},
		"user_without_password":    {line + "ActiveChecks login user u", "1:50", "name a password-file"},
		"password_missing":         {line + "ActiveChecks login user u password-file /none", "1:66", "'/none' does not exist"},
		"password_open":            {line + "ActiveChecks login user u password-file /open", "1:66", "accessible by group or world (perms 0640)"},
		"password_empty":           {line + "ActiveChecks login user u password-file /empty", "1:66", "it is empty"},
		"password_of_two_lines":    {line + "ActiveChecks login user u password-file /lines", "1:66", "expected one line"},
		"password_too_long":        {line + "ActiveChecks login user u password-file /long", "1:66", "cannot be read"},
		"all_down":                 {line + "AllDown wait", "1:34", "expected try or refuse"},
		"all_down_alone":           {line + "AllDown", "1:1", "missing parameters"},
		"all_down_and_more":        {line + "AllDown try refuse", "1:38", "'refuse' is too much here"},
		"slow_start_alone":         {line + "SlowStart", "1:1", "missing parameters"},
		"slow_start_and_more":      {line + "SlowStart 5 s", "1:38", "'s' is too much here"},
		"ssh_for_ftp":              {"ProxyReverseServers ftp://a\n" + line + "ActiveChecks ssh", "2:1", "does not fit 'ftp://a'"},
		"tls_for_sftp":             {"ProxyReverseServers sftp://a\n" + line + "ActiveChecks tls", "2:1", "does not fit 'sftp://a'"},
		"login_without_an_account": {"ProxyReverseServers ftp://u:p@a ftp://b\n" + line + "ActiveChecks login", "2:1", "names an account"},
		"context":                  {"<Class c>\nFrom all\n" + line + "off\n</Class>", "3:1", "directive not allowed in <Class> context"},
		"dns_nothing":              {"ProxyDNSServer", "1:1", "missing parameters"},
		"dns_name":                 {"ProxyDNSServer ns.example.org", "1:16", "'ns.example.org' is no address of a DNS server"},
		"dns_port":                 {"ProxyDNSServer 192.0.2.1 192.0.2.2:0", "1:26", "nobody can be asked there"},
		"dns_any":                  {"ProxyDNSServer ::", "1:16", "nobody can be asked there"},
		"dns_crowd":                {"ProxyDNSServer" + strings.Repeat(" 1.1.1.1", 17), "1:144", "more than 16 servers"},
		"dns_in_global":            {"<Global>\nProxyDNSServer 1.1.1.1\n</Global>", "2:1", "directive not allowed in <Global> context"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			files := world()
			files.put("/open", "canary-Pa55", 0o640)
			files.put("/empty", "\n", 0o600)
			files.put("/lines", "canary-Pa55\nmore\n", 0o600)
			files.put("/long", strings.Repeat("canary-Pa55", 1000), 0o600)
			conf, r := loadText(c.src, files)
			if conf != nil || r.Errors() != 1 {
				t.Fatalf("accepted: %v, want one error:\n%s", conf != nil, describe(r))
			}
			if strings.Contains(describe(r), "canary") {
				t.Errorf("the password is shown:\n%s", describe(r))
			}
			i := slices.IndexFunc(r.Problems, func(p Problem) bool { return p.Severity == Error })
			if p := r.Problems[i]; !strings.Contains(p.Text, c.gist) || fmt.Sprintf("%d:%d", p.Pos.Line, p.Pos.Column) != c.place {
				t.Errorf("want %s %q, got:\n%s", c.place, c.gist, p)
			}
		})
	}
}

// However settings are printed, the password of a check stays inside.
func TestHealthPasswordIsHidden(t *testing.T) {
	const word = "canary-Pa55"
	h := Health{Active: ActiveHealth{Password: word}}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	all := string(text)
	for _, form := range []string{"%s", "%q", "%x", "%X", "%d", "%v", "%+v", "%#v"} {
		all += fmt.Sprintf(form, h) + fmt.Sprintf(form, h.Active.Password) + fmt.Sprintf(form, &Settings{Proxy: Proxy{Health: h}})
	}
	for _, form := range []string{"%s", "%x", "%X"} {
		if strings.Contains(all, fmt.Sprintf(form, word)) {
			t.Errorf("%s shows the password: %s", form, all)
		}
	}
}

func TestDNSServers(t *testing.T) {
	c := mustLoad(t, "ProxyDNSServer 192.0.2.1 [2001:db8::1]:5353\nProxyDNSServer [2001:db8::2] ::ffff:192.0.2.2 192.0.2.3:5300")
	want := "[192.0.2.1:53 [2001:db8::1]:5353 [2001:db8::2]:53 192.0.2.2:53 192.0.2.3:5300]"
	if got := fmt.Sprint(c.Process.DNSServers); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := mustLoad(t, "").Process.DNSServers; got != nil {
		t.Errorf("without the directive: %v", got)
	}
}

func TestHealthRowsExplainThemselves(t *testing.T) {
	for _, name := range []string{"ProxyReverseHealthPolicy", "ProxyDNSServer"} {
		d, ok := Lookup(strings.ToUpper(name))
		if !ok || d.Name != name || d.Default == "" || d.Text == "" || d.Module != ownModule {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
