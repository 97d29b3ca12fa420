package config

// The table of directives. To find one, look for its name in the table_*.go
// file of its theme; a row holds everything: where it may stand, its
// arguments, its default, its reference text and the parser that stores it.

type theme struct {
	name string
	rows []Directive
}

var themes = []theme{
	{"Proxy", proxyRows},
	{"Proxy: health and discovery", healthRows},
	{"Proxy: forward", forwardRows},
	{"Proxy: balancers in front", balancerRows},
	{"Proxy: TLS to backends", backendTLSRows},
	{"Proxy: SSH to backends", backendSSHRows},
	{"Server", serverRows},
	{"Process", processRows},
	{"Timeouts", timeoutRows},
	{"Limits on clients", limitRows},
	{"Data connections", dataRows},
	{"Banner and messages", bannerRows},
	{"Authentication", authRows},
	{"Classes and <Limit>", accessRows},
	{"Logs", logRows},
	{"TLS to clients", tlsRows},
	{"SSH to clients", sshRows},
	{"Rewriting", rewriteRows},
	{"Bans", banRows},
	{"SQL", sqlRows},
	{"Redis", redisRows},
	{"Files and modules", fileRows},
}
