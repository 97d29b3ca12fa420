package config

import "time"

// Rows of the ProxyTLS directives: TLS towards FTP backends.

var backendTLSRows = []Directive{
	{Name: "ProxyTLSEngine", Contexts: anyServer, Syntax: "on|off|auto|MatchClient", Default: "auto",
		Text: `Whether backends are spoken to in TLS. on: always, or the attempt fails. auto: AUTH TLS is offered to every backend; one
that refuses it is used in clear, unless its URL says ftps; a handshake that fails is never followed by clear text. MatchClient: as
the client does at that moment. off: never, and ftps URLs are errors. A URL ftps://host:990 begins with TLS under all of them but off.`,
		parse: oneOf(tlsEngines, "unknown ProxyTLSEngine value: '%s'", func(s *Settings) *TLSEngine { return &s.BackendTLS.Engine })},
	{Name: "ProxyTLSVerifyServer", Contexts: anyServer, Syntax: "on|off", Default: "on",
		Text: `Whether the backend's certificate must lead to a trusted root and name the host of its URL, or the address connected to.
Leave it on; for private certificates name their root with ProxyTLSCACertificateFile. off accepts any certificate, and with it
anybody in between.`,
		parse: flag(func(s *Settings) *bool { return &s.BackendTLS.VerifyServer })},
	{Name: "ProxyTLSCACertificateFile", Contexts: anyServer, Syntax: "/abs/file.pem", Default: "the system's roots, or bundled ones where it has none",
		Text:  `PEM file with the roots that backends' certificates must lead to. It replaces the default roots.`,
		parse: existingFile(func(s *Settings) *string { return &s.BackendTLS.CAFile })},
	{Name: "ProxyTLSCACertificatePath", Contexts: anyServer, Syntax: "/abs/dir",
		Text:  `Directory of PEM files with roots that backends' certificates may lead to.`,
		parse: existingDir(func(s *Settings) *string { return &s.BackendTLS.CAPath })},
	{Name: "ProxyTLSCARevocationFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text: `PEM file with revocation lists. A backend whose certificate is listed is refused, and so is every one whose issuer's list is
past its time.`,
		parse: existingFile(func(s *Settings) *string { return &s.BackendTLS.CRLFile })},
	{Name: "ProxyTLSCARevocationPath", Contexts: anyServer, Syntax: "/abs/dir",
		Text:  `Directory of files with revocation lists, as in ProxyTLSCARevocationFile.`,
		parse: existingDir(func(s *Settings) *string { return &s.BackendTLS.CRLPath })},
	{Name: "ProxyTLSCertificateFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text:  `Certificate that the gateway shows to backends that ask for one. The key stands in the same file or in ProxyTLSCertificateKeyFile.`,
		parse: existingFile(func(s *Settings) *string { return &s.BackendTLS.CertificateFile })},
	{Name: "ProxyTLSCertificateKeyFile", Contexts: anyServer, Syntax: "/abs/file.pem", Default: "the file of ProxyTLSCertificateFile",
		Text:  `Private key for ProxyTLSCertificateFile, without pass phrase. Only its owner may have access to the file.`,
		parse: privateKeyFile(func(s *Settings) *string { return &s.BackendTLS.KeyFile })},
	{Name: "ProxyTLSCipherSuite", Contexts: anyServer, Syntax: "[TLSv1.3|TLSv1.2|TLSv1.1|TLSv1.0] list",
		Default: backendCiphers, many: true, last: true,
		Text: `Cipher suites offered to backends up to TLS 1.2, in OpenSSL's syntax. Suites of TLS 1.3 have a list of their own, with the
word TLSv1.3 before it, but none of its three can be switched off. The last line of each kind counts. The list says which suites are
offered, not in which order. A word that OpenSSL does not know is an error here.`,
		parse: cipherSuite(
			func(s *Settings) *string { return &s.BackendTLS.Ciphers },
			func(s *Settings) *string { return &s.BackendTLS.Ciphers13 })},
	{Name: "ProxyTLSProtocol", Contexts: anyServer, Syntax: "version … | ALL [+|-]version …", Default: "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
		Text: `TLS versions spoken to backends. After ALL, each version needs a sign: ALL -TLSv1 -TLSv1.1 leaves 1.2 and 1.3, which is
what new setups should write. SSLv3 is never spoken, and of a list with a gap only the newer part.`,
		parse: tlsProtocol(func(s *Settings) *TLSVersions { return &s.BackendTLS.Protocols })},
	{Name: "ProxyTLSOptions", Contexts: anyServer, Syntax: "option …", many: true,
		Text: `Switches, case-sensitive, adding up over all lines. EnableDiags logs handshakes in detail. NoSessionCache keeps no sessions
from one control connection to the next, NoSessionTickets resumes by session ID only; each works alone, and data connections resume
their control connection's session all the same. NoCloseNotifyRequired is Sluice's own and dangerous: downloads from backends that
never end TLS properly are taken as whole, though half of one may be missing. Set it for the servers of such backends alone.`,
		parse: someOptions("unknown ProxyTLSOption '%s'", backendTLSOptions, map[string]string{"AllowWeakSecurity": weakSecurity})},
	{Name: "ProxyTLSPreSharedKey", Contexts: anyServer, Syntax: "identity hex:/path", Effect: EffectRefused, Reason: noPreSharedKeys,
		Text: `Shared key instead of certificates. It cannot be had here; name the backend's own certificate or its root with
ProxyTLSCACertificateFile, and let the backend ask for one with ProxyTLSCertificateFile.`},
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
	{"NoCloseNotifyRequired", func(s *Settings) *bool { return &s.BackendTLS.Options.NoCloseNotifyRequired }},
	{"NoSessionCache", func(s *Settings) *bool { return &s.BackendTLS.Options.NoSessionCache }},
	{"NoSessionTickets", func(s *Settings) *bool { return &s.BackendTLS.Options.NoSessionTickets }},
}

// noPreSharedKeys: crypto/tls has neither the suites of RFC 4279 nor, in TLS
// 1.3, keys from outside. Passing one off as a resumed session cannot work: the
// binder of either kind is derived under a label of its own, "ext binder" and
// "res binder" (RFC 8446 section 7.1).
const noPreSharedKeys = "pre-shared keys cannot be had: Go's TLS has no external ones, and they cannot be passed off as resumed sessions, " +
	"whose proof differs by design (RFC 8446, section 7.1); use certificates"
