package config

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// TestErrors holds one mistake per case: the text, the place of the message
// and its gist.
func TestErrors(t *testing.T) {
	cases := map[string]struct{ src, place, gist string }{
		"unknown_name":                {"Pot 21", "1:1", "unknown directive 'Pot': did you mean Port?"},
		"wrong_context_class":         {"<Class c>\nFrom all\nPort 21\n</Class>", "3:1", "directive not allowed in <Class> context"},
		"wrong_context_vhost":         {"<VirtualHost 1.2.3.4>\n  PidFile /x\n</VirtualHost>", "2:3", "directive not allowed in <VirtualHost> context"},
		"wrong_context_server":        {"ProxyForwardEnabled on", "1:1", "directive not allowed in server config context"},
		"wrong_context_global":        {"<Global>\nProxyTables /x\n</Global>", "2:1", "directive not allowed in <Global> context"},
		"wrong_context_limit":         {"<Limit ALL>\nPort 1\n</Limit>", "2:1", "directive not allowed in <Limit> context"},
		"server_setting_in_overlay":   {"<IfClass x>\nPort 1\n</IfClass>", "2:1", "describes the server itself"},
		"grammar":                     {"<Global>\nTimeoutIdle 1", "1:1", "never closed"},
		"missing_parameters":          {"ProxyEngine", "1:1", "missing parameters"},
		"boolean":                     {"ProxyEngine maybe", "1:13", "expected Boolean parameter"},
		"role":                        {"ProxyRole sideways", "1:11", "unknown proxy role 'sideways'"},
		"tables_relative":             {"ProxyTables var/x", "1:13", "must be a full path"},
		"datastore":                   {"ProxyDatastore Oracle", "1:16", "unsupported ProxyDatastore: Oracle"},
		"datastore_prefix":            {"ProxyDatastore Redis", "1:1", "missing required Redis key prefix"},
		"proxy_deflate":               {"ProxyDeflateEngine uploads", "1:20", "unknown ProxyDeflateEngine value 'uploads'"},
		"proxy_option":                {"ProxyOptions ShowFeatures Show", "1:27", "unknown ProxyOption 'Show'"},
		"proxy_option_case":           {"ProxyOptions showfeatures", "1:14", "case matters here, write ShowFeatures"},
		"data_policy":                 {"ProxyDataTransferPolicy both", "1:25", "unsupported DataTransferPolicy: both"},
		"list_policy":                 {"ProxyDirectoryListPolicy NLST", "1:26", "unsupported DirectoryListPolicy: NLST"},
		"list_policy_option":          {"ProxyDirectoryListPolicy LIST x", "1:31", "unknown DirectoryListPolicy option: x"},
		"list_policy_option_for_LIST": {"ProxyDirectoryListPolicy MLSD UseSlink", "1:31", "UseSlink is an option of DirectoryListPolicy LIST"},
		"forward_method":              {"ProxyForwardMethod x@y", "1:20", "unknown/unsupported forward method: x@y"},
		"forward_to_flags":            {"ProxyForwardTo ^x NC", "1:19", "badly formatted flags parameter"},
		"forward_to_flag_case":        {"ProxyForwardTo ^x [nc]", "1:19", "unknown filter flags"},
		"forward_to_second_line":      {"ProxyForwardTo ^a\nProxyForwardTo ^(x", "2:16", "not a valid regular expression"},
		"forward_to_regex":            {"ProxyForwardTo ^(x", "1:16", "not a valid regular expression"},
		"retry_zero":                  {"ProxyRetryCount 0", "1:17", "retry count must be one or more"},
		"policy":                      {"ProxyReverseConnectPolicy Best", "1:27", "unknown ProxyReverseConnectPolicy 'Best'"},
		"url":                         {"ProxyReverseServers ftp://a ftp//b", "1:29", "error parsing 'ftp//b': missing '://'"},
		"url_secret_hidden":           {"ProxyReverseServers ftp://u:canary@h:x", "1:21", "error parsing 'ftp://***@h:x'"},
		"file_relative":               {"ProxyReverseServers file:x.json", "1:21", "must be a full path"},
		"file_missing":                {"ProxyReverseServers file:/none.json", "1:21", "error reading ProxyReverseServers file '/none.json'"},
		"source_address":              {"ProxySourceAddress a:b:c:d:e", "1:20", "neither an address"},
		"timeout":                     {"ProxyTimeoutConnect 5x", "1:21", "error parsing timeout value '5x'"},
		"timeout_negative":            {"TimeoutIdle -5", "1:13", "error parsing timeout value '-5'"},
		"tls_engine":                  {"ProxyTLSEngine maybe", "1:16", "unknown ProxyTLSEngine value: 'maybe'"},
		"tls_ca_missing":              {"ProxyTLSCACertificateFile /none", "1:27", "'/none' does not exist"},
		"tls_ca_relative":             {"ProxyTLSCACertificateFile x.pem", "1:27", "parameter must be an absolute path"},
		"tls_ca_dir":                  {"ProxyTLSCACertificatePath /pem", "1:27", "parameter must be a directory path"},
		"tls_cipher_underscore":       {"ProxyTLSCipherSuite TLS_AES_128_GCM_SHA256", "1:21", "write ProxyTLSCipherSuite TLSv1.3"},
		"tls_protocol":                {"ProxyTLSProtocol TLSv1.4", "1:18", "unknown protocol: 'TLSv1.4'"},
		"tls_protocol_sign":           {"ProxyTLSProtocol ALL TLSv1", "1:22", "missing required +/- prefix"},
		"tls_protocol_nothing":        {"ProxyTLSProtocol ALL -TLSv1 -TLSv1.1 -TLSv1.2 -TLSv1.3", "1:1", "no protocol is left"},
		"tls_option":                  {"ProxyTLSOptions Fast", "1:17", "unknown ProxyTLSOption 'Fast'"},
		"tls_protection":              {"ProxyTLSTransferProtectionPolicy x", "1:34", "unknown ProxyTLSTransferProtectionPolicy 'x'"},
		"ssh_cipher":                  {"ProxySFTPCiphers aes256-ctr aes512-ctr", "1:29", "unsupported cipher algorithm: aes512-ctr; did you mean"},
		"ssh_digest":                  {"ProxySFTPDigests x", "1:18", "unsupported digest algorithm: x"},
		"ssh_key_exchange":            {"ProxySFTPKeyExchanges x", "1:23", "unsupported key exchange algorithm: x"},
		"ssh_compression":             {"ProxySFTPCompression x", "1:22", "unknown ProxySFTPCompression value 'x'"},
		"ssh_host_key_perms":          {"ProxySFTPHostKey /openkey", "1:18", "accessible by group or world (perms 0640)"},
		"ssh_option":                  {"ProxySFTPOptions x", "1:18", "unknown ProxySFTPOption 'x'"},
		"ssh_pass_phrase_context":     {"<Global>\nProxySFTPPassPhraseProvider /bin/askpass\n</Global>", "2:1", "directive not allowed in <Global> context"},
		"ssh_alive":                   {"ProxySFTPServerAlive 3", "1:1", "missing parameters"},
		"ssh_match_odd":               {"ProxySFTPServerMatch x pessimisticNewkeys on more", "1:46", "has no value"},
		"ssh_match_key":               {"ProxySFTPServerMatch x pessimisticnewkeys on", "1:24", "unknown key"},
		"port":                        {"Port 70000", "1:6", "from 0 to 65535"},
		"server_type":                 {"ServerType x", "1:12", "either 'inetd' or 'standalone'"},
		"passive_low":                 {"PassivePorts 20 3000", "1:14", "from 1024 to 65535"},
		"passive_reversed":            {"PassivePorts 3000 2000", "1:19", "below the lowest"},
		"max_clients":                 {"MaxClients few", "1:12", "parameter must be 'none' or a number greater than 0"},
		"rate_command":                {"TransferRate LIST 10", "1:14", "cannot be slowed down"},
		"class_from":                  {"<Class c>\nFrom 10.0.0.0/99\n</Class>", "2:6", "not a network"},
		"class_twice":                 {"<Class c>\nFrom all\n</Class>\n<Class c>\nFrom all\n</Class>", "4:1", "defined already in line 1"},
		"limit_order":                 {"<Limit ALL>\nOrder first\n</Limit>", "2:7", "unknown order 'first'"},
		"vhost_port_in_tag":           {"<VirtualHost 1.2.3.4:21>\n</VirtualHost>", "1:14", "Port directive of its own"},
		"auth_file_missing":           {"AuthUserFile /none", "1:14", "'/none' does not exist"},
		"auth_file_open":              {"AuthUserFile /pem", "1:14", "perms 0644 give others access"},
		"auth_file_filter":            {"AuthUserFile /etc/passwd id 5-1", "1:29", "expected a range of ids"},
		"tls_required":                {"TLSRequired sometimes", "1:13", "bad parameter 'sometimes'"},
		"tls_without_certificate":     {"TLSEngine on", "1:1", "no certificate"},
		"tls_key_open":                {"TLSRSACertificateKeyFile /openkey", "1:26", "accessible by group or world"},
		"sftp_without_key":            {"SFTPEngine on", "1:1", "no host key"},
		"sftp_key_open":               {"SFTPEngine on\nSFTPHostKey /openkey", "2:13", "accessible by group or world"},
		"sftp_auth_method":            {"SFTPAuthMethods publickey+pin", "1:17", "unknown authentication method 'pin'"},
		"sftp_keys_store":             {"SFTPAuthorizedUserKeys /x", "1:24", "not a store of keys"},
		"log_relative":                {"TransferLog xfer.log", "1:13", "must be a full path"},
		"extended_log_class":          {"ExtendedLog /x R?", "1:16", "neither a class"},
		"trace":                       {"Trace proxy", "1:7", "not channel:level"},
		"ban_event":                   {"BanOnEvent MaxLoginAttempt 3/00:10:00 01:00:00", "1:12", "did you mean MaxLoginAttempts?"},
		"ban_rate":                    {"BanOnEvent RootLogin 3 01:00:00", "1:22", "badly formatted frequency"},
		"sql_verb":                    {"SQLNamedQuery q MERGE x", "1:17", "query type 'MERGE' is unknown"},
		"redis_server":                {"RedisServer here", "1:13", "expected host:port"},
		"reverse_without_servers":     {"ProxyEngine on\nProxyRole reverse", "1:1", "a reverse proxy needs backends"},
		"default_role_is_reverse":     {"ProxyEngine on", "1:1", "a reverse proxy needs backends"},
		"per_group_without_auth":      {"ProxyEngine on\nProxyReverseServers ftp://a\nProxyReverseConnectPolicy PerGroup", "3:1", "needs ProxyOptions UseReverseProxyAuth"},
		"user_file_without_policy":    {"ProxyReverseServers ftp://a\nProxyReverseServers file:/b/%U.json", "2:1", "needs ProxyReverseConnectPolicy PerUser"},
		"group_file_under_per_user":   {"ProxyReverseConnectPolicy PerUser\nProxyReverseServers file:/b/%g.json", "2:1", "needs ProxyReverseConnectPolicy PerGroup"},
		"sql_without_policy":          {"SQLNamedQuery q SELECT x\nProxyReverseServers sql:/q", "2:1", "PerUser or PerGroup"},
		"sql_without_query":           {"ProxyReverseConnectPolicy PerUser\nProxyReverseServers sql:/q", "2:1", "no SQLNamedQuery q"},
		"ftps_with_tls_off":           {"ProxyTLSEngine off\nProxyReverseServers ftps://a", "2:1", "asks for TLS, but ProxyTLSEngine is off"},
		"sftp_backend_for_ftp":        {"ProxyEngine on\nProxyReverseServers sftp://a", "2:1", "does not fit the clients' protocol"},
		"ssh_per_user_needs_key":      {"ProxyEngine on\nProxyRole reverse\nSFTPEngine on\nSFTPHostKey /key\nProxyReverseServers sftp://a\nProxyReverseConnectPolicy PerUser", "6:1", "needs a ProxySFTPHostKey"},
		"ssh_forward":                 {"ProxyEngine on\nProxyRole forward\nSFTPEngine on\nSFTPHostKey /key", "2:1", "SSH cannot be proxied forward"},
		"overlay_inside_overlay":      {"<IfClass a>\n<IfUser b>\n</IfUser>\n</IfClass>", "2:1", "may not stand inside"},
		"overlay_without_names":       {"<IfUser>\n</IfUser>", "1:1", "missing parameters"},
		"rewrite_flag":                {"RewriteCondition %m USER [X]", "1:26", "unknown RewriteCondition flag 'X'"},
		"unknown_name_in_directory":   {"<Directory />\nNoSuchThing on\n</Directory>", "2:1", "unknown directive 'NoSuchThing'"},
		"mistake_in_an_included_file": {"Include /none.conf", "1:9", "unable to read /none.conf"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText(c.src, nil)
			if conf != nil {
				t.Fatalf("the configuration was accepted; want an error about %q", c.gist)
			}
			if r.Errors() != 1 {
				t.Errorf("%d errors, want one:\n%s", r.Errors(), describe(r))
			}
			for _, p := range r.Problems {
				if p.Severity == Error && strings.Contains(p.String(), c.gist) &&
					fmt.Sprintf("%d:%d", p.Pos.Line, p.Pos.Column) == c.place {
					return
				}
			}
			t.Errorf("want %s %q, got:\n%s", c.place, c.gist, describe(r))
		})
	}
}

func TestWarnings(t *testing.T) {
	cases := map[string]struct{ src, gist string }{
		"given_again":            {"TimeoutIdle 5\nTimeoutIdle 6", "the first one, in line 1, counts"},
		"extra_argument":         {"TimeoutLogin 5 minutes", "'minutes' is not looked at"},
		"inetd":                  {"ServerType inetd", "inetd is not supported"},
		"unknown_class":          {"AllowForeignAddress friends", "there is no <Class friends>"},
		"class_without_members":  {"<Class c>\n</Class>", "no From rule"},
		"user_in_vhost":          {"<VirtualHost 1.1.1.1>\nUser x\n</VirtualHost>", "has no effect in a <VirtualHost>"},
		"auth_module":            {"AuthOrder mod_ldap.c", "module 'mod_ldap.c' is passed over"},
		"global_servers_add_up":  {"<Global>\nProxyReverseServers ftp://g\n</Global>\nProxyEngine on\nProxyReverseServers ftp://o", "are added to"},
		"discovery_port":         {"ProxyReverseServers ftp+srv://h:7", "is ignored: ports come from DNS"},
		"servers_without_engine": {"ProxyReverseServers ftp://h", "this server is no proxy"},
		"allow_user_and":         {"<Limit ALL>\nAllowUser a,b\n</Limit>", "so nobody does"},
		"log_format_unknown":     {"ExtendedLog /x ALL fancy", "there is no LogFormat 'fancy'"},
		"same_address":           {"DefaultAddress 1.1.1.1\n<VirtualHost 1.1.1.1>\n</VirtualHost>", "belongs to the server in line 1 already"},
		"ssh_without_role":       {"ProxyEngine on\nSFTPEngine on\nSFTPHostKey /key\nProxyReverseServers sftp://a", "explicit ProxyRole reverse"},
		"condition_alone":        {"RewriteCondition %m USER", "followed by no RewriteRule"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText(c.src, nil)
			if conf == nil {
				t.Fatalf("not accepted:\n%s", describe(r))
			}
			if !strings.Contains(describe(r), c.gist) {
				t.Errorf("want a warning about %q, got:\n%s", c.gist, describe(r))
			}
		})
	}
}

func TestFilePermissions(t *testing.T) {
	const list = `["ftp://a"]`
	cases := map[string]struct {
		prepare func(memFS)
		src     string
		gist    string // empty: accepted
	}{
		"world_writable_list": {func(m memFS) { m.put("/opt/b.json", list, 0o666) }, "ProxyReverseServers file:/opt/b.json",
			"unable to use world-writable ProxyReverseServers '/opt/b.json' (perms 0666): Operation not permitted"},
		"world_writable_directory_of_list": {func(m memFS) {
			m.put("/opt/b.json", list, 0o644)
			m.put("/opt", "", fs.ModeDir|0o777)
		}, "ProxyReverseServers file:/opt/b.json",
			"unable to use ProxyReverseServers '/opt/b.json' from world-writable directory '/opt' (perms 0777): Operation not permitted"},
		"list_with_nothing_usable": {func(m memFS) { m.put("/opt/b.json", `["x", 5]`, 0o644) }, "ProxyReverseServers file:/opt/b.json",
			"no usable URLs found in file"},
		"list_that_is_no_json":   {func(m memFS) { m.put("/opt/b.json", `ftp://a`, 0o644) }, "ProxyReverseServers file:/opt/b.json", "error reading ProxyReverseServers file"},
		"list_too_large":         {func(m memFS) { m.put("/opt/b.json", strings.Repeat(" ", 5<<20+1), 0o644) }, "ProxyReverseServers file:/opt/b.json", "too large"},
		"empty_list":             {func(m memFS) { m.put("/opt/b.json", "", 0o644) }, "ProxyReverseServers file:/opt/b.json", ""},
		"malformed_entries_skip": {func(m memFS) { m.put("/opt/b.json", `["x", "ftp://a"]`, 0o644) }, "ProxyReverseServers file:/opt/b.json", ""},
		"insecure_account_file":  {func(memFS) {}, "AuthFileOptions InsecurePerms\nAuthUserFile /pem", ""},
		"option_stands_too_late": {func(memFS) {}, "AuthUserFile /pem\nAuthFileOptions InsecurePerms", "give others access"},
		"account_file_in_open_directory": {func(m memFS) {
			m.put("/opt/users", "", 0o600)
			m.put("/opt", "", fs.ModeDir|0o777)
		}, "AuthUserFile /opt/users", "world-writable directory '/opt'"},
		"groups_may_be_read":        {func(memFS) {}, "AuthGroupFile /etc/group", ""},
		"insecure_host_key_allowed": {func(memFS) {}, "SFTPEngine on\nSFTPHostKey /openkey\nSFTPOptions InsecureHostKeyPerms", ""},
		"world_writable_include":    {func(m memFS) { m.put("/i.conf", "Port 1", 0o666) }, "Include /i.conf", "world-writable (perms 0666)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			files := world()
			c.prepare(files)
			conf, r := loadText(c.src, files)
			if (conf != nil) != (c.gist == "") || !strings.Contains(describe(r), c.gist) {
				t.Errorf("accepted: %v, want gist %q, got:\n%s", conf != nil, c.gist, describe(r))
			}
		})
	}
}

func TestWorldWritableMainFileIsRefused(t *testing.T) {
	files := world()
	files.put("/w.conf", "Port 1", 0o666)
	if c, r := Load("/w.conf", Options{Files: files}); c != nil || !strings.Contains(describe(r), "chmod o-w") {
		t.Errorf("accepted: %v\n%s", c != nil, describe(r))
	}
}
