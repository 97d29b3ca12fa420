package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSectionsForUsers: which of them apply, and what comes first.
func TestSectionsForUsers(t *testing.T) {
	s := mustLoad(t, classes+`
TimeoutIdle 1
TransferRate RETR 1
<Limit STOR>
DenyAll
</Limit>
<IfAuthenticated>
  TimeoutIdle 2
  TimeoutStalled 2
</IfAuthenticated>
<IfGroup staff>
  TimeoutIdle 3
  TransferRate RETR 3
</IfGroup>
<IfUser alice>
  TimeoutIdle 4
  <Limit STOR>
  AllowAll
  </Limit>
</IfUser>
<IfUser regex .>
  TimeoutIdle 5
  TimeoutNoTransfer 5
</IfUser>
<IfGroup !staff>
  TimeoutSession 6
</IfGroup>`).Servers[0]
	alice := Client{User: "alice", Groups: []string{"staff"}}
	set := s.With("", s.Matching(alice))
	got := []time.Duration{set.Timeouts.Idle, set.Timeouts.NoTransfer, set.Timeouts.Stalled, set.Timeouts.Session}
	if d := cmp.Diff([]time.Duration{4e9, 5e9, 2e9, 0}, got); d != "" {
		t.Error("the first section for users counts, then those for groups, then the others", d)
	}
	if !set.Access.Allows("STOR", alice) || s.Settings("").Access.Allows("STOR", alice) {
		t.Error("a <Limit> in a section comes before those outside of it, for whom it is for")
	}
	if rates := set.Data.TransferRates; len(rates) != 2 || rates[0].BytesPerSecond != 3<<10 {
		t.Errorf("the rate of the section comes first: %+v", rates)
	}
	if which := s.Matching(Client{User: "bob"}); !slices.Equal(which, []int{0, 3}) {
		t.Errorf("without groups, sections for groups apply to nobody: %v", which)
	}
	if which := s.Matching(Client{User: "bob", Groups: []string{"others"}}); !slices.Equal(which, []int{0, 3, 4}) {
		t.Errorf("of others: %v", which)
	}
}

// TestTimeoutSessionOfSome: a scope makes it a section of its own.
func TestTimeoutSessionOfSome(t *testing.T) {
	s := mustLoad(t, classes+"TimeoutSession 1 user alice,bob\nTimeoutSession 2 class lan\nTimeoutSession 3\nTimeoutSession 4\n"+
		"<Global>\nTimeoutSession 5\nTimeoutSession 6 group staff\n</Global>").Servers[0]
	for who, c := range map[string]struct {
		class  string
		client Client
		want   time.Duration
	}{
		"the_user":          {"", Client{User: "bob"}, 1e9},
		"the_user_of_a_lan": {"lan", Client{User: "bob"}, 1e9},
		"the_class":         {"lan", Client{User: "eve"}, 2e9},
		"the_group":         {"", Client{User: "eve", Groups: []string{"staff"}}, 6e9},
		"others":            {"", Client{User: "eve"}, 3e9},
	} {
		if got := s.With(c.class, s.Matching(c.client)).Timeouts.Session; got != c.want {
			t.Errorf("%s: %v, want %v", who, got, c.want)
		}
	}
	for _, bad := range []string{"TimeoutSession 1 host h", "TimeoutSession 1 user", "<IfUser joe>\nTimeoutSession 1 user joe\n</IfUser>"} {
		if c, _ := loadText(bad, nil); c != nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestWhatComesTooLate: a check warns of what a rule about users cannot do.
func TestWhatComesTooLate(t *testing.T) {
	const late, groups = "too late for it", "groups are known only where the gateway checks passwords"
	const proxy = "ProxyEngine on\nProxyReverseServers ftp://h\n"
	const auth = proxy + "ProxyOptions UseReverseProxyAuth\n"
	for name, c := range map[string]struct{ src, want string }{
		"backends":                 {auth + "<IfGroup staff>\nProxyReverseServers ftp://i\n</IfGroup>", late},
		"timeouts_are_not":         {auth + "<IfGroup staff>\nTimeoutIdle 5\n</IfGroup>", ""},
		"what_is_ignored_anyway":   {auth + "<IfUser joe>\nUmask 022\n</IfUser>", ""},
		"logins":                   {auth + "<IfUser joe>\n<Limit LOGIN>\nDenyAll\n</Limit>\n</IfUser>", "LOGIN has no effect in a section for users"},
		"groups_of_a_section":      {proxy + "<IfGroup staff>\nTimeoutIdle 5\n</IfGroup>", "has no effect: " + groups},
		"groups_of_a_limit":        {proxy + "<Limit LIST>\nDenyGroup staff\n</Limit>", "its DenyGroup has no effect: " + groups},
		"one_in_a_section":         {proxy + "<IfUser joe>\n<Limit LIST>\nAllowGroup staff\n</Limit>\n</IfUser>", "its AllowGroup has no effect: " + groups},
		"known_groups":             {auth + "<Limit LIST>\nDenyGroup staff\n</Limit>", ""},
		"known_groups_of_a_class":  {classes + proxy + "<IfClass lan>\nProxyOptions UseReverseProxyAuth\n</IfClass>\n<Limit LIST>\nDenyGroup staff\n</Limit>", ""},
		"forward":                  {"ProxyEngine on\nProxyRole forward\nProxyForwardMethod user@host\n<Limit LIST>\nDenyGroup staff\n</Limit>", groups},
		"forward_with_a_login":     {"ProxyEngine on\nProxyRole forward\nProxyForwardMethod proxyuser@host,user\n<Limit LIST>\nDenyGroup staff\n</Limit>", ""},
		"files_that_are_not_there": {proxy + "DisplayLogin /nowhere/to/be/found", "is not shown, as it cannot be read"},
		"what_is_never_limited":    {proxy + "<Limit ALL,QUIT>\nDenyAll\n</Limit>", "QUIT is never limited"},
		"what_LOGIN_is_for":        {proxy + "<Limit USER>\nDenyAll\n</Limit>", "USER is never limited: write <Limit LOGIN>"},
		"commands_misspelt":        {proxy + "<Limit READS>\nDenyAll\n</Limit>", "'READS' is no command that is known here, and no group"},
		"files_of_the_backend":     {proxy + "DisplayLogin welcome.msg", "is not shown"},
	} {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText(c.src, nil)
			if conf == nil {
				t.Fatal(describe(r))
			}
			if text := describe(r); c.want == "" && strings.Contains(text, "no effect:") || !strings.Contains(text, c.want) {
				t.Errorf("it says:\n%s\nwant %q", text, c.want)
			}
		})
	}
}
