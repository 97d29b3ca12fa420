package config

// Rows about how many clients may come in, and about data connections.

var limitRows = []Directive{
	{Name: "MaxClients", Contexts: anyServer | InAnonymous, Syntax: `n|none ["message"]`, Default: "none", Unit: "sessions",
		Text:  `Most logged-in clients of this server. One more hears 530 with the message, in which %m stands for the limit, and is disconnected.`,
		parse: clientCap("Sorry, the maximum number of allowed clients (%m) are already connected.", func(s *Settings) *Cap { return &s.Limits.MaxClients })},
	{Name: "MaxClientsPerHost", Contexts: anyServer | InAnonymous, Syntax: `n|none ["message"]`, Default: "none", Unit: "sessions",
		Text:  `Most clients from one address. It is checked when they connect.`,
		parse: clientCap("Sorry, the maximum number of clients (%m) from your host are already connected.", func(s *Settings) *Cap { return &s.Limits.MaxClientsPerHost })},
	{Name: "MaxClientsPerUser", Contexts: anyServer | InAnonymous, Syntax: `n|none ["message"]`, Default: "none", Unit: "sessions",
		Text:  `Most clients under one user name at a time.`,
		parse: clientCap("Sorry, the maximum number of clients (%m) for this user are already connected.", func(s *Settings) *Cap { return &s.Limits.MaxClientsPerUser })},
	{Name: "MaxClientsPerClass", Contexts: anyServer, Syntax: `class n|none ["message"]`, Default: "none", Unit: "sessions", many: true,
		Text:  `Most clients of one <Class>. Write one line per class.`,
		parse: parseClassCap},
	{Name: "MaxHostsPerUser", Contexts: anyServer | InAnonymous, Syntax: `n|none ["message"]`, Default: "none", Unit: "addresses",
		Text:  `Most addresses from which one user may be logged in at a time.`,
		parse: clientCap("Sorry, the maximum number of hosts (%m) for this user already connected.", func(s *Settings) *Cap { return &s.Limits.MaxHostsPerUser })},
	{Name: "MaxConnectionsPerHost", Contexts: anyServer, Syntax: `n|none ["message"]`, Default: "none", Unit: "connections",
		Text:  `Most connections from one address, logged in or not. It is checked when they connect.`,
		parse: clientCap("Sorry, the maximum number of connections (%m) for your host are already connected.", func(s *Settings) *Cap { return &s.Limits.MaxConnectionsPerHost })},
	{Name: "MaxLoginAttempts", Contexts: anyServer, Syntax: "n|none", Default: "3", Unit: "attempts",
		Text:  `Failed logins after which a client is disconnected. BanOnEvent MaxLoginAttempts can shut it out for longer.`,
		parse: numberOrNone(1, 1000, func(s *Settings) *int { return &s.Limits.MaxLoginAttempts })},
	{Name: "MaxTransfersPerHost", Contexts: anyServer | InAnonymous | InDirectory, Syntax: `command,… n ["message"]`, many: true, Unit: "transfers",
		Text:  `Most transfers at a time from one address, for some commands.`,
		parse: commandCap(func(s *Settings) *[]CmdCap { return &s.Limits.MaxTransfersPerHost })},
	{Name: "MaxTransfersPerUser", Contexts: anyServer | InAnonymous | InDirectory, Syntax: `command,… n ["message"]`, many: true, Unit: "transfers",
		Text:  `Most transfers at a time under one user name, for some commands.`,
		parse: commandCap(func(s *Settings) *[]CmdCap { return &s.Limits.MaxTransfersPerUser })},
	{Name: "MaxStoreFileSize", Contexts: anyServer | InAnonymous | InDirectory, Syntax: "n Gb|Mb|Kb|B | *", Default: "no limit",
		Text: `Largest file that may be uploaded. A longer upload is broken off with 552 where the limit is reached, so that the backend knows
what it has for a part. What is there already counts: for REST as much as that skips, for APPE the size that the backend tells.`,
		parse: fileSize(func(s *Settings) *int64 { return &s.Limits.MaxStoreFileSize })},
	{Name: "MaxRetrieveFileSize", Contexts: anyServer | InAnonymous | InDirectory, Syntax: "n Gb|Mb|Kb|B | *", Default: "no limit",
		Text: `Largest file that may be downloaded. The backend is asked for the size before each download, and a longer file is refused with
426; where it cannot tell, the download is broken off at the limit.`,
		parse: fileSize(func(s *Settings) *int64 { return &s.Limits.MaxRetrieveFileSize })},
	{Name: "CommandBufferSize", Contexts: anyServer, Syntax: "n", Unit: "bytes",
		Text:  `Longest command line a client may send.`,
		parse: number(16, 1<<20, func(s *Settings) *int { return &s.Limits.CommandBufferSize })},
	{Name: "AllowFilter", Contexts: anyServer | InAnonymous | InDirectory, Syntax: "regex [[NC]]",
		Text:  `Arguments of commands must match this expression; others are refused with 550.`,
		parse: pattern(func(s *Settings) **Pattern { return &s.Limits.AllowFilter })},
	{Name: "DenyFilter", Contexts: anyServer | InAnonymous | InDirectory, Syntax: "regex [[NC]]",
		Text:  `Arguments of commands that match this expression are refused with 550.`,
		parse: pattern(func(s *Settings) **Pattern { return &s.Limits.DenyFilter })},
	{Name: "PathAllowFilter", Contexts: anyServer | InAnonymous | InDirectory, Syntax: "regex [[NC]]",
		Text:  `Paths that uploads, renames, deletions and the like name must match this expression; others are refused with 550. It is compared with what the client sent.`,
		parse: pattern(func(s *Settings) **Pattern { return &s.Limits.PathAllowFilter })},
	{Name: "PathDenyFilter", Contexts: anyServer | InAnonymous | InDirectory, Syntax: "regex [[NC]]",
		Text:  `Paths that uploads, renames, deletions and the like name must not match this expression; see PathAllowFilter.`,
		parse: pattern(func(s *Settings) **Pattern { return &s.Limits.PathDenyFilter })},
}

var dataRows = []Directive{
	{Name: "PassivePorts", Contexts: anyServer, Syntax: "low high", Default: "any port",
		Text: `Ports that data connections of clients are accepted on. Open the same range in the firewall, and make it larger than the
number of transfers you expect at a time. Ports below 1024 are not allowed.`,
		parse: parsePassivePorts},
	{Name: "MasqueradeAddress", Contexts: anyServer, Syntax: "address|name|device",
		Text: `Address that PASV announces to clients, for a gateway behind NAT: the address clients see. A name is resolved again when
that failed at start.`,
		parse: parseMasquerade},
	{Name: "AllowForeignAddress", Contexts: anyServer | InAnonymous, Syntax: "on|off|class", Default: "off",
		Text: `Whether data connections of a client may come from or go to another address than its own. off keeps anybody from using the
gateway against third parties. A class allows it for data addresses of that class only.`,
		parse: parseForeignAddress},
	{Name: "TransferRate", Contexts: anyServer | InAnonymous | InDirectory, Syntax: "RETR,STOR,APPE,STOU kilobytes-per-second[:free-bytes]", many: true, Unit: "KiB/s",
		Text: `Slows transfers down, per session and command. free-bytes go through at full speed first, so that small files stay quick. Of
several lines the first that names the command counts. Bytes of the file are counted, also where MODE Z has fewer travel; listings are
never slowed down. It has no effect on UseDirectDataTransfers.`,
		parse: parseTransferRate},
	{Name: "DeflateEngine", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text: `Lets clients have their files and listings compressed on the way (MODE Z), whatever the backend can do; FEAT then says so, and
many clients make use of it unasked. It costs processor time and a megabyte for each download, so it is for slow lines.`,
		parse: flag(func(s *Settings) *bool { return &s.Data.Deflate })},
	{Name: "DefaultTransferMode", Contexts: anyServer, Syntax: "ascii|binary", Default: "ascii",
		Text:  `Type that logs assume for transfers before the client says TYPE.`,
		parse: oneOf(keywords[byte]{{"ascii", 'A'}, {"binary", 'I'}}, "unknown mode '%s'", func(s *Settings) *byte { return &s.Data.DefaultTransferType })},
	{Name: "SocketOptions", Contexts: anyServer, Syntax: "rcvbuf n|sndbuf n|maxseg n|keepalive on|off|idle:count:intvl|reuseport on …", many: true, Unit: "bytes",
		Text:  `Sizes of socket buffers and TCP keep-alive for connections of clients. The kernel's own tuning is better on most hosts.`,
		parse: parseSocketOptions},
	{Name: "TCPNoDelay", Contexts: anyServer, Syntax: "on|off", Default: "on",
		Text:  `off lets the kernel collect small packets (Nagle's algorithm).`,
		parse: flag(func(s *Settings) *bool { return &s.Data.Sockets.NoDelay })},
	{Name: "FactsAdvertise", Contexts: anyServer, Syntax: "on|off", Default: "on", Effect: EffectIgnored,
		Reason: "FEAT names what the gateway can do", Text: `Whether FEAT names the facts of MLSD.`},
	{Name: "FactsDefault", Contexts: anyServer, Syntax: "fact …", Default: "the facts the backend's list can tell",
		Text: `Facts that translated directory lists (ProxyDirectoryListPolicy LIST) show before the client chooses with OPTS MLST: modify,
perm, size, type, UNIX.group, UNIX.groupname, UNIX.mode, UNIX.owner, UNIX.ownername. No list tells others.`,
		parse: listOf(func(s *Settings) *[]string { return &s.Data.DisplayFacts.Default })},
	{Name: "FactsOptions", Contexts: anyServer, Syntax: "UseSlink|NoAdjustedSymlinks|NoNames …", many: true,
		Text: `How translated directory lists (ProxyDirectoryListPolicy LIST) show links and owners. UseSlink shows where links lead.
NoNames leaves the names of owners and groups out: the backend is asked for their numbers. NoAdjustedSymlinks is how lists are anyway: what
a link leads to is not looked at.`,
		parse: options("unknown FactsOption '%s'", []option[Settings]{
			{"UseSlink", func(s *Settings) *bool { return &s.Data.DisplayFacts.UseSlink }},
			{"NoAdjustedSymlinks", func(s *Settings) *bool { return &s.Data.DisplayFacts.NoAdjust }},
			{"NoNames", func(s *Settings) *bool { return &s.Data.DisplayFacts.NoNames }},
		})},
}
