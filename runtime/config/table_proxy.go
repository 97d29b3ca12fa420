package config

import "time"

// Rows of mod_proxy's general part: engine, balancing, backend connections.

var proxyRows = []Directive{
	{Name: "ProxyEngine", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text: `Makes this server a proxy. A server without it accepts connections but has nothing to serve. Set it per
<VirtualHost>, or in <Global> for all of them.`,
		parse: flag(func(s *Settings) *bool { return &s.Proxy.Engine })},
	{Name: "ProxyRole", Contexts: anyServer, Syntax: "forward|reverse", Default: "reverse",
		Text: `Says whether clients are led to servers that you list (reverse, also called a gateway) or to servers that they
name themselves (forward). An FTP server without this directive is a reverse proxy; an SSH server is proxied only if it says reverse.`,
		parse: parseRole},
	{Name: "ProxyTables", Contexts: InServer, Syntax: "/abs/dir", Default: "the service's state directory",
		Text: `Directory for state that survives a restart: where the balancing stands, which user belongs to which backend,
TLS sessions and SSH host keys. It is created if it is missing. Give it a directory of its own that only the service may enter.`,
		parse: absolutePath(func(p *Process) *string { return &p.ProxyTables })},
	{Name: "ProxyDatastore", Contexts: InServer, Syntax: "SQLite | Redis key-prefix", Default: "SQLite",
		Text: `Where shared state lives. SQLite, the name the peer uses, means files under ProxyTables. Redis shares the state
between several gateways; the prefix must be unique to the gateways that share it. Redis also needs RedisServer.`,
		parse: parseDatastore},
	{Name: "ProxyLog", Contexts: anyServer, Syntax: "/path|none",
		Text: `File for what happens towards backends: which one was selected, what it answered, why a connection failed. It is
the first place to look when clients cannot log in.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.Proxy.Log })},
	{Name: "ProxyOptions", Contexts: anyServer, Syntax: "option …", many: true,
		Text: `Switches, case-sensitive, adding up over all lines. AllowForeignAddress accepts a data address that differs from the
backend's; IgnoreForeignAddress wins and connects to the backend's own instead, as is done without either for a private address
that a public backend names. ShowFeatures relays the backend's FEAT; ShowBanner, which the peer does not know, has clients of the
forward role see the destination's banner in the lines before its answer to their USER; UseReverseProxyAuth checks passwords here
before a backend is connected. UseDirectDataTransfers has clients and backends exchange data without the gateway, which then sees, checks and limits
nothing of it, but for the addresses in PORT and EPRT where AllowForeignAddress is written. UseCompliantActiveTransfers has active
data connections to clients leave from the port below the server's, 20 for 21, or from any if that one cannot be had: below 1024 it
takes root or CAP_NET_BIND_SERVICE. UseProxyProtocolV1 or V2 begins control connections to backends, and no data connections, with
a PROXY header, which tells them the client's address; V2TLVs adds what is known of its TLS.`,
		parse: options("unknown ProxyOption '%s'", proxyOptionNames)},
	{Name: "ProxyReverseServers", Contexts: anyServer, Syntax: "URL … | file:/abs.json | sql:/QueryName", many: true,
		Text: `The backends. A URL is scheme://[user:password@]host[:port] with the schemes ftp, ftps and sftp, and +srv or +txt after
the scheme to find hosts in DNS; ftps on port 990 means TLS from the first byte. A JSON file holds an array of URLs; with %U or %g in
its name it is looked up at each login for the user or group, under the PerUser or PerGroup policy. Several lines add up. Behind "?" a
URL may carry weight=N, max=N and backup.`,
		parse: parseReverseServers},
	{Name: "ProxyReverseConnectPolicy", Contexts: anyServer, Syntax: "policy", Default: "RoundRobin",
		Text: `How a backend is picked. Random, RoundRobin, Shuffle, LeastConns and LeastResponseTime spread clients over equal
backends. PerUser, PerGroup and PerHost always lead the same name or address to the same backend; PerGroup needs ProxyOptions
UseReverseProxyAuth, because only then the groups are known. Under PerUser a name without a backend reaches none, and is answered in
the words and after the times of backends, as far as those are known, so that it is not told from others.`,
		parse: oneOf(policyNames, "unknown ProxyReverseConnectPolicy '%s'", func(s *Settings) *Policy { return &s.Proxy.Policy })},
	{Name: "ProxyRetryCount", Contexts: anyServer, Syntax: "N", Default: "5", Unit: "attempts",
		Text: `How often a reverse proxy tries to connect, in all, before it gives up on a client. Each attempt picks a backend anew, so
with a balancing policy the next attempt goes to another one.`,
		parse: parseRetryCount},
	{Name: "ProxyTimeoutConnect", Contexts: anyServer, Syntax: "duration", Default: "5", Unit: "seconds",
		Text: `How long one address of a backend may take to answer. 0 waits as long as the system does. The longest a client can wait is
this times the addresses of a backend times ProxyRetryCount.`,
		parse: duration(func(s *Settings) *time.Duration { return &s.Proxy.TimeoutConnect })},
	{Name: "ProxyTimeoutLinger", Contexts: anyServer, Syntax: "duration", Default: "3", Unit: "seconds",
		Text: `How long the gateway waits for the backend's final reply after the last byte of a transfer. Raise it if backends do work
at the end of an upload, such as scanning it.`,
		parse: duration(func(s *Settings) *time.Duration { return &s.Proxy.TimeoutLinger })},
	{Name: "ProxyDataTransferPolicy", Contexts: anyServer, Syntax: "client|active|passive|PASV|EPSV|PORT|EPRT", Default: "client",
		Text: `Which command opens data connections to backends, whatever the client uses on its side. passive tries EPSV and then PASV;
active tries EPRT and then PORT. PASV suits most old servers.`,
		parse: oneOf(dataPolicies, "unsupported DataTransferPolicy: %s", func(s *Settings) *DataTransferPolicy { return &s.Proxy.DataTransfer })},
	{Name: "ProxyDirectoryListPolicy", Contexts: anyServer, Syntax: "client | LIST [UseSlink] | MLSD", Default: "client",
		Text: `With LIST, a client's MLSD is sent to the backend as LIST -al and the answer is translated, for backends that know no MLSD;
FEAT and OPTS MLST speak of the translated lists. UseSlink shows where symbolic links lead. With MLSD (of Sluice only), LIST and
NLST are sent as MLSD and come out as of ls -l; their options are dropped, but -R, -d and wildcards pass as they are. Not with
ProxyOptions UseDirectDataTransfers.`,
		parse: parseListPolicy},
	{Name: "ProxyDeflateEngine", Module: ownModule, Contexts: anyServer, Syntax: "on|off|downloads", Default: "off",
		Text: `Has data travel compressed (MODE Z) between the gateway and those backends that list MODE Z among their features, whether
clients do the same or not (DeflateEngine). Worth it where the line to the backends is slow. downloads leaves uploads as they are:
ProFTPD's mod_deflate, as of 1.3.8, refuses those that compress well.`,
		parse: oneOf(deflateEngines, "unknown ProxyDeflateEngine value '%s'", func(s *Settings) *DeflateEngine { return &s.Proxy.Deflate })},
	{Name: "ProxySourceAddress", Contexts: anyServer, Syntax: "address|name|device",
		Text: `The local address of connections to backends, and the one announced to them for active transfers. Use it on hosts with
several networks. Of a name or a device the first address of each family counts; backends of a family without one, and backends
elsewhere where it is a loopback address, see the address that the system takes. It never concerns the client's side.`,
		parse: parseSourceAddress},
}

var proxyOptionNames = []option[Settings]{
	{"AllowForeignAddress", func(s *Settings) *bool { return &s.Proxy.Options.AllowForeignAddress }},
	{"IgnoreForeignAddress", func(s *Settings) *bool { return &s.Proxy.Options.IgnoreForeignAddress }},
	{"ShowFeatures", func(s *Settings) *bool { return &s.Proxy.Options.ShowFeatures }},
	{"ShowBanner", func(s *Settings) *bool { return &s.Proxy.Options.ShowBanner }},
	{"UseDirectDataTransfers", func(s *Settings) *bool { return &s.Proxy.Options.UseDirectDataTransfers }},
	{"UseCompliantActiveTransfers", func(s *Settings) *bool { return &s.Proxy.Options.UseCompliantActiveTransfers }},
	{"UseProxyProtocolV1", func(s *Settings) *bool { return &s.Proxy.Options.UseProxyProtocolV1 }},
	{"UseProxyProtocol", func(s *Settings) *bool { return &s.Proxy.Options.UseProxyProtocolV1 }},
	{"UseProxyProtocolV2", func(s *Settings) *bool { return &s.Proxy.Options.UseProxyProtocolV2 }},
	{"UseProxyProtocolV2TLVs", func(s *Settings) *bool { return &s.Proxy.Options.UseProxyProtocolV2TLVs }},
	{"UseReverseProxyAuth", func(s *Settings) *bool { return &s.Proxy.Options.UseReverseProxyAuth }},
	{"IgnoreConfigPerms", func(s *Settings) *bool { return &s.Proxy.Options.IgnoreConfigPerms }},
}

var dataPolicies = keywords[DataTransferPolicy]{
	{"client", DataClient}, {"active", DataActive}, {"passive", DataPassive},
	{"PASV", DataPASV}, {"EPSV", DataEPSV}, {"PORT", DataPORT}, {"EPRT", DataEPRT},
}

var deflateEngines = keywords[DeflateEngine]{
	{"on", DeflateOn}, {"off", DeflateOff}, {"downloads", DeflateDownloads},
	{"yes", DeflateOn}, {"no", DeflateOff}, {"true", DeflateOn}, {"false", DeflateOff}, {"1", DeflateOn}, {"0", DeflateOff},
}

var forwardRows = []Directive{
	{Name: "ProxyForwardEnabled", Contexts: InClass, Syntax: "on|off",
		Default: "on for clients with RFC 1918 addresses, off for all others",
		Text: `Whether the clients of a class may use forward proxying. Without a class that says so, only clients from 10/8, 172.16/12
and 192.168/16 may; the loopback addresses are not among them. Refused clients are disconnected at once.`,
		parse: parseForwardEnabled},
	{Name: "ProxyForwardMethod", Contexts: anyServer, Syntax: "user@host | proxyuser,user@host | proxyuser@host,user | user@sni",
		Default: "proxyuser,user@host",
		Text: `How clients name their destination. user@host: in the user name, no login at the gateway. proxyuser,user@host: log in
here first, then as user@host. proxyuser@host,user: name the destination with the gateway's login. user@sni: the TLS server name is
the destination.`,
		parse: oneOf(forwardMethods, "unknown/unsupported forward method: %s", func(s *Settings) *ForwardMethod { return &s.Proxy.ForwardMethod })},
	{Name: "ProxyForwardTo", Contexts: anyServer, Syntax: "[!]regex [[NC]|[nocase]]", Default: "every destination", many: true, inner: true,
		Text: `Destinations that clients may ask for: a regular expression matched against host:port as the client wrote it, with :21 if
it wrote no port. It is not anchored: write ^ and $ or it matches more than you mean. "!" inverts it. Several lines all count: one of
those without "!" has to match, if there are any, and none of those with it may. Lines of a section replace those of the one around it.
Loopback, link-local and cloud metadata addresses are reached only if a line without "!" names the address itself, such as
^127\.0\.0\.1:, and not all addresses alike; the gateway's own listeners never are.`,
		parse: parseForwardTo},
}

var forwardMethods = keywords[ForwardMethod]{
	{"proxyuser,user@host", ForwardProxyUserThenUserAtHost},
	{"user@host", ForwardUserAtHost},
	{"proxyuser@host,user", ForwardProxyUserAtHostThenUser},
	{"user@sni", ForwardUserAtSNI},
}
