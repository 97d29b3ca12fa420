package config

import (
	"fmt"
	"slices"
)

// Checks of rules about who may do what: that they can be kept at all.

// Authenticates reports whether the gateway itself checks passwords; only then
// are a client's groups known.
func (p Proxy) Authenticates() bool {
	if p.Role == RoleForward {
		return p.ForwardMethod == ForwardProxyUserThenUserAtHost || p.ForwardMethod == ForwardProxyUserAtHostThenUser
	}
	return p.Options.UseReverseProxyAuth
}

// afterLogin are the directives that a section for users can still change. What
// is not named has done its work, or has not been kept, by then.
var afterLogin = []string{
	limitRow.Name, "AllowFilter", "DenyFilter", "PathAllowFilter", "PathDenyFilter",
	"AccessGrantMsg", "DisplayLogin", "DisplayQuit", "AllowForeignAddress", "DeflateEngine", "ExtendedLog",
	"FactsDefault", "FactsOptions", "MasqueradeAddress", "MaxRetrieveFileSize", "MaxStoreFileSize", "PassivePorts",
	"ProxyDataTransferPolicy", "ProxyDirectoryListPolicy", "ProxyForwardTo", "ProxyTimeoutLinger",
	"TimeoutIdle", "TimeoutNoTransfer", "TimeoutSession", "TimeoutStalled", "TLSMasqueradeAddress", "TransferLog", "TransferRate",
}

// checkOverlays tells what sections for users and groups cannot do.
func (l *loader) checkOverlays(s *Server) {
	if s.Port == 0 {
		return
	}
	known := s.knowsGroups()
	for i := range s.Overlays {
		o := &s.Overlays[i]
		if o.Kind == OverlayGroup && !known {
			name := "<IfGroup>"
			if len(o.items) == 1 && o.items[0].pos == o.Pos {
				name = o.items[0].row.Name
			}
			l.report(Warning, o.Pos, name, "has no effect: "+unknownGroups)
		}
		for _, it := range o.items {
			if it.row.Effect != EffectIgnored && !slices.Contains(afterLogin, it.row.Name) {
				l.report(Warning, it.pos, it.row.Name, "has no effect in a section for users, which applies after the login: that is too late for it"+insteadOf(it.row.Name))
			}
		}
		with := s.With("", []int{i})
		for _, limit := range with.Access.Limits {
			if limit.depth == innermost && slices.Contains(limit.Commands, login) && slices.ContainsFunc(o.items, func(it item) bool { return it.pos == limit.Pos }) {
				l.report(Warning, limit.Pos, limitRow.Name, "LOGIN has no effect in a section for users, which applies after the login: write AllowUser or DenyUser into a <Limit LOGIN> outside of it")
			}
		}
		l.checkGroupRules(known, with.Access)
	}
	l.checkGroupRules(known, s.base.Access)
	for _, set := range s.byClass {
		l.checkGroupRules(known, set.Access)
	}
}

// checkWelcome tells of words for a login that is answered by somebody else.
func (l *loader) checkWelcome(r resolved) {
	if !r.Proxy.Engine || r.Proxy.Role == RoleForward && r.Proxy.Authenticates() {
		return
	}
	for _, name := range []string{"AccessGrantMsg", "DisplayLogin"} {
		if at, ok := r.origin[name]; ok {
			l.report(Warning, at, name, "has no effect: the backend's answer to the login is passed on; only a login at the gateway itself "+
				"(ProxyForwardMethod proxyuser,user@host or proxyuser@host,user) is answered here")
		}
	}
}

// insteadOf says what leads to the same end.
func insteadOf(name string) string {
	if name == "ProxyReverseServers" {
		return "; ProxyReverseConnectPolicy PerUser or PerGroup with a list for each name (%U, %g) chooses by who logs in"
	}
	return ""
}

const unknownGroups = "groups are known only where the gateway checks passwords itself (ProxyOptions UseReverseProxyAuth, " +
	"or ProxyForwardMethod proxyuser,user@host or proxyuser@host,user), and nothing does here"

func (l *loader) checkGroupRules(known bool, a Access) {
	if known {
		return
	}
	for _, limit := range a.Limits {
		for _, of := range []struct {
			name  string
			rules []NameExpr
		}{{"AllowGroup", limit.AllowGroup}, {"DenyGroup", limit.DenyGroup}} {
			if len(of.rules) > 0 {
				l.report(Warning, limit.Pos, limitRow.Name, fmt.Sprintf("its %s has no effect: %s", of.name, unknownGroups))
			}
		}
	}
}

// knowsGroups reports whether the gateway authenticates the clients of at least
// one class. Clients by SSH are looked at where they come in.
func (s *Server) knowsGroups() bool {
	if s.base.Proxy.Authenticates() || s.base.SSH.Engine {
		return true
	}
	for _, set := range s.byClass {
		if set.Proxy.Authenticates() {
			return true
		}
	}
	return false
}
