package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var compareAll = cmp.Options{
	cmp.AllowUnexported(Server{}, Rewrite{}),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b *Pattern) bool {
		return a == b || a != nil && b != nil && a.String() == b.String() && a.Fold == b.Fold
	}),
	cmpopts.IgnoreUnexported(Overlay{}, LimitSection{}, Timeouts{}), cmpopts.IgnoreTypes(parts{}),
}

// at loads a text and returns the settings of its main server.
func at(t *testing.T, src string) *Settings {
	t.Helper()
	return mustLoad(t, src).Servers[0].Settings("")
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t, "")
	if len(c.Servers) != 1 || c.Servers[0].Port != 21 || c.Servers[0].Name != "ProFTPD" {
		t.Errorf("main server: %+v", c.Servers)
	}
	s := c.Servers[0].Settings("")
	got := []time.Duration{s.Proxy.TimeoutConnect, s.Proxy.TimeoutLinger, s.BackendTLS.TimeoutHandshake, s.TLS.TimeoutHandshake,
		s.Timeouts.Idle, s.Timeouts.Login, s.Timeouts.NoTransfer, s.Timeouts.Stalled, s.Timeouts.Session}
	want := []time.Duration{5e9, 3e9, 30e9, 300e9, 600e9, 300e9, 300e9, 3600e9, 0}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s.Proxy.RetryCount != 5 || s.Limits.MaxLoginAttempts != 3 || !s.BackendTLS.VerifyServer ||
		s.BackendTLS.Engine != TLSAuto || s.BackendTLS.Protection != ProtectRequired || s.Proxy.Policy != PolicyRoundRobin ||
		s.BackendTLS.Protocols != AllTLSVersions || s.SSH.MaxChannels != 10 || !c.Process.UseIPv6 {
		t.Errorf("a default is wrong: %+v", s)
	}
}

func TestValues(t *testing.T) {
	cases := map[string]struct {
		src  string
		got  func(*Settings) any
		want any
	}{
		"names_have_no_case":       {"pROXYengine ON\nProxyReverseServers ftp://a", func(s *Settings) any { return s.Proxy.Engine }, true},
		"first_match_wins":         {"TimeoutIdle 5\nTimeoutIdle 6", func(s *Settings) any { return s.Timeouts.Idle }, 5 * time.Second},
		"duration_minutes":         {"TimeoutIdle 5min", func(s *Settings) any { return s.Timeouts.Idle }, 5 * time.Minute},
		"duration_short":           {"TimeoutIdle 2H", func(s *Settings) any { return s.Timeouts.Idle }, 2 * time.Hour},
		"duration_clock":           {"TimeoutIdle 01:02:03", func(s *Settings) any { return s.Timeouts.Idle }, time.Hour + 2*time.Minute + 3*time.Second},
		"duration_zero_is_off":     {"TimeoutIdle 0", func(s *Settings) any { return s.Timeouts.Idle }, time.Duration(0)},
		"deflate_to_clients":       {"DeflateEngine on", func(s *Settings) any { return s.Data.Deflate }, true},
		"deflate_from_backends":    {"ProxyDeflateEngine downloads", func(s *Settings) any { return s.Proxy.Deflate }, DeflateDownloads},
		"options_add_up":           {"ProxyOptions ShowFeatures\nProxyOptions UseProxyProtocol", func(s *Settings) any { return s.Proxy.Options }, ProxyOptions{ShowFeatures: true, UseProxyProtocolV1: true}},
		"servers_add_up_once_each": {"ProxyReverseServers ftp://a ftp://b\nProxyReverseServers ftp://c", func(s *Settings) any { return hosts(s) }, "a b c"},
		"servers_of_a_file":        {"ProxyReverseServers file:/backends.json", func(s *Settings) any { return hosts(s) }, "j1 j2"},
		"policy_without_case":      {"ProxyReverseConnectPolicy leastconns", func(s *Settings) any { return s.Proxy.Policy }, PolicyLeastConns},
		"list_policy":              {"ProxyDirectoryListPolicy list useslink", func(s *Settings) any { return s.Proxy.UseSlink && s.Proxy.ListPolicy == ListLIST }, true},
		"list_policy_of_ours":      {"ProxyDirectoryListPolicy mlsd", func(s *Settings) any { return s.Proxy.ListPolicy }, ListMLSD},
		"forward_to_folds_case":    {"ProxyForwardTo ^a:21$ [NC]", func(s *Settings) any { return s.Proxy.ForwardTo[0].Match("A:21") }, true},
		"forward_to_negates":       {"ProxyForwardTo !^a:21$", func(s *Settings) any { return s.Proxy.ForwardTo[0].Match("a:21") }, false},
		"forward_to_of_the_manual": {`ProxyForwardTo ^ftp\.example\.com\:21$ [NC]`, func(s *Settings) any { return s.Proxy.ForwardTo[0].Match("FTP.example.com:21") }, true},
		"forward_to_adds_up":       {"ProxyForwardTo ^a\nProxyForwardTo !b", func(s *Settings) any { return forwardTo(s) }, "^a !b"},
		"forward_to_of_the_inside": {"<Global>\nProxyForwardTo .\n</Global>\nProxyForwardTo ^a\nProxyForwardTo ^b", func(s *Settings) any { return forwardTo(s) }, "^a ^b"},
		"forward_to_of_the_around": {"<Global>\nProxyForwardTo ^a\nProxyForwardTo !b\n</Global>", func(s *Settings) any { return forwardTo(s) }, "^a !b"},
		"cipher_slots_last_line":   {"ProxyTLSCipherSuite HIGH\nProxyTLSCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256\nProxyTLSCipherSuite TLSv1.2 AES", func(s *Settings) any { return s.BackendTLS.Ciphers + " " + s.BackendTLS.Ciphers13 }, "AES TLS_AES_128_GCM_SHA256"},
		"own_ciphers_beat_global":  {"<Global>\nProxyTLSCipherSuite HIGH\n</Global>\nProxyTLSCipherSuite AES", func(s *Settings) any { return s.BackendTLS.Ciphers }, "AES"},
		"protocol_list":            {"ProxyTLSProtocol tlsv1.2 TLSv1.3", func(s *Settings) any { return s.BackendTLS.Protocols }, TLSv12 | TLSv13},
		"protocol_all_minus":       {"TLSProtocol ALL -TLSv1 -TLSv1.1", func(s *Settings) any { return s.TLS.Protocols }, TLSv12 | TLSv13},
		"sslv23":                   {"ProxyTLSProtocol SSLv23", func(s *Settings) any { return s.BackendTLS.Protocols }, SSLv3 | TLSv10},
		"ssh_order_is_kept":        {"ProxySFTPCiphers aes128-ctr none aes256-ctr", func(s *Settings) any { return strings.Join(s.BackendSSH.Algorithms.Ciphers, " ") }, "aes128-ctr none aes256-ctr"},
		"ssh_sntrup_can_be_named":  {"ProxySFTPKeyExchanges sntrup761x25519-sha512@openssh.com", func(s *Settings) any { return len(s.BackendSSH.Algorithms.KeyExchanges) }, 1},
		"ssh_alive":                {"ProxySFTPServerAlive 3 30", func(s *Settings) any { return s.BackendSSH.Alive }, Alive{3, 30 * time.Second}},
		"auth_chains":              {"SFTPAuthMethods publickey+password keyboard-interactive", func(s *Settings) any { return len(s.SSH.AuthMethods[0]) + len(s.SSH.AuthMethods) }, 4},
		"required_both":            {"TLSRequired on", func(s *Settings) any { return s.TLS.Required }, TLSRequired{Control: true, Data: true}},
		"required_auth_no_data":    {"TLSRequired auth+!data", func(s *Settings) any { return s.TLS.Required }, TLSRequired{Auth: true, NoData: true}},
		"cap_with_message":         {`MaxClients 5 "only %m"`, func(s *Settings) any { return s.Limits.MaxClients }, Cap{5, "only %m"}},
		"cap_none":                 {"MaxClientsPerHost none", func(s *Settings) any { return s.Limits.MaxClientsPerHost.Max }, 0},
		"attempts_none":            {"MaxLoginAttempts none", func(s *Settings) any { return s.Limits.MaxLoginAttempts }, 0},
		"passive_ports":            {"PassivePorts 50000 50100", func(s *Settings) any { return s.Data.PassivePorts }, PortRange{50000, 50100}},
		"rate": {"TransferRate RETR,STOR 100:4096", func(s *Settings) any {
			return s.Data.TransferRates[0].BytesPerSecond + s.Data.TransferRates[0].FreeBytes
		}, int64(100*1024 + 4096)},
		"keep_alive":              {"SocketOptions keepalive 10:3:5", func(s *Settings) any { return s.Data.Sockets.KeepInterval }, 5 * time.Second},
		"ident_off":               {"ServerIdent off", func(s *Settings) any { return s.Banner.ServerIdent }, false},
		"ident_text":              {`ServerIdent on "Hello %v"`, func(s *Settings) any { return s.Banner.IdentText }, "Hello %v"},
		"format_defined_below":    {"ExtendedLog /x READ,!WRITE F\nLogFormat f \"%u\"", func(s *Settings) any { return s.Logs.Extended[0].Format + s.Logs.Extended[0].Classes[1].Name }, "%uWRITE"},
		"syslog_target":           {"ExtendedLog syslog:info", func(s *Settings) any { return s.Logs.Extended[0].Target.Syslog }, "info"},
		"auth_order":              {"AuthOrder mod_auth_file.c* mod_sql.c", func(s *Settings) any { return s.Auth.Order[0] }, AuthModule{"mod_auth_file.c", true}},
		"account_filters":         {"AuthUserFile /etc/passwd id 5-9 home ^/srv name ^u", func(s *Settings) any { return s.Auth.UserFiles[0].IDHigh }, int64(9)},
		"user_alias_first_counts": {"UserAlias a x\nUserAlias a y", func(s *Settings) any { return s.Auth.UserAliases["a"] }, "x"},
		"ban_event":               {"BanOnEvent MaxLoginAttempts 3/00:10:00 01:00:00", func(s *Settings) any { return s.Ban.Events[0].Ban }, time.Hour},
		"rewrite_conditions": {"RewriteCondition %m USER\nRewriteRule (.*) x$1\nRewriteRule y z", func(s *Settings) any {
			return len(s.Rewrite.Rules[0].Conditions)*10 + len(s.Rewrite.Rules[1].Conditions)
		}, 10},
		"sql_connection":           {"SQLConnectInfo db@h:5432 u p PERCALL ssl-ca:/x", func(s *Settings) any { return s.SQL.Connections[0].Port + s.SQL.Connections[0].Policy }, "5432PERCALL"},
		"sql_query":                {`SQLNamedQuery q SELECT "url FROM t WHERE u = %{0}"`, func(s *Settings) any { return s.SQL.Queries["q"].Text }, "url FROM t WHERE u = %{0}"},
		"sql_least_id":             {"SQLMinID 0", func(s *Settings) any { return s.SQL.MinID }, int64(-1)},
		"session_variable_is_kept": {`SQLNamedQuery q SELECT "%{env:TLS_CLIENT_S_DN_CN}%{env:NONE}"`, func(s *Settings) any { return s.SQL.Queries["q"].Text }, "%{env:TLS_CLIENT_S_DN_CN}"},
		"redis":                    {"RedisServer 1.2.3.4:6379 secret 5", func(s *Settings) any { return s.Redis.DB }, 5},
		"limit":                    {"<Limit write LOGIN>\nDenyAll\n</Limit>", func(s *Settings) any { return strings.Join(s.Access.Limits[0].Commands, ",") }, "WRITE,LOGIN"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, c.got(at(t, c.src))); d != "" {
				t.Error(d)
			}
		})
	}
}

func forwardTo(s *Settings) string {
	var all []string
	for _, p := range s.Proxy.ForwardTo {
		all = append(all, p.String())
	}
	return strings.Join(all, " ")
}

func hosts(s *Settings) string {
	var names []string
	for _, u := range s.Proxy.StaticURLs() {
		names = append(names, u.Host)
	}
	return strings.Join(names, " ")
}

func TestGlobalAndVirtualHosts(t *testing.T) {
	c := mustLoad(t, `
TimeoutIdle 1
<Global>
  TimeoutLogin 2
  TimeoutStalled 3
</Global>
<VirtualHost 192.0.2.1 v.example.com>
  ServerName "V"
  Port 990
  ServerAlias *.example.org
  TimeoutStalled 4
</VirtualHost>`)
	v := c.Servers[1]
	if v.Port != 990 || v.Name != "V" || len(v.Addresses) != 1 || v.HostNames[0] != "v.example.com" || v.IsMain {
		t.Errorf("virtual host: %+v", v)
	}
	got := v.Settings("").Timeouts
	if got.Idle != 600*time.Second {
		t.Error("a virtual host must not inherit from the main server")
	}
	if got.Login != 2*time.Second || got.Stalled != 4*time.Second {
		t.Errorf("global merge: %+v", got)
	}
	if main := c.Servers[0].Settings("").Timeouts; main.Login != 2*time.Second || main.Idle != time.Second {
		t.Errorf("main server: %+v", main)
	}
	if !v.AliasMatches("A.Example.ORG.") || v.AliasMatches("example.net") {
		t.Error("aliases do not match as they should")
	}
}

const classes = `
<Class lan>
  From 10.0.0.0/8 192.168.*
</Class>
<Class partner>
  From .partner.example
  From !bad.partner.example
  Satisfy all
  ProxyForwardEnabled on
</Class>
`

func TestOverlays(t *testing.T) {
	c := mustLoad(t, classes+`
TimeoutIdle 1
ProxyOptions ShowFeatures
<IfClass lan>
  TimeoutIdle 2
  ProxyOptions UseReverseProxyAuth
</IfClass>
<IfClass !lan>
  TimeoutLogin 3
</IfClass>
<IfUser OR alice,bob>
  TimeoutIdle 4
</IfUser>`)
	s := c.Servers[0]
	if s.Settings("").Timeouts.Idle != time.Second || s.Settings("lan").Timeouts.Idle != 2*time.Second {
		t.Error("the class section must win over the server")
	}
	if !s.Settings("lan").Proxy.Options.ShowFeatures || !s.Settings("lan").Proxy.Options.UseReverseProxyAuth {
		t.Error("options must merge")
	}
	if s.Settings("").Proxy.Options.UseReverseProxyAuth {
		t.Error("the class section leaked into the server")
	}
	if s.Settings("partner").Timeouts.Login != 3*time.Second || s.Settings("lan").Timeouts.Login == 3*time.Second {
		t.Error("a negated section applies to the others")
	}
	o := s.Overlays[0]
	if !o.Match.Match("bob") || o.Match.Match("eve") {
		t.Error("the user section matches wrongly")
	}
	bob := s.Matching(Client{User: "bob"})
	if s.With("", bob).Timeouts.Idle != 4*time.Second || s.Settings("").Timeouts.Idle != time.Second {
		t.Error("With must make settings of their own")
	}
	if lan := s.With("lan", bob); lan.Timeouts.Idle != 4*time.Second || !lan.Proxy.Options.UseReverseProxyAuth {
		t.Error("the section of the user joins, and wins over, that of the class")
	}
	if s.With("lan", s.Matching(Client{User: "eve"})) != s.Settings("lan") {
		t.Error("whom no section matches has the settings of the class")
	}
}

func TestClasses(t *testing.T) {
	c := mustLoad(t, classes)
	cases := map[string]struct{ addr, name, want string }{
		"network":           {"10.9.8.7", "", "lan"},
		"mapped_v4":         {"::ffff:10.9.8.7", "", "lan"},
		"glob":              {"192.168.3.4", "", "lan"},
		"domain":            {"1.2.3.4", "X.Partner.example", "partner"},
		"negated_name":      {"1.2.3.4", "bad.partner.example", ""},
		"nobody":            {"1.2.3.4", "", ""},
		"first_class_wins":  {"10.0.0.1", "x.partner.example", "lan"},
		"suffix_is_no_name": {"1.2.3.4", "partner.example.org", ""},
	}
	for name, k := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			if class := c.ClassOf(netip.MustParseAddr(k.addr), k.name); class != nil {
				got = class.Name
			}
			if got != k.want {
				t.Errorf("class %q, want %q", got, k.want)
			}
		})
	}
	if p := c.Process.Classes[1]; !p.ForwardSet || !p.ForwardEnabled || c.Process.Classes[0].ForwardSet {
		t.Error("ProxyForwardEnabled is not kept")
	}
}

func TestModules(t *testing.T) {
	for name, want := range map[string]bool{
		"mod_proxy.c": true, "mod_tls.c": true, "mod_sftp.c": true, "mod_sql_postgres.c": true, "mod_xfer.c": true,
		"mod_readme.c": false, "mod_delay.c": false, "mod_cap.c": false, "mod_ldap.c": false,
	} {
		if HasModule(name) != want {
			t.Errorf("HasModule(%s) = %v", name, !want)
		}
	}
}

func TestNotes(t *testing.T) {
	_, r := loadText("Umask 022\nDelayEngine on\nTimeoutIdle 5\nLoadModule mod_x.c\n<Anonymous ~ftp>\nUser ftp\n</Anonymous>", nil)
	var names []string
	for _, n := range r.Ignored {
		if n.Reason == "" {
			t.Errorf("%s is ignored without a reason", n.Directive)
		}
		names = append(names, n.Directive)
	}
	if !slices.Equal(names, []string{"Umask", "DelayEngine", "<Anonymous>"}) {
		t.Errorf("ignored: %v", names)
	}
	if !slices.Contains(active, "TimeoutIdle") && (len(r.NoEffectYet) != 1 || r.NoEffectYet[0].Directive != "TimeoutIdle") {
		t.Errorf("no effect yet: %v", r.NoEffectYet)
	}
}

func TestDefinesAndEnvironment(t *testing.T) {
	files := world()
	files.put("/m.conf", "<IfDefine X>\nPort %{env:P}\n</IfDefine>", 0o644)
	env := func(name string) (string, bool) { return "2121", name == "P" }
	for define, want := range map[string]uint16{"X": 2121, "Y": 21} {
		c, r := Load("/m.conf", Options{Files: files, Defines: []string{define}, Getenv: env})
		if c == nil || c.Servers[0].Port != want {
			t.Errorf("-D %s: %s", define, describe(r))
		}
	}
}
