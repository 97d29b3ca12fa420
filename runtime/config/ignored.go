package config

import (
	_ "embed" // for the list of names
	"strings"
)

// Names that ProFTPD knows and a gateway has no use for. They are accepted,
// so that an existing file loads, and reported with the reason.

//go:embed names.txt
var namesText string

const ignoredTheme = "Ignored"

// knownName is a name of the list with its module, without ".c".
type knownName struct{ name, module string }

// parseNames reads the list: one module per line, "mod_x.c: Name Name …".
func parseNames(text string) map[string]knownName {
	names := map[string]knownName{}
	for line := range strings.Lines(text) {
		module, rest, ok := strings.Cut(line, ".c:")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		for name := range strings.FieldsSeq(rest) {
			key := strings.ToLower(name)
			if _, seen := names[key]; !seen && !strings.HasPrefix(name, "<") {
				names[key] = knownName{name, module}
			}
		}
	}
	return names
}

const (
	reasonBackend = "the backend decides; a gateway keeps no files"
	reasonProcess = "belongs to how ProFTPD runs its processes; one process serves all sessions here"
	reasonModule  = "this module has no counterpart in a gateway"
)

// moduleReasons explain the modules nothing of which is used.
var moduleReasons = map[string]string{
	"mod_auth_otp":     "one-time passwords are the backend's business, or that of SQL at the gateway",
	"mod_auth_unix":    "accounts of the system are not used; name account files with AuthUserFile",
	"mod_cap":          "the service drops its privileges by itself",
	"mod_copy":         reasonBackend,
	"mod_ctrls":        "the running gateway is controlled with sluice status, sessions, drain and kick",
	"mod_ctrls_admin":  "the running gateway is controlled with sluice status, sessions, drain and kick",
	"mod_deflate":      "there is nothing about MODE Z that would fill a log of its own",
	"mod_delay":        "the timing of answers to failed logins is the gateway's own business",
	"mod_digest":       reasonBackend,
	"mod_dnsbl":        "block lists in DNS are not asked; use BanOnEvent or a <Class>",
	"mod_dso":          "everything is built in; nothing is loaded",
	"mod_dynmasq":      "resolving MasqueradeAddress again is the gateway's own business",
	"mod_exec":         "a gateway runs no programs",
	"mod_facl":         reasonBackend,
	"mod_geoip":        "countries are not looked up; use a <Class>",
	"mod_lang":         "messages are in English; names of files pass through unchanged",
	"mod_ldap":         "LDAP is not asked; use AuthUserFile or SQL",
	"mod_load":         "use MaxInstances or MaxClients to bound the load",
	"mod_log_forensic": "use ExtendedLog or Trace",
	"mod_ls":           reasonBackend,
	"mod_memcache":     "shared state lives in local files or Redis (ProxyDatastore)",
	"mod_quotatab":     reasonBackend,
	"mod_qos":          "set DSCP marks in the packet filter",
	"mod_radius":       "RADIUS is not asked; use AuthUserFile or SQL",
	"mod_ratio":        reasonBackend,
	"mod_readme":       reasonBackend,
	"mod_rlimit":       "bound the service with its systemd unit",
	"mod_sftp_pam":     "PAM is not used",
	"mod_shaper":       "use TransferRate",
	"mod_site_misc":    reasonBackend,
	"mod_snmp":         "counters are served to Prometheus over HTTP",
	"mod_sql_passwd":   "hashes of every common kind are recognised by their form",
	"mod_statcache":    reasonBackend,
	"mod_systemd":      "the service tells systemd by itself",
	"mod_unique_id":    "every session has an identifier already",
	"mod_wrap":         "use <Class> and <Limit LOGIN>",
	"mod_wrap2":        "use <Class> and <Limit LOGIN>",
	"mod_xfer":         reasonBackend,
	"mod_tls":          "concerns a part of OpenSSL that is not used here",
	"mod_sftp":         "concerns a part of OpenSSL that is not used here",
	"mod_core":         reasonProcess,
	"mod_auth":         reasonBackend,
	"mod_log":          reasonProcess,
	"mod_sql":          "the gateway asks SQL for backends and accounts only",
	"mod_redis":        "Redis serves the shared state only",
	"mod_ban":          "bans live in the gateway's own store",
	"mod_rewrite":      "not needed: nothing is written by several processes",
}

// nameReasons explain single names of modules that are otherwise used.
var nameReasons = map[string]string{
	"AllowOverride":     "a gateway reads no .ftpaccess files",
	"FSCachePolicy":     reasonBackend,
	"FSOptions":         reasonBackend,
	"GroupOwner":        reasonBackend,
	"HideFiles":         reasonBackend,
	"HideGroup":         reasonBackend,
	"HideNoAccess":      reasonBackend,
	"HideUser":          reasonBackend,
	"Umask":             reasonBackend,
	"UserOwner":         reasonBackend,
	"CDPath":            reasonBackend,
	"DisplayChdir":      reasonBackend,
	"TimesGMT":          reasonBackend,
	"ProcessTitles":     reasonProcess,
	"MultilineRFC2228":  "replies of several lines follow RFC 959",
	"RegexOptions":      "regular expressions here take time linear in their input",
	"Protocols":         "a server speaks SSH if SFTPEngine is on, otherwise FTP",
	"SetEnv":            "a gateway runs no programs; %{env:NAME} is read from the service's environment",
	"UnsetEnv":          "a gateway runs no programs",
	"MaxCommandRate":    "commands are bounded by one outstanding command per session",
	"TLSVerifyServer":   "concerns connections to other servers; use ProxyTLSVerifyServer",
	"TLSRandomSeed":     "random numbers come from the kernel",
	"TLSCryptoDevice":   "the processor's own instructions are used",
	"SFTPCryptoDevice":  "the processor's own instructions are used",
	"UseLastlog":        "no login is recorded in the system's files",
	"WtmpLog":           "no login is recorded in the system's files",
	"DebugLevel":        "use Trace",
	"AuthPAMOptions":    "PAM is not used",
	"ScoreboardMutex":   "the running gateway answers sluice sessions; there is no file",
	"ScoreboardOptions": "the running gateway answers sluice sessions; there is no file",
	"ScoreboardScrub":   "the running gateway answers sluice sessions; there is no file",
}

func ignoredRow(n knownName) *Directive {
	reason, ok := nameReasons[n.name]
	if !ok {
		reason, ok = moduleReasons[n.module]
	}
	if !ok {
		reason = reasonModule
	}
	return &Directive{
		Name: n.name, Module: n.module, Theme: ignoredTheme,
		Contexts: anyServer | InClass | InLimit | InAnonymous | InDirectory,
		Syntax:   "anything", Effect: EffectIgnored, Reason: reason,
		Text: "Accepted so that an existing file loads, and then ignored: " + reason + ".",
	}
}

// claimedModules are those for which <IfModule> holds.
var claimedModules = map[string]bool{
	"mod_auth": true, "mod_auth_file": true, "mod_ban": true, "mod_core": true, "mod_deflate": true, "mod_facts": true,
	"mod_ifsession": true, "mod_log": true, "mod_proxy": true, "mod_redis": true, "mod_rewrite": true,
	"mod_sftp": true, "mod_sql": true, "mod_sql_mysql": true, "mod_sql_postgres": true,
	"mod_sql_sqlite": true, "mod_tls": true, "mod_xfer": true,
}

// HasModule reports whether <IfModule name> holds.
func HasModule(name string) bool {
	return claimedModules[strings.TrimSuffix(strings.ToLower(name), ".c")]
}
