package config

// Rows of mod_rewrite, mod_ban, mod_sql and mod_redis.

var rewriteRows = []Directive{
	{Name: "RewriteEngine", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text:  `Turns rewriting of command arguments on.`,
		parse: flag(func(s *Settings) *bool { return &s.Rewrite.Engine })},
	{Name: "RewriteLog", Contexts: anyServer, Syntax: "/path|none",
		Text:  `File for what was rewritten.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.Rewrite.Log })},
	{Name: "RewriteCondition", Contexts: anyServer, Syntax: "subject [!]regex|<text|>text|=text [NC|OR,…]", many: true,
		Text: `Condition of the RewriteRule that follows; all must hold, those that OR joins as one. The subject may hold %m (verb), %U
(user so far), %a (address), %c (class), %h, %p, %v, %{ENV:X}, %{TIME_HOUR} and the like, $N of the rule, %N of the condition before, and
maps. Write %m USER to rewrite user names only. -d, -f, -l and -s never hold: a gateway has no files.`,
		parse: parseRewriteCondition},
	{Name: "RewriteRule", Contexts: anyServer, Syntax: "[!]regex substitution [NC|L,…]", many: true,
		Text: `Replaces the argument of a command that matches, before anything else looks at it: policies, lookups and backends see the
new text. $0 to $9 stand for what the groups matched, %0 to %9 for those of the last condition, "-" for no change; L makes it the last
rule. What a client sends is never read as a substitution; a result with CR, LF or NUL, or of more than 4096 bytes, is answered 500.`,
		parse: parseRewriteRule},
	{Name: "RewriteMap", Contexts: anyServer, Syntax: "name txt:/file | int:function", many: true,
		Text: `Names a lookup for ${name:key|default}: a file of pairs, one in a line, or a function: tolower, toupper, unescape, utf8trans,
idnatrans, or replaceall with ${name:/text/old/new}. A file that changes takes effect within seconds; it must not be writable to all.`,
		parse: parseRewriteMap},
	{Name: "RewriteMaxReplace", Contexts: anyServer, Syntax: "n", Default: "8", Unit: "replacements",
		Text:  `Most replacements that int:replaceall makes; text that would need more stays as it is.`,
		parse: number(1, 1000, func(s *Settings) *int { return &s.Rewrite.MaxReplace })},
	{Name: "RewriteHome", Contexts: anyServer, Syntax: "on|off", Effect: EffectIgnored,
		Reason: reasonBackend, Text: `Rewrites home directories.`},
}

var banRows = []Directive{
	{Name: "BanEngine", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text:  `Turns bans on: whoever causes the events of BanOnEvent is shut out for a while.`,
		parse: flag(func(s *Settings) *bool { return &s.Ban.Engine })},
	{Name: "BanTable", Contexts: InServer, Syntax: "/path",
		Text:  `The peer's file of bans; bans are kept in the gateway's own store.`,
		parse: absolutePath(func(s *Settings) *string { return &s.Ban.Table })},
	{Name: "BanLog", Contexts: InServer, Syntax: "/path|none",
		Text:  `File for bans and their ends; without it, the system log. Another file is taken up at the next start.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.Ban.Log })},
	{Name: "BanMessage", Contexts: anyServer, Syntax: `"text"`,
		Text:  `What a banned client hears in its 530; %a in it is its address, %u its user name, %c its class. Without it, the connection is just closed.`,
		parse: sentence(func(s *Settings) *string { return &s.Ban.Message })},
	{Name: "BanOptions", Contexts: anyServer, Syntax: "option …", many: true,
		Text: `MatchAnyServer has bans of other servers count, too.`,
		parse: options("unknown BanOption '%s'", []option[Settings]{
			{"MatchAnyServer", func(s *Settings) *bool { return &s.Ban.MatchAnyServer }},
		})},
	{Name: "BanOnEvent", Contexts: anyServer, Syntax: `event count/hh:mm:ss hh:mm:ss ["message"]`, many: true,
		Text: `Bans a host, user or class that causes an event count times within the first span, for the second span; 00:00:00 is for ever. Banned
is the host, by AnonRejectPasswords, BadProtocol, ClientConnectRate, EmptyPassword, MaxClientsPerHost, MaxCommandRate,
MaxConnectionsPerHost, MaxLoginAttempts, RootLogin, TimeoutIdle, TimeoutLogin, TimeoutNoTransfer, TLSHandshake, UnhandledCommand;
the user, by MaxClientsPerUser, MaxHostsPerUser; the user from that host, by MaxLoginAttemptsFromUser; the class, by
MaxClientsPerClass. A host is an IPv4 address; with IPv6 it is a network of 64 bits (2001:db8:1:2::/64), as whoever has one address
there has all. Strangers who share such a network behind NAT64 count by their address.`,
		parse: parseBanOnEvent},
}

var sqlRows = []Directive{
	{Name: "SQLEngine", Contexts: anyServer, Syntax: "on|off|auth|log", Default: "on",
		Text:  `Whether SQL is used for accounts (auth), logs (log), or both (on). Lookups of backends work in all cases but off.`,
		parse: oneOf(sqlEngines, "unknown SQLEngine value '%s'", func(s *Settings) *SQLEngine { return &s.SQL.Engine })},
	{Name: "SQLBackend", Contexts: anyServer, Syntax: "mysql|postgres|sqlite3", Default: "what SQLConnectInfo looks like",
		Text:  `Kind of database.`,
		parse: oneOf(sqlBackends, "unknown SQLBackend '%s'", func(s *Settings) *string { return &s.SQL.Backend })},
	{Name: "SQLConnectInfo", Contexts: anyServer, Syntax: "database[@host][:port] [user] [password] [policy] [ssl-key:value …]",
		Text: `The database, and how to log in to it. For sqlite3, the path of its file. The policy (PERSESSION, PERCONNECTION, PERCALL or
seconds) is accepted; connections come from a pool.`,
		parse: parseSQLConnect},
	{Name: "SQLNamedConnectInfo", Contexts: anyServer, Syntax: "name backend database[@host][:port] [user] [password] [policy]", many: true,
		Text:  `A second database, for queries that name it.`,
		parse: parseSQLNamedConnect},
	{Name: "SQLNamedQuery", Contexts: anyServer, Syntax: `name SELECT|UPDATE|INSERT|DELETE|FREEFORM "text" [table] [connection]`, many: true,
		Text: `A query for ProxyReverseServers sql:/name or for SQLLog; the text follows the verb. %{0} stands for the user or group, as a
bound parameter. Every column of every row of a SELECT is one URL.`,
		parse: parseSQLQuery},
	{Name: "SQLAuthenticate", Contexts: anyServer, Syntax: "on|off|users|groups …",
		Text:  `What SQL knows about: users, groups or both.`,
		parse: listOf(func(s *Settings) *[]string { return &s.SQL.Authenticate })},
	{Name: "SQLAuthTypes", Contexts: anyServer, Syntax: "Crypt|Plaintext|Backend|OpenSSL …",
		Text:  `How passwords are stored in the database.`,
		parse: listOf(func(s *Settings) *[]string { return &s.SQL.AuthTypes })},
	{Name: "SQLUserInfo", Contexts: anyServer, Syntax: "table user password uid gid home shell | custom:/query …",
		Text:  `Table and columns of accounts.`,
		parse: listOf(func(s *Settings) *[]string { return &s.SQL.UserInfo })},
	{Name: "SQLGroupInfo", Contexts: anyServer, Syntax: "table name gid members | custom:/query …",
		Text:  `Table and columns of groups.`,
		parse: listOf(func(s *Settings) *[]string { return &s.SQL.GroupInfo })},
	{Name: "SQLMinID", Contexts: anyServer, Syntax: "n", Default: "999",
		Text:  `Smallest uid and gid that an account of the database may have.`,
		parse: parseMinID},
	{Name: "SQLLog", Contexts: anyServer, Syntax: "command,… query [IGNORE_ERRORS]", many: true,
		Text:  `Runs a SQLNamedQuery after some commands.`,
		parse: parseSQLLog},
	{Name: "SQLLogFile", Contexts: anyServer, Syntax: "/path|none",
		Text:  `File for what happens between gateway and database.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.SQL.LogFile })},
	{Name: "SQLOptions", Contexts: anyServer, Syntax: "option …", many: true,
		Text:  `Switches of mod_sql.`,
		parse: listOf(func(s *Settings) *[]string { return &s.SQL.Options })},
}

var redisRows = []Directive{
	{Name: "RedisEngine", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text:  `Turns the connection to Redis on, for ProxyDatastore Redis.`,
		parse: flag(func(s *Settings) *bool { return &s.Redis.Engine })},
	{Name: "RedisServer", Contexts: anyServer, Syntax: "host:port|/socket [[user] password] [db] [ssl:true]", Default: "127.0.0.1:6379",
		Text:  `Where Redis listens, and how to log in to it.`,
		parse: parseRedisServer},
	{Name: "RedisLog", Contexts: anyServer, Syntax: "/path|none",
		Text:  `File for what happens between gateway and Redis.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.Redis.Log })},
	{Name: "RedisTimeouts", Contexts: anyServer, Syntax: "connect-ms io-ms", Default: "500 500", Unit: "milliseconds",
		Text:  `How long connecting to Redis and one answer may take.`,
		parse: parseRedisTimeouts},
}

var sqlEngines = keywords[SQLEngine]{
	{"on", SQLOn}, {"off", SQLOff}, {"auth", SQLAuthOnly}, {"log", SQLLogOnly},
	{"yes", SQLOn}, {"no", SQLOff}, {"true", SQLOn}, {"false", SQLOff}, {"1", SQLOn}, {"0", SQLOff},
}

var sqlBackends = keywords[string]{
	{"mysql", "mysql"}, {"postgres", "postgres"}, {"sqlite3", "sqlite3"}, {"sqlite", "sqlite3"}, {"odbc", "odbc"},
}
