package config

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// Checks of settings that no single directive can make. They run on the
// resolved settings of each server and class; a problem stands at the
// directive that it is about.

func (l *loader) checkSettings(s *Server, r resolved) {
	if s.Port == 0 {
		return // it listens nowhere, so nobody meets its settings
	}
	if r.Proxy.Engine && r.Proxy.Role == RoleReverse {
		l.checkReverse(s, r)
	}
	if r.Proxy.Engine && r.Proxy.Role == RoleForward && r.SSH.Engine {
		l.report(Error, r.at("ProxyRole"), "ProxyRole", "SSH cannot be proxied forward: write ProxyRole reverse, or SFTPEngine off")
	}
	if r.Proxy.Engine && r.Proxy.Role == RoleForward && r.Proxy.ForwardMethod == ForwardUserAtSNI && !r.TLS.Engine {
		l.report(Warning, r.at("ProxyForwardMethod"), "ProxyForwardMethod", "user@sni lets nobody in without TLS: write TLSEngine on")
	}
	if _, said := r.origin["ProxyEngine"]; !said {
		if at, ok := r.origin["ProxyReverseServers"]; ok {
			l.report(Warning, at, "ProxyReverseServers", "has no effect: this server is no proxy; write ProxyEngine on")
		}
	}
	l.checkSources(r)
	l.checkDirect(r)
	l.checkForeignClass(r)
	l.checkHealth(r)
	l.checkFrontTLS(r)
	l.checkBackendTLS(r)
	l.checkFrontSSH(r)
	l.checkRewrite(r)
	l.checkWelcome(r)
}

func (l *loader) checkReverse(s *Server, r resolved) {
	_, written := r.origin["ProxyReverseServers"]
	if !written && !l.classHasServers(r.scope) {
		l.report(Error, r.at("ProxyEngine"), "ProxyReverseServers",
			"missing: a reverse proxy needs backends; write ProxyReverseServers ftp://host, or ProxyRole forward")
	}
	if r.Proxy.Policy == PolicyPerGroup && !r.Proxy.Options.UseReverseProxyAuth {
		l.report(Error, r.at("ProxyReverseConnectPolicy"), "ProxyReverseConnectPolicy",
			"PerGroup needs ProxyOptions UseReverseProxyAuth: groups are known only if the gateway checks the password")
	}
	if r.SSH.Engine {
		l.checkReverseSSH(r)
	}
	l.checkGlobalServers(s, r)
}

// classHasServers reports a section of some class with backends of its own:
// then clients of no class may be meant to have none.
func (l *loader) classHasServers(sc *scope) bool {
	for _, group := range [][]*clientScope{sc.overlays, l.global.overlays} {
		for _, o := range group {
			if _, ok := has(o.items, "ProxyReverseServers"); ok {
				return true
			}
		}
	}
	return false
}

// checkGlobalServers points out that lists of backends add up.
func (l *loader) checkGlobalServers(s *Server, r resolved) {
	own, hasOwn := has(r.scope.items, "ProxyReverseServers")
	if _, hasGlobal := has(l.global.items, "ProxyReverseServers"); hasOwn && hasGlobal {
		l.report(Warning, own.pos, "ProxyReverseServers", fmt.Sprintf(
			"the backends of <Global> are added to those of server '%s', they are not replaced", s.Name))
	}
}

func (l *loader) checkReverseSSH(r resolved) {
	if !r.Proxy.RoleSet {
		l.report(Warning, r.at("SFTPEngine"), "SFTPEngine", "SSH is proxied only with an explicit ProxyRole reverse: add that line")
	}
	perName := r.Proxy.Policy == PolicyPerUser || r.Proxy.Policy == PolicyPerGroup
	if perName && len(r.BackendSSH.HostKeys) == 0 {
		l.report(Error, r.at("ProxyReverseConnectPolicy"), "ProxyReverseConnectPolicy", fmt.Sprintf(
			"%s with SSH needs a ProxySFTPHostKey, with which the gateway vouches for users at the backends", r.Proxy.Policy))
	}
}

// checkSources checks backends against the policy, TLS and the protocol.
func (l *loader) checkSources(r resolved) {
	for _, source := range r.Proxy.Servers {
		const name = "ProxyReverseServers"
		switch source.Kind {
		case SourceFileTemplate:
			l.checkTemplate(r, source)
		case SourceSQL:
			if r.Proxy.Policy != PolicyPerUser && r.Proxy.Policy != PolicyPerGroup {
				l.report(Error, source.Pos, name, "sql: is asked for the user or group: it needs ProxyReverseConnectPolicy PerUser or PerGroup")
			}
			if _, ok := r.SQL.Queries[source.Query]; !ok {
				l.report(Error, source.Pos, name, fmt.Sprintf("there is no SQLNamedQuery %s for this server", source.Query))
			}
		}
		for _, u := range source.URLs {
			l.checkURL(r, source, u)
		}
	}
}

func (l *loader) checkTemplate(r resolved, source ServerSource) {
	wrong := ""
	switch {
	case strings.Contains(source.Path, "%U") && r.Proxy.Policy != PolicyPerUser:
		wrong = "%U stands for the user: it needs ProxyReverseConnectPolicy PerUser"
	case strings.Contains(source.Path, "%g") && r.Proxy.Policy != PolicyPerGroup:
		wrong = "%g stands for the group: it needs ProxyReverseConnectPolicy PerGroup"
	}
	if wrong != "" {
		l.report(Error, source.Pos, "ProxyReverseServers", wrong)
	}
}

func (l *loader) checkURL(r resolved, source ServerSource, u backendurl.URL) {
	const name = "ProxyReverseServers"
	if u.Scheme == backendurl.FTPS && r.BackendTLS.Engine == TLSOff {
		l.report(Error, source.Pos, name, fmt.Sprintf(
			"'%s' asks for TLS, but ProxyTLSEngine is off: remove that directive, or write ftp:// to send passwords in clear", u))
	}
	if !r.Proxy.Engine {
		return
	}
	if isSSH := u.Scheme == backendurl.SFTP; isSSH != r.SSH.Engine {
		hint := "this server speaks FTP: write SFTPEngine on, or an ftp:// backend"
		if r.SSH.Engine {
			hint = "this server speaks SSH: write SFTPEngine off, or an sftp:// backend"
		}
		l.report(Error, source.Pos, name, fmt.Sprintf("'%s' does not fit the clients' protocol: %s", u, hint))
	}
}

func (l *loader) checkFrontSSH(r resolved) {
	if !r.SSH.Engine {
		return
	}
	if len(r.SSH.HostKeys) == 0 {
		l.report(Error, r.at("SFTPEngine"), "SFTPEngine", "no host key: name at least one with SFTPHostKey")
	}
	for _, key := range r.SSH.HostKeys {
		if key.Path == "" || r.SSH.Options.InsecureHostKeyPerms {
			continue
		}
		info, err := l.files.Stat(key.Path)
		if err != nil {
			continue // reported where the directive was read
		}
		if perm := info.Mode().Perm(); perm&othersAny != 0 {
			l.report(Error, key.Pos, "SFTPHostKey", fmt.Sprintf(
				"'%s' is accessible by group or world (perms %04o): run chmod 600 on it", key.Path, perm))
		}
	}
	if r.TLS.Engine && r.TLS.Options.UseImplicitSSL {
		l.report(Warning, r.at("TLSEngine"), "TLSEngine", "has no effect: SFTPEngine makes this server speak SSH only")
	}
}

// checkServers compares the servers with each other.
func (l *loader) checkServers(c *Config) {
	if c.Process.Datastore == DatastoreRedis && c.Servers[0].base.Redis.Server == "" {
		at, _ := has(l.main.items, "ProxyDatastore")
		l.report(Warning, at.pos, "ProxyDatastore", "no RedisServer is named; 127.0.0.1:6379 is used")
	}
	l.checkNameRules(c)
	taken := map[netip.AddrPort]*Server{}
	var fallback *Server
	for _, s := range c.Servers {
		if s.IsDefault && fallback != nil {
			l.report(Warning, s.Pos, "DefaultServer", "another server is the default already; the first one counts")
		} else if s.IsDefault {
			fallback = s
		}
		l.checkClientNames(c, s)
		for _, addr := range s.Addresses {
			l.checkAddress(taken, s, netip.AddrPortFrom(addr, s.Port))
		}
	}
}

func (l *loader) checkAddress(taken map[netip.AddrPort]*Server, s *Server, at netip.AddrPort) {
	other, clash := taken[at]
	if !clash {
		taken[at] = s
		return
	}
	if s.Port != 0 && len(s.Aliases) == 0 {
		l.report(Warning, s.Pos, "<VirtualHost>", fmt.Sprintf(
			"%s belongs to the server in line %d already: give this one a Port of its own, or names with ServerAlias", at, other.Pos.Line))
	}
}
