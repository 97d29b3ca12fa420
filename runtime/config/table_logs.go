package config

// Rows about logs, and about files and modules of the configuration itself.

var logRows = []Directive{
	{Name: "SystemLog", Contexts: InServer, Syntax: "/path|none", Default: "standard error, which systemd keeps",
		Text:  `File for messages of the service as a whole.`,
		parse: logFile(func(p *Process) *LogTarget { return &p.SystemLog })},
	{Name: "ServerLog", Contexts: InServer | InVirtualHost | InGlobal, Syntax: "/path|none",
		Text:  `File for messages of one server, instead of SystemLog.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.Logs.Server })},
	{Name: "LogOptions", Contexts: anyServer, Syntax: "[+|-]Timestamp|Hostname|VirtualHost|RoleBasedProcessLabels …", Default: "Timestamp Hostname VirtualHost",
		Text:  `Parts of each line of SystemLog and ServerLog.`,
		parse: parseLogOptions},
	{Name: "TransferLog", Contexts: anyServer | InAnonymous, Syntax: "/path|none",
		Text: `File with one line per transfer in the form of xferlog(5): time, seconds, client, bytes, path, direction, user and whether it
was complete. Paths are as the client sent them.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.Logs.Transfer })},
	{Name: "ExtendedLog", Contexts: anyServer | InAnonymous, Syntax: "/path|syslog:level [CLASS,…|!CLASS [format]]", many: true,
		Text: `File with one line per command of the given classes: ALL, NONE, AUTH, INFO, DIRS, READ, WRITE, MISC, SEC, SSH, SFTP, CONNECT
and EXIT (or DISCONNECT) for the begin and the end of a session, ERROR for whatever was refused, or single commands; "!" leaves
a class or command out, as in ALL,!READ or WRITE+!DELE. Lines have the format that LogFormat defines, or are JSON objects with
the format json. Several logs may be kept. Passwords are never written.`,
		parse: parseExtendedLog},
	{Name: "LogFormat", Contexts: InServer | InGlobal, Syntax: `name "format"`, many: true,
		Text: `Names a format for ExtendedLog. %u is the user, %h the client, %r the command, %s the code of the reply, %b the bytes,
%{note:mod_proxy.backend-ip} the backend, %{transfer-status} how a transfer ended; a value that is missing becomes "-". Control
characters are escaped, and between double quotes quotes, too. %A is never known; %I and %O are without the bytes that TLS adds.`,
		parse: parseLogFormat},
	{Name: "Trace", Contexts: anyServer, Syntax: "channel:level|channel:low-high …", many: true,
		Text: `What TraceLog gets of the messages of sessions and of the proxy, by channel: session, proxy, proxy.conn, proxy.reverse,
proxy.forward, proxy.tls, proxy.ftp.ctrl, proxy.ftp.conn, proxy.ftp.xfer. A channel speaks for those below it that are not
named, DEFAULT for all. Errors have level 1, warnings 3, what else matters 5, and details 10.`,
		parse: parseTrace},
	{Name: "TraceLog", Contexts: anyServer, Syntax: "/path|none",
		Text:  `File that Trace writes to.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.Logs.TraceLog })},
	{Name: "TraceOptions", Contexts: anyServer, Syntax: "[+|-]option …", many: true,
		Text:  `Parts of each line of TraceLog: ConnIPs, UseMillisecs, Timestamp.`,
		parse: listOf(func(s *Settings) *[]string { return &s.Logs.TraceOptions })},
}

var fileRows = []Directive{
	{Name: "Include", Contexts: anyServer | InAnonymous | InDirectory, Syntax: "/path | pattern | directory",
		Text: `Reads other files in place: one file, every file of a directory, or those that fit a pattern such as
/etc/sluice/conf.d/*.conf, in alphabetical order and without hidden ones.`},
	{Name: "IncludeOptions", Contexts: anyServer, Syntax: "AllowSymlinks|IgnoreTempFiles|IgnoreWildcards …",
		Text: `IgnoreTempFiles passes over names that end in "~". The other options are accepted.`},
	{Name: "Define", Contexts: anyServer, Syntax: "name",
		Text: `Defines a name for <IfDefine>, like -D on the command line.`},
	{Name: "LoadModule", Contexts: InServer, Syntax: "mod_name.c", many: true,
		Text: `Accepted: everything is built in, and the order of modules does not matter.`},
	{Name: "ModulePath", Contexts: InServer, Syntax: "/dir",
		Text: `Accepted: everything is built in.`},
}
