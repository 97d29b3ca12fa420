package config

import (
	"net/netip"
	"strings"
	"testing"
)

const nameless = "ProxyEngine on\nProxyReverseServers ftp://127.0.0.1:1\n"

func TestLooksUpNames(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"no_rules":                 {"", false},
		"addresses":                {"<Class a>\nFrom 10.0.0.0/8 192.168.* !10.1.2.3 2001:db8:*\n</Class>\n<Limit LOGIN>\nDeny from 10.1. 192.0.2.[12]*\n</Limit>", false},
		"everybody":                {"<Class a>\nFrom all\n</Class>\n<Limit LOGIN>\nDeny from none\nAllow from *\n</Limit>", false},
		"a_class_by_domain":        {"<Class a>\nFrom .example.com\n</Class>", true},
		"a_class_by_pattern":       {"<Class a>\nFrom 10.0.0.0/8 *.example.com\n</Class>", true},
		"a_class_by_name":          {"<Class a>\nFrom host.example.com\n</Class>", true},
		"a_class_but_for_a_name":   {"<Class a>\nFrom !.example.com\n</Class>", true},
		"letters_to_choose_from":   {"<Class a>\nFrom [a-f]*\n</Class>", true},
		"a_limit":                  {"<Limit LOGIN>\nDeny from .evil.com\n</Limit>", true},
		"a_limit_that_allows":      {"<Limit STOR>\nOrder deny,allow\nAllow from .example.com\n</Limit>", true},
		"a_limit_in_a_class":       {"<Class a>\nFrom 10.0.0.0/8\n</Class>\n<IfClass a>\n<Limit STOR>\nDeny from .evil.com\n</Limit>\n</IfClass>", true},
		"a_limit_for_a_user":       {"<IfUser bob>\n<Limit STOR>\nDeny from .evil.com\n</Limit>\n</IfUser>", true},
		"a_limit_for_all_servers":  {"<Global>\n<Limit STOR>\nDeny from .evil.com\n</Limit>\n</Global>", true},
		"a_server_that_is_not_met": {"<VirtualHost 127.0.0.1>\nPort 0\n<Limit STOR>\nDeny from .evil.com\n</Limit>\n</VirtualHost>", false},
		"another_server":           {"<VirtualHost 127.0.0.1>\nPort 2100\n" + nameless + "<Limit STOR>\nDeny from .evil.com\n</Limit>\n</VirtualHost>", true},
		"switched_off":             {"UseReverseDNS off\n<Class a>\nFrom .example.com\n</Class>\n<Limit STOR>\nDeny from .evil.com\n</Limit>", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mustLoad(t, nameless+c.text).LooksUpNames(); got != c.want {
				t.Errorf("names are looked up: %v, want %v", got, c.want)
			}
		})
	}
}

// Whoever owns an address gives it its name: that must not pass for another address.
func TestNames_do_not_match_patterns_of_addresses(t *testing.T) {
	c := mustLoad(t, nameless+"<Class a>\nFrom 10.1.* 192.0.2.[12]*\n</Class>\n<Class b>\nFrom *.example.com\n</Class>")
	for name, want := range map[string]string{
		"10.1.evil.test": "", "192.0.2.1.evil.test": "", "a.example.com": "b", "10.1.example.com": "b",
	} {
		got := ""
		if class := c.ClassOf(netip.MustParseAddr("203.0.113.9"), name); class != nil {
			got = class.Name
		}
		if got != want {
			t.Errorf("%s is of class %q, want %q", name, got, want)
		}
	}
}

func TestRules_that_nobody_can_fit(t *testing.T) {
	text := nameless + "<Class a>\nFrom 10.0.0.0/8 .a.test,!*.b.test\n</Class>\n<IfClass a>\nTimeoutIdle 3\n</IfClass>\n" +
		"<Limit LOGIN>\nAllow from c.test\nDeny from .d.test\n</Limit>\n"
	_, report := loadText("UseReverseDNS off\n"+text, nil)
	for _, want := range []string{
		":5:17: warning: From: '.a.test' is about clients' names, which are not known as UseReverseDNS is off: it fits no client",
		":5:17: warning: From: '!*.b.test' is about clients' names, which are not known as UseReverseDNS is off: it fits every client",
		":11:12: warning: Allow: 'c.test' ", ":12:11: warning: Deny: '.d.test' ",
	} {
		n := 0
		for _, p := range report.Problems {
			if strings.Contains(p.String(), want) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d problems say %q: %v", n, want, report.Problems)
		}
	}
	_, report = loadText(nameless+"<Class a>\nFrom .a.test\n</Class>\n<Class b>\nFrom 10.0.0.0/8\n</Class>\nAllowForeignAddress a\n"+
		"<VirtualHost 127.0.0.1>\nPort 2100\n"+nameless+"AllowForeignAddress b\n</VirtualHost>", nil)
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0].String(), ":9:1: warning: AllowForeignAddress: class 'a' has rules about names") {
		t.Errorf("of a class of data addresses is said %v", report.Problems)
	}
	_, report = loadText(text, nil)
	for _, p := range report.Problems {
		if strings.Contains(p.Text, "clients' names") {
			t.Errorf("names are looked up, and yet: %v", p)
		}
	}
}
