package config

import "time"

// Rows of mod_tls: TLS towards FTP clients.

var tlsRows = []Directive{
	{Name: "TLSEngine", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text: `Lets clients encrypt with AUTH TLS. It needs a certificate: TLSRSACertificateFile or TLSECCertificateFile. Certificates
are read at start and anew at each reload; what is wrong with them, sluice check says.`,
		parse: flag(func(s *Settings) *bool { return &s.TLS.Engine })},
	{Name: "TLSRequired", Contexts: anyServer | InAnonymous, Syntax: "on|off|ctrl|[!]data|auth|auth+[!]data", Default: "off",
		Text: `What clients must encrypt. on: both channels; ctrl: commands; data: transfers; auth: the login only. !data forbids encrypted
transfers. A gateway that faces the Internet should say on.`,
		parse: parseTLSRequired},
	{Name: "TLSProtocol", Contexts: InServer | InVirtualHost | InGlobal, Syntax: "version … | ALL [+|-]version …", Default: "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
		Text: `TLS versions spoken to clients; after ALL, each version needs a sign. TLSv1.2 TLSv1.3 is right unless very old clients remain.
SSLv3 is never spoken, and of a list with a gap only the newer part.`,
		parse: tlsProtocol(func(s *Settings) *TLSVersions { return &s.TLS.Protocols })},
	{Name: "TLSRSACertificateFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text: `PEM file with the server's RSA certificate, and with the chain below it if you like. The key may stand in the same file, which
then only its owner may read.`,
		parse: existingFile(func(s *Settings) *string { return &s.TLS.RSACertFile })},
	{Name: "TLSRSACertificateKeyFile", Contexts: anyServer, Syntax: "/abs/file.pem", Default: "the certificate's file",
		Text: `PEM file with the key of the RSA certificate, without pass phrase. Only its owner may have access to it; a reload reads it as
the user that the gateway runs as.`,
		parse: privateKeyFile(func(s *Settings) *string { return &s.TLS.RSAKeyFile })},
	{Name: "TLSECCertificateFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text:  `PEM file with the server's ECDSA certificate. It may stand beside an RSA one; each client gets what it understands.`,
		parse: existingFile(func(s *Settings) *string { return &s.TLS.ECCertFile })},
	{Name: "TLSECCertificateKeyFile", Contexts: anyServer, Syntax: "/abs/file.pem", Default: "the certificate's file",
		Text:  `PEM file with the key of the ECDSA certificate, without pass phrase. Only its owner may have access to it.`,
		parse: privateKeyFile(func(s *Settings) *string { return &s.TLS.ECKeyFile })},
	{Name: "TLSDSACertificateFile", Contexts: anyServer, Syntax: "/abs/file.pem", Effect: EffectIgnored,
		Reason: "no client of today accepts a DSA certificate", Text: `PEM file with a DSA certificate. Use TLSRSACertificateFile or TLSECCertificateFile.`},
	{Name: "TLSDSACertificateKeyFile", Contexts: anyServer, Syntax: "/abs/file.pem", Effect: EffectIgnored,
		Reason: "no client of today accepts a DSA certificate", Text: `PEM file with the key of the DSA certificate.`},
	{Name: "TLSPKCS12File", Contexts: anyServer, Syntax: "/abs/file.p12", Effect: EffectRefused,
		Reason: "PKCS#12 files are not read: convert it with openssl pkcs12 -in file.p12 -nodes -out file.pem, chmod 600 that, and name it with TLSRSACertificateFile or TLSECCertificateFile",
		Text:   `Certificate and key in one PKCS#12 file. Such files are not read; a PEM file is.`},
	{Name: "TLSCertificateChainFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text:  `PEM file with the certificates between the server's and the root, in this order.`,
		parse: existingFile(func(s *Settings) *string { return &s.TLS.ChainFile })},
	{Name: "TLSPassPhraseProvider", Contexts: anyServer, Syntax: "/abs/program", Effect: EffectIgnored,
		Reason: "a gateway runs no programs, and a key with a pass phrase is refused: store it without, readable by its owner only",
		Text:   `Program that prints the pass phrase of an encrypted key.`},
	{Name: "TLSPreSharedKey", Contexts: anyServer, Syntax: "identity hex:/path", Effect: EffectRefused, Reason: noPreSharedKeys,
		Text: `Shared key with which clients may do without certificates. It cannot be had here; give such clients a certificate and
TLSVerifyClient on.`},
	{Name: "TLSCipherSuite", Contexts: anyServer, Syntax: "[TLSv1.3|TLSv1.2|TLSv1.1|TLSv1.0] list",
		Default: "ECDHE with AES-GCM, ChaCha20-Poly1305 or AES-CBC-SHA; all of TLSv1.3", many: true, last: true,
		Text: `Cipher suites for clients up to TLS 1.2, in OpenSSL's syntax; suites of TLS 1.3 have a line of their own with TLSv1.3 before
the list, but none of its three can be switched off. The list says which suites are used, not in which order. DHE suites are
never spoken; those with RSA key exchange, and by their own names 3DES and RC4, only when the list has them. A word that OpenSSL does
not know is an error here.`,
		parse: cipherSuite(
			func(s *Settings) *string { return &s.TLS.Ciphers },
			func(s *Settings) *string { return &s.TLS.Ciphers13 })},
	{Name: "TLSServerCipherPreference", Contexts: anyServer, Syntax: "on|off", Default: "on",
		Text:  `Whether the server's order of cipher suites counts. It always does, and the order is the gateway's own: the best first.`,
		parse: parseServerPreference},
	{Name: "TLSECDHCurve", Contexts: anyServer, Syntax: "curve[:curve …]", Default: "auto",
		Text: `Curves for key exchange, such as X25519:prime256v1. Known are X25519, prime256v1 (P-256), secp384r1 (P-384), secp521r1
(P-521), X25519MLKEM768, SecP256r1MLKEM768 and SecP384r1MLKEM1024; auto means all of them.`,
		parse: parseCurves},
	{Name: "TLSDHParamFile", Contexts: anyServer, Syntax: "/abs/file.pem", Effect: EffectIgnored,
		Reason: "finite-field Diffie-Hellman is not spoken; clients of today use elliptic curves", Text: `Parameters for finite-field Diffie-Hellman.`},
	{Name: "TLSVerifyClient", Contexts: anyServer, Syntax: "on|off|optional", Default: "off",
		Text: `Whether clients need a certificate that leads to TLSCACertificateFile or TLSCACertificatePath. optional checks one that is
sent. With TLSOptions StdEnvVars its fields choose backends and appear in logs.`,
		parse: oneOf(verifyClients, "unknown TLSVerifyClient value '%s'", func(s *Settings) *VerifyClient { return &s.TLS.VerifyClient })},
	{Name: "TLSVerifyDepth", Contexts: anyServer, Syntax: "n", Default: "9", Unit: "certificates",
		Text:  `Longest chain of a client's certificate.`,
		parse: number(0, 100, func(s *Settings) *int { return &s.TLS.VerifyDepth })},
	{Name: "TLSVerifyOrder", Contexts: anyServer, Syntax: "crl|ocsp …", Default: "crl",
		Text:  `How revocation of clients' certificates is checked. Lists (TLSCARevocationFile) are, whatever is written; OCSP is not asked.`,
		parse: parseVerifyOrder},
	{Name: "TLSCACertificateFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text:  `Roots that clients' certificates must lead to.`,
		parse: existingFile(func(s *Settings) *string { return &s.TLS.CAFile })},
	{Name: "TLSCACertificatePath", Contexts: anyServer, Syntax: "/abs/dir",
		Text:  `Directory with roots that clients' certificates may lead to.`,
		parse: existingDir(func(s *Settings) *string { return &s.TLS.CAPath })},
	{Name: "TLSCARevocationFile", Contexts: anyServer, Syntax: "/abs/file.pem",
		Text: `Revocation lists for clients' certificates. A list past its time says nothing about today: clients of its issuer are refused
until there is a new one.`,
		parse: existingFile(func(s *Settings) *string { return &s.TLS.CRLFile })},
	{Name: "TLSCARevocationPath", Contexts: anyServer, Syntax: "/abs/dir",
		Text:  `Directory with revocation lists for clients' certificates.`,
		parse: existingDir(func(s *Settings) *string { return &s.TLS.CRLPath })},
	{Name: "TLSOptions", Contexts: anyServer, Syntax: "option …", many: true,
		Text: `Switches, case-sensitive, adding up over all lines. NoSessionReuseRequired lets data connections begin a TLS session of their
own. UseImplicitSSL speaks TLS from the first byte, usually on port 990. StdEnvVars makes the fields of certificates available as
%{env:TLS_…}, ExportCertData whole certificates. CommonNameRequired, dNSNameRequired and iPAddressRequired hold clients' certificates
against where they come from; IgnoreSNI and EnableDiags do as they say. NoCloseNotifyRequired is Sluice's own and dangerous: uploads of
clients that never end TLS properly are taken as whole, though half of one may be missing, so put it into an <IfClass> for those.`,
		parse: someOptions("unknown TLSOption '%s'", tlsOptions, inertTLSOptions)},
	{Name: "TLSSessionCache", Contexts: InServer | InGlobal | InVirtualHost, Syntax: "off|type:/info [seconds]", Default: "internal, 300 s",
		Text: `How long control connections may resume earlier TLS sessions. The cache is in memory; types of the peer are accepted. Data
connections always resume the session of their own control connection.`,
		parse: parseSessionCache},
	{Name: "TLSSessionTickets", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text:  `Whether clients keep their TLS session themselves, sealed in a ticket, for as long as TLSSessionTicketKeys says.`,
		parse: flag(func(s *Settings) *bool { return &s.TLS.SessionTickets })},
	{Name: "TLSSessionTicketKeys", Contexts: anyServer, Syntax: "[age duration] [count n]", Default: "age 12h count 25",
		Text:  `How long and how many keys are kept that seal tickets, for TLSSessionTickets on. A new one is made every hour.`,
		parse: parseTicketKeys},
	{Name: "TLSTimeoutHandshake", Contexts: anyServer, Syntax: "duration", Default: "300", Unit: "seconds",
		Text:  `How long a client may take for a TLS handshake.`,
		parse: duration(func(s *Settings) *time.Duration { return &s.TLS.TimeoutHandshake })},
	{Name: "TLSLog", Contexts: anyServer, Syntax: "/path|none",
		Text:  `File for what happens in TLS with clients.`,
		parse: logFile(func(s *Settings) *LogTarget { return &s.TLS.Log })},
	{Name: "TLSMasqueradeAddress", Contexts: anyServer, Syntax: "address|name",
		Text:  `Address that PASV announces to clients in TLS, instead of MasqueradeAddress: their firewall cannot rewrite what it cannot read.`,
		parse: word(func(s *Settings) *string { return &s.TLS.MasqueradeAddress })},
	{Name: "TLSNextProtocol", Contexts: anyServer, Syntax: "on|off", Default: "on",
		Text:  `Whether clients may name the protocol in the handshake (ALPN). Names other than ftp are refused.`,
		parse: flag(func(s *Settings) *bool { return &s.TLS.NextProtocol })},
	{Name: "TLSUserName", Contexts: anyServer, Syntax: "CommonName|EmailSubjAltName|oid",
		Text: `Field of the client's certificate that is its user name; at the peer it then needs no password. Here it needs one still: most
backends ask for it, whatever the gateway makes of a certificate.`,
		parse: parseUserName},
	{Name: "TLSStapling", Contexts: anyServer, Syntax: "on|off", Default: "off",
		Text: `Whether an OCSP answer is sent with the certificate. None is here: clients that insist on one (Must-Staple) refuse such a
certificate.`,
		parse: flag(func(s *Settings) *bool { return &s.TLS.Stapling })},
	{Name: "TLSRenegotiate", Contexts: anyServer, Syntax: "none|ctrl n|data n|required on|timeout n …", Effect: EffectIgnored,
		Reason: "renegotiation is never asked for; TLS 1.3 has none", Text: `When the peer renews TLS sessions.`},
}

var verifyClients = keywords[VerifyClient]{
	{"off", VerifyClientOff}, {"optional", VerifyClientOptional}, {"on", VerifyClientOn},
	{"no", VerifyClientOff}, {"yes", VerifyClientOn}, {"false", VerifyClientOff}, {"true", VerifyClientOn},
	{"0", VerifyClientOff}, {"1", VerifyClientOn},
}

// inertTLSOptions are accepted, as files have them, and do nothing.
var inertTLSOptions = map[string]string{
	"AllowClientRenegotiations": "clients cannot renegotiate, and TLS 1.3 has no such thing",
	"AllowDotLogin":             "a gateway has no home directories in which clients' certificates could be",
	"AllowPerUser":              "AUTH is accepted after a login anyway, and TLSRequired counts from the first command on, whoever it will be",
	"AllowWeakDH":               "finite-field Diffie-Hellman is not spoken",
	"AllowWeakSecurity":         weakSecurity,
	"NoAutoECDH":                "curves are chosen by TLSECDHCurve",
	"NoEmptyFragments":          "records are always split against the attack of 2011 where the protocol needs it",
}

// weakSecurity is about OpenSSL's security level 0.
const weakSecurity = "there is no security level to lower; weak cipher suites are spoken if they are listed, certificates with weak signatures never pass"

var tlsOptions = []option[Settings]{
	{"AllowClientRenegotiations", func(s *Settings) *bool { return &s.TLS.Options.AllowClientRenegotiations }},
	{"AllowDotLogin", func(s *Settings) *bool { return &s.TLS.Options.AllowDotLogin }},
	{"AllowPerUser", func(s *Settings) *bool { return &s.TLS.Options.AllowPerUser }},
	{"AllowWeakDH", func(s *Settings) *bool { return &s.TLS.Options.AllowWeakDH }},
	{"AllowWeakSecurity", func(s *Settings) *bool { return &s.TLS.Options.AllowWeakSecurity }},
	{"CommonNameRequired", func(s *Settings) *bool { return &s.TLS.Options.CommonNameRequired }},
	{"dNSNameRequired", func(s *Settings) *bool { return &s.TLS.Options.DNSNameRequired }},
	{"EnableDiags", func(s *Settings) *bool { return &s.TLS.Options.EnableDiags }},
	{"ExportCertData", func(s *Settings) *bool { return &s.TLS.Options.ExportCertData }},
	{"IgnoreSNI", func(s *Settings) *bool { return &s.TLS.Options.IgnoreSNI }},
	{"iPAddressRequired", func(s *Settings) *bool { return &s.TLS.Options.IPAddressRequired }},
	{"NoAutoECDH", func(s *Settings) *bool { return &s.TLS.Options.NoAutoECDH }},
	{"NoCloseNotifyRequired", func(s *Settings) *bool { return &s.TLS.Options.NoCloseNotifyRequired }},
	{"NoEmptyFragments", func(s *Settings) *bool { return &s.TLS.Options.NoEmptyFragments }},
	{"NoSessionReuseRequired", func(s *Settings) *bool { return &s.TLS.Options.NoSessionReuseRequired }},
	{"StdEnvVars", func(s *Settings) *bool { return &s.TLS.Options.StdEnvVars }},
	{"UseImplicitSSL", func(s *Settings) *bool { return &s.TLS.Options.UseImplicitSSL }},
}
