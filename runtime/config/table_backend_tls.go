package config

import "time"

// Rows of the ProxyTLS directives: TLS towards FTP backends.

var backendTLSRows = []Directive{
	{Name: "ProxyTLSEngine", Contexts: anyServer, Syntax: "on|off|auto|MatchClient", Default: "auto",
		Text: `Whether backends are spoken to in TLS. on: always, or the attempt fails. auto: AUTH TLS is offered to every backend; one
that refuses it is used in clear, unless its URL says ftps. MatchClient: as the client does. off: never, and ftps URLs are refused.`,
		parse: oneOf(tlsEngines, "unknown ProxyTLSEngine value: '%s'", func(s *Settings) *TLSEngine { return &s.BackendTLS.Engine })},
	{Name: "ProxyTLSVerifyServer", Contexts: anyServer, Syntax: "on|off", Default: "on",
		Text: `Whether the backend's certificate must lead to a trusted root and name the host of its URL. Leave it on; for private
certificates name their root with ProxyTLSCACertificateFile. off accepts any certificate, and with it anybody in between.`,
		parse: flag(func(s *Settings) *bool { return &s.BackendTLS.VerifyServer })},
	{Name: "ProxyTLSCACertificateFile", Contexts: anyServer, Syntax: "/abs/file.pem", Default: "the system's roots",
		Text:  `PEM file with the roots that backends' certificates must lead to. It replaces the system's roots.`,
		parse: existingFile(func(s *Settings) *string { return &s.BackendTLS.CAFile })},
	{Name: "ProxyTLSCACertificatePath", Contexts: anyServer, Syntax: "/abs/dir",
		Text:  `Directory of PEM files with roots that backends' certificates may lead to.`,
		parse: existingDir(func(s *Settings) *string { return &s.BackendTLS.CAPath })},
	{Name: "ProxyTLSCARevocationFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text:  `PEM file with revocation lists. A backend whose certificate is listed is refused.`,
		parse: existingFile(func(s *Settings) *string { return &s.BackendTLS.CRLFile })},
	{Name: "ProxyTLSCARevocationPath", Contexts: anyServer, Syntax: "/abs/dir",
		Text:  `Directory of files with revocation lists, as in ProxyTLSCARevocationFile.`,
		parse: existingDir(func(s *Settings) *string { return &s.BackendTLS.CRLPath })},
	{Name: "ProxyTLSCertificateFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text:  `Certificate that the gateway shows to backends that ask for one. The key stands in the same file or in ProxyTLSCertificateKeyFile.`,
		parse: existingFile(func(s *Settings) *string { return &s.BackendTLS.CertificateFile })},
	{Name: "ProxyTLSCertificateKeyFile", Contexts: anyServer, Syntax: "/abs/file.pem", Default: "the file of ProxyTLSCertificateFile",
		Text:  `Private key for ProxyTLSCertificateFile. Only its owner may have access to the file.`,
		parse: privateKeyFile(func(s *Settings) *string { return &s.BackendTLS.KeyFile })},
	{Name: "ProxyTLSCipherSuite", Contexts: anyServer, Syntax: "[TLSv1.3|TLSv1.2|TLSv1.1|TLSv1.0] list",
		Default: "DEFAULT:!ADH:!EXPORT:!DES", many: true, last: true,
		Text: `Cipher suites offered to backends, in OpenSSL's syntax. Suites of TLS 1.3 have a list of their own, with the word TLSv1.3
before it. The last line of each kind counts.`,
		parse: cipherSuite(
			func(s *Settings) *string { return &s.BackendTLS.Ciphers },
			func(s *Settings) *string { return &s.BackendTLS.Ciphers13 })},
	{Name: "ProxyTLSProtocol", Contexts: anyServer, Syntax: "version … | ALL [+|-]version …", Default: "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
		Text: `TLS versions spoken to backends. After ALL, each version needs a sign: ALL -TLSv1 -TLSv1.1 leaves 1.2 and 1.3, which is
what new setups should write.`,
		parse: tlsProtocol(func(s *Settings) *TLSVersions { return &s.BackendTLS.Protocols })},
	{Name: "ProxyTLSOptions", Contexts: anyServer, Syntax: "option …", many: true,
		Text: `Switches, case-sensitive, adding up over all lines: AllowWeakSecurity accepts short keys and old hashes, EnableDiags logs
handshakes in detail, NoSessionCache and NoSessionTickets turn off resuming sessions.`,
		parse: options("unknown ProxyTLSOption '%s'", backendTLSOptions)},
	{Name: "ProxyTLSPreSharedKey", Contexts: anyServer, Syntax: "identity hex:/path",
		Text: `Shared key instead of certificates: an identity, and a file whose first line is the key in hexadecimal, at least 20 digits.
The file must be closed to others.`,
		parse: preSharedKey(
			func(s *Settings) *string { return &s.BackendTLS.PSKIdentity },
			func(s *Settings) *string { return &s.BackendTLS.PSKFile })},
	{Name: "ProxyTLSTimeoutHandshake", Contexts: anyServer, Syntax: "duration", Default: "30", Unit: "seconds",
		Text:  `How long a handshake with a backend may take, for control and data connections each. 0 = no limit.`,
		parse: duration(func(s *Settings) *time.Duration { return &s.BackendTLS.TimeoutHandshake })},
	{Name: "ProxyTLSTransferProtectionPolicy", Contexts: anyServer, Syntax: "client|required|clear", Default: "required",
		Text: `Whether data connections to backends are encrypted. required: always; clear: never; client: as the client asks with PROT,
which is then passed on. Clear data is fast but readable on the network between gateway and backend.`,
		parse: oneOf(protections, "unknown ProxyTLSTransferProtectionPolicy '%s'", func(s *Settings) *Protection { return &s.BackendTLS.Protection })},
}

var tlsEngines = keywords[TLSEngine]{
	{"auto", TLSAuto}, {"MatchClient", TLSMatchClient},
	{"on", TLSOn}, {"off", TLSOff}, {"yes", TLSOn}, {"no", TLSOff},
	{"true", TLSOn}, {"false", TLSOff}, {"1", TLSOn}, {"0", TLSOff},
}

var protections = keywords[Protection]{
	{"client", ProtectClient}, {"required", ProtectRequired}, {"clear", ProtectClear},
}

var backendTLSOptions = []option[Settings]{
	{"AllowWeakSecurity", func(s *Settings) *bool { return &s.BackendTLS.Options.AllowWeakSecurity }},
	{"EnableDiags", func(s *Settings) *bool { return &s.BackendTLS.Options.EnableDiags }},
	{"NoSessionCache", func(s *Settings) *bool { return &s.BackendTLS.Options.NoSessionCache }},
	{"NoSessionTickets", func(s *Settings) *bool { return &s.BackendTLS.Options.NoSessionTickets }},
}
