package config

// active names the directives that this version acts on. Whoever makes the
// gateway obey a directive adds its name here; `sluice check` then stops
// listing it as one without effect.
var active = []string{
	"Define", "Include", "IncludeOptions", "LoadModule", "ModulePath", // done by loading

	"DeflateEngine", "MaxRetrieveFileSize", "MaxStoreFileSize", "ProxyDeflateEngine", "TransferRate",

	"AllowForeignAddress", "AllowLogSymlinks", "DefaultAddress", "DefaultServer", "DefaultTransferMode",
	"ExtendedLog", "FactsDefault", "FactsOptions", "From", "Group", "LogFormat", "LogOptions", "MasqueradeAddress", "MaxClients", "MaxClientsPerHost", "MaxConnectionRate",
	"MaxConnectionsPerHost", "MaxInstances", "PassivePorts", "PidFile", "Port", "Satisfy", "ServerAlias",
	"ServerLog", "ServerName", "ServerType", "SocketBindTight", "SystemLog", "TCPNoDelay", "TimeoutIdle",
	"TimeoutLogin", "TimeoutNoTransfer", "TimeoutSession", "TimeoutStalled", "Trace", "TraceLog", "TransferLog", "UseIPv6", "UseReverseDNS", "User",

	"<Limit>", "Allow", "AllowAll", "AllowClass", "AllowFilter", "AllowGroup", "AllowUser", "Deny", "DenyAll", "DenyClass",
	"DenyFilter", "DenyGroup", "DenyUser", "Order", "PathAllowFilter", "PathDenyFilter",
	"AccessGrantMsg", "DisplayLogin", "DisplayQuit", "ServerAdmin",

	"AccessDenyMsg", "AllowEmptyPasswords", "AuthAliasOnly", "AuthFileOptions", "AuthGroupFile", "AuthOrder",
	"AuthUserFile", "DeferWelcome", "DisplayConnect", "MaxLoginAttempts", "MaxPasswordSize", "RequireValidShell",
	"RootLogin", "ServerIdent", "UseFtpUsers", "UserAlias", "UserPassword",

	"RedisEngine", "RedisServer", "SQLAuthTypes", "SQLAuthenticate", "SQLBackend", "SQLConnectInfo", "SQLEngine",
	"SQLGroupInfo", "SQLMinID", "SQLNamedConnectInfo", "SQLNamedQuery", "SQLUserInfo",

	"BanEngine", "BanLog", "BanMessage", "BanOnEvent", "BanOptions", "BanTable", "MaxClientsPerClass",
	"MaxClientsPerUser", "MaxHostsPerUser",

	"RewriteCondition", "RewriteEngine", "RewriteLog", "RewriteMap", "RewriteMaxReplace", "RewriteRule",

	"ProxyDNSServer", "ProxyDataTransferPolicy", "ProxyDatastore", "ProxyDirectoryListPolicy", "ProxyEngine",
	"ProxyForwardEnabled", "ProxyForwardMethod", "ProxyForwardTo", "ProxyLog", "ProxyOptions", "ProxyRetryCount",
	"ProxyReverseConnectPolicy", "ProxyReverseHealthPolicy", "ProxyReverseServers", "ProxyRole", "ProxySourceAddress", "ProxyTables",
	"ProxyProtocolDataFrom", "ProxyProtocolFrom", "ProxyTimeoutConnect", "ProxyTimeoutLinger",

	"TLSCACertificateFile", "TLSCACertificatePath", "TLSCARevocationFile", "TLSCARevocationPath",
	"TLSCertificateChainFile", "TLSCipherSuite", "TLSECCertificateFile", "TLSECCertificateKeyFile", "TLSECDHCurve",
	"TLSEngine", "TLSLog", "TLSMasqueradeAddress", "TLSNextProtocol", "TLSOptions", "TLSProtocol", "TLSRSACertificateFile",
	"TLSRSACertificateKeyFile", "TLSRequired", "TLSServerCipherPreference", "TLSSessionCache",
	"TLSSessionTicketKeys", "TLSSessionTickets", "TLSTimeoutHandshake", "TLSVerifyClient", "TLSVerifyDepth",
	"TLSVerifyOrder",

	"ProxyTLSCACertificateFile", "ProxyTLSCACertificatePath", "ProxyTLSCARevocationFile",
	"ProxyTLSCARevocationPath", "ProxyTLSCertificateFile", "ProxyTLSCertificateKeyFile", "ProxyTLSCipherSuite",
	"ProxyTLSEngine", "ProxyTLSOptions", "ProxyTLSProtocol", "ProxyTLSTimeoutHandshake",
	"ProxyTLSTransferProtectionPolicy", "ProxyTLSVerifyServer",
}
