package config

// Rows of the ProxySFTP directives: SSH towards backends.

var backendSSHRows = []Directive{
	{Name: "ProxySFTPCiphers", Contexts: anyServer, Syntax: "cipher …", Default: "every secure cipher, and CBC ones last",
		Text: `Ciphers offered to SSH backends, most wanted first; the list replaces the default one. Name ciphers only to shut out others.
CBC ciphers and "none" are for backends that know nothing better.`,
		parse: algorithms("cipher", offeredCiphers, moreCiphers, func(s *Settings) *[]string { return &s.BackendSSH.Algorithms.Ciphers })},
	{Name: "ProxySFTPDigests", Contexts: anyServer, Syntax: "digest …", Default: "SHA-2, SHA-1 and UMAC digests",
		Text:  `Message digests offered to SSH backends, most wanted first. MD5 digests and "none" are used only if they are named here.`,
		parse: algorithms("digest", offeredDigests, moreDigests, func(s *Settings) *[]string { return &s.BackendSSH.Algorithms.Digests })},
	{Name: "ProxySFTPKeyExchanges", Contexts: anyServer, Syntax: "exchange …", Default: "every exchange but group1",
		Text: `Key exchanges offered to SSH backends, most wanted first. diffie-hellman-group1-sha1 is used only if it is named here or
allowed by ProxySFTPOptions AllowWeakDH.`,
		parse: algorithms("key exchange", offeredKeyExchanges, moreKeyExchanges, func(s *Settings) *[]string { return &s.BackendSSH.Algorithms.KeyExchanges })},
	{Name: "ProxySFTPCompression", Contexts: anyServer, Syntax: "on|off|delayed", Default: "off",
		Text:  `Compression towards SSH backends; delayed starts it after login. It costs much processor time and helps on slow links only.`,
		parse: oneOf(compressions, "unknown ProxySFTPCompression value '%s'", func(s *Settings) *Compression { return &s.BackendSSH.Compression })},
	{Name: "ProxySFTPHostKey", Contexts: anyServer, Syntax: "/abs/path | agent:/socket", many: true,
		Text: `Private key with which the gateway vouches for a user at a backend that trusts it (hostbased login). It is needed for SSH
with the PerUser and PerGroup policies. Only its owner may have access to the file.`,
		parse: parseBackendHostKey},
	{Name: "ProxySFTPOptions", Contexts: anyServer, Syntax: "option …", many: true,
		Text: `Switches, case-sensitive, adding up over all lines: AllowWeakDH, NoExtensionNegotiation, NoHostkeyRotation, NoStrictKex,
OldProtocolCompat (accepts SSH-1.99) and PessimisticKexinit (waits for the backend's version). All of them are for old backends.`,
		parse: options("unknown ProxySFTPOption '%s'", backendSSHOptions)},
	{Name: "ProxySFTPPassPhraseProvider", Contexts: InServer, Syntax: "/abs/program",
		Text: `Program that prints the pass phrase of an encrypted key. It is run at start, with the server's name and port and the path of
the key as arguments, and has ten seconds.`,
		parse: parsePassPhraseProvider(func(p *Process) *string { return &p.PassPhraseHelper })},
	{Name: "ProxySFTPServerAlive", Contexts: anyServer, Syntax: "count interval", Unit: "seconds of silence",
		Text: `After interval seconds without a byte from an SSH backend, the gateway asks whether it is there; after count questions
without an answer it ends the session.`,
		parse: alive(func(s *Settings) *Alive { return &s.BackendSSH.Alive })},
	{Name: "ProxySFTPServerMatch", Contexts: anyServer, Syntax: "regex key value …", many: true,
		Text: `Adjusts the conversation with backends whose software version matches. The one key is pessimisticNewkeys (on or off), for
servers that cannot take packets before their own NEWKEYS.`,
		parse: sshMatch([]string{"pessimisticNewkeys"}, func(s *Settings) *[]SSHMatch { return &s.BackendSSH.Matches })},
	{Name: "ProxySFTPVerifyServer", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text: `The host key of a backend is remembered at the first connection. With on, a changed key is an alarm; with off, the new key
replaces the old one. Turn it on once all keys are known.`,
		parse: flag(func(s *Settings) *bool { return &s.BackendSSH.VerifyServer })},
}

var compressions = keywords[Compression]{
	{"off", CompressionOff}, {"on", CompressionOn}, {"delayed", CompressionDelayed},
	{"no", CompressionOff}, {"yes", CompressionOn}, {"false", CompressionOff}, {"true", CompressionOn},
}

var backendSSHOptions = []option[Settings]{
	{"AllowWeakDH", func(s *Settings) *bool { return &s.BackendSSH.Options.AllowWeakDH }},
	{"NoExtensionNegotiation", func(s *Settings) *bool { return &s.BackendSSH.Options.NoExtensionNegotiation }},
	{"NoHostkeyRotation", func(s *Settings) *bool { return &s.BackendSSH.Options.NoHostkeyRotation }},
	{"NoStrictKex", func(s *Settings) *bool { return &s.BackendSSH.Options.NoStrictKex }},
	{"OldProtocolCompat", func(s *Settings) *bool { return &s.BackendSSH.Options.OldProtocolCompat }},
	{"PessimisticKexinit", func(s *Settings) *bool { return &s.BackendSSH.Options.PessimisticKexinit }},
}
