package config

import (
	"fmt"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// checkHealth compares active checks with the backends that they are for.
func (l *loader) checkHealth(r resolved) {
	const name = "ProxyReverseHealthPolicy"
	active := r.Proxy.Health.Active
	if !active.On {
		return
	}
	wrong := func(u backendurl.URL, hint string) {
		l.report(Error, r.at(name), name, fmt.Sprintf("ActiveChecks %s does not fit '%s': %s", active.Check, u, hint))
	}
	for _, u := range r.Proxy.StaticURLs() {
		isSSH := u.Scheme == backendurl.SFTP
		switch {
		case isSSH && (active.Check == CheckTLS || active.Check == CheckLogin):
			wrong(u, "write ssh, banner or connect")
			return
		case !isSSH && active.Check == CheckSSH:
			wrong(u, "write login, tls, banner or connect")
			return
		case active.Check == CheckLogin && !u.HasUser && active.User == "":
			wrong(u, "add user and password-file, as neither the URL nor this line names an account")
			return
		}
	}
	if active.Check == CheckTLS && r.BackendTLS.Engine == TLSOff {
		l.report(Warning, r.at(name), name, "backends are checked for TLS, which ProxyTLSEngine off never uses: write banner or login")
	}
}
