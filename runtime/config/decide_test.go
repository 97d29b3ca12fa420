package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	const only = "<Limit LOGIN>\nAllowUser alice\nDenyAll\n</Limit>"
	lan := Client{Addr: netip.MustParseAddr("10.0.0.1"), Class: "lan"}
	alice := Client{Addr: netip.MustParseAddr("192.0.2.1"), User: "alice", Groups: []string{"staff"}}
	eve := Client{Addr: netip.MustParseAddr("192.0.2.2"), User: "eve"}
	cases := map[string]struct {
		src     string
		command string
		client  Client
		want    bool
	}{
		"nothing_said":                    {"", "STOR", eve, true},
		"deny_all":                        {"<Limit STOR>\nDenyAll\n</Limit>", "STOR", eve, false},
		"other_commands_pass":             {"<Limit STOR>\nDenyAll\n</Limit>", "RETR", eve, true},
		"group":                           {"<Limit WRITE>\nDenyAll\n</Limit>", "MKD", eve, false},
		"command_beats_group":             {"<Limit WRITE>\nDenyAll\n</Limit>\n<Limit STOR>\nAllowAll\n</Limit>", "STOR", eve, true},
		"group_beats_all":                 {"<Limit ALL>\nDenyAll\n</Limit>\n<Limit READ>\nAllowAll\n</Limit>", "RETR", eve, true},
		"all_is_without_login":            {"<Limit ALL>\nDenyAll\n</Limit>", "LOGIN", eve, true},
		"site":                            {"<Limit SITE_CHMOD>\nDenyAll\n</Limit>", "SITE_CHMOD", eve, false},
		"allow_user_before_deny_all":      {only, "LOGIN", alice, true},
		"everybody_else_is_denied":        {only, "LOGIN", eve, false},
		"order_deny_allow_default":        {"<Limit STOR>\nOrder deny,allow\n</Limit>", "STOR", eve, false},
		"order_with_a_blank":              {"<Limit STOR>\nOrder deny, allow\nAllow from 192.0.2.0/24\n</Limit>", "STOR", eve, true},
		"order_deny_allow_deny_first":     {"<Limit STOR>\nOrder deny,allow\nDenyUser eve\nAllow all\n</Limit>", "STOR", eve, false},
		"order_allow_deny_allows":         {"<Limit STOR>\nDenyUser bob\n</Limit>", "STOR", eve, true},
		"deny_group":                      {"<Limit LIST>\nDenyGroup staff\n</Limit>", "LIST", alice, false},
		"groups_unknown_are_passed_over":  {"<Limit LIST>\nDenyGroup !staff\n</Limit>", "LIST", eve, true},
		"and_list_never_matches":          {"<Limit STOR>\nAllowUser alice,bob\nDenyAll\n</Limit>", "STOR", alice, false},
		"or_list":                         {"<Limit STOR>\nAllowUser OR alice,bob\nDenyAll\n</Limit>", "STOR", alice, true},
		"regex":                           {"<Limit STOR>\nDenyUser regex ^e\n</Limit>", "STOR", eve, false},
		"class":                           {"<Limit STOR>\nAllowClass lan\nDenyAll\n</Limit>", "STOR", lan, true},
		"negated_class_hits_no_class":     {"<Limit STOR>\nDenyClass !lan\n</Limit>", "STOR", eve, false},
		"last_login_section_counts":       {only + "\n<Limit LOGIN>\nAllowAll\n</Limit>", "LOGIN", eve, true},
		"other_spelling":                  {"<Limit MKD>\nDenyAll\n</Limit>", "XMKD", eve, false},
		"the_spelling_itself_comes_first": {"<Limit MKD>\nDenyAll\n</Limit>\n<Limit XMKD>\nAllowAll\n</Limit>", "XMKD", eve, true},
		"a_spelling_comes_before_a_group": {"<Limit XCWD>\nAllowAll\n</Limit>\n<Limit DIRS>\nDenyAll\n</Limit>", "CWD", eve, true},
		"times_are_written":               {"<Limit WRITE>\nDenyAll\n</Limit>", "MFMT", eve, false},
		"site_as_a_whole":                 {"<Limit SITE>\nDenyAll\n</Limit>", "SITE_CHMOD", eve, false},
		"one_of_site_comes_first":         {"<Limit SITE>\nDenyAll\n</Limit>\n<Limit SITE_CHMOD>\nAllowAll\n</Limit>", "SITE_CHMOD", eve, true},
		"own_login_before_that_of_global": {"<Limit LOGIN>\nDenyAll\n</Limit>\n<Global>\n<Limit LOGIN>\nAllowAll\n</Limit>\n</Global>", "LOGIN", eve, false},
		"what_leads_to_a_login":           {"<Limit ALL USER>\nDenyAll\n</Limit>", "USER", eve, true},
		"what_leads_to_data":              {"<Limit ALL PASV>\nDenyAll\n</Limit>", "PASV", eve, true},
		"what_leads_to_tls":               {"<Limit AUTH>\nDenyAll\n</Limit>", "AUTH", eve, true},
		"the_way_out":                     {"<Limit ALL QUIT>\nDenyAll\n</Limit>", "QUIT", eve, true},
		"all_is_nearly_all":               {"<Limit ALL>\nDenyAll\n</Limit>", "NOOP", eve, false},
		"what_nobody_knows":               {"<Limit ALL>\nDenyAll\n</Limit>", "XYZZY", eve, false},
		"negated_group":                   {"<Limit LIST>\nDenyGroup !staff\n</Limit>", "LIST", Client{User: "bob", Groups: []string{"others"}}, false},
		"connect_waits_for_user_rules":    {only, "connect", eve, true},
		"connect_denies_addresses":        {"<Limit LOGIN>\nDeny from 192.0.2.2\nAllowUser alice\n</Limit>", "connect", eve, false},
		"connect_without_user_rules":      {"<Limit LOGIN>\nAllow from 10.\nDenyAll\n</Limit>", "connect", eve, false},
		"connect_from_an_allowed_net":     {"<Limit LOGIN>\nAllow from 10.\nDenyAll\n</Limit>", "connect", lan, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText(c.src, nil)
			if conf == nil {
				t.Fatal(describe(r))
			}
			access := &conf.Servers[0].Settings("").Access
			got := false
			if c.command == "connect" {
				got = !access.JudgeConnect(c.client).Denied
			} else {
				got = access.Allows(c.command, c.client)
			}
			if got != c.want {
				t.Errorf("allowed: %v, want %v", got, c.want)
			}
		})
	}
}

// TestWhichLimit: who is refused is told by which section.
func TestWhichLimit(t *testing.T) {
	c := mustLoad(t, "<Limit STOR>\nAllowAll\n</Limit>\n<Limit ALL>\nDenyUser eve\n</Limit>")
	access := &c.Servers[0].Settings("").Access
	if v := access.Judge("DELE", Client{User: "eve"}); !v.Denied || v.At.Line != 4 {
		t.Errorf("DELE: %+v", v)
	}
	if v := access.Judge("STOR", Client{User: "eve"}); v.Denied {
		t.Errorf("STOR: %+v", v)
	}
}

// TestSecretsAreNotPrinted: a settings value that slips into a log shows no
// password.
func TestSecretsAreNotPrinted(t *testing.T) {
	s := at(t, "SQLConnectInfo db@h u canary1\nRedisServer 1.2.3.4:6379 u canary2\nProxyReverseServers ftp://u:canary3@h\nUserPassword u canary4")
	for _, text := range []string{fmt.Sprintf("%+v", s.SQL), fmt.Sprint(s.Redis), fmt.Sprintf("%+v", s.Proxy), fmt.Sprintf("%v", s.Auth), fmt.Sprintf("%+v", *s)} {
		if strings.Contains(text, "canary") {
			t.Errorf("a secret shows in %s", text)
		}
	}
}
