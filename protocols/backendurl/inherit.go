package backendurl

import "strings"

// Inherit gives a URL that DNS led to what the URL that asked brings: account,
// limit, rank and weight, as far as the one that was found has none of its own.
// Weights multiply, since one is the share of the whole set and the other that
// of a member.
func (u URL) Inherit(asked URL) URL {
	if !u.HasUser {
		u.HasUser, u.User, u.Password = asked.HasUser, asked.User, asked.Password
	}
	if u.Max == 0 {
		u.Max = asked.Max
	}
	u.Backup = u.Backup || asked.Backup
	u.Weight = min(max(u.Weight, 1)*max(asked.Weight, 1), MaxWeight)
	return u
}

// Bare gives what of a URL decides where it leads: without account, limit, rank
// and weight, the host in lower case. What was found for it is found for all
// URLs with the same Bare.
func (u URL) Bare() URL {
	bare := u.Plain(u.Host, u.Port)
	bare.Discovery, bare.ExplicitPort, bare.Implicit = u.Discovery, u.ExplicitPort, u.Implicit
	bare.Host = strings.ToLower(u.Host)
	return bare
}

// Plain is a URL of the same protocol for a host and port that DNS named. The
// port counts as written: ftps at 990 is implicit TLS.
func (u URL) Plain(host string, port uint16) URL {
	return URL{
		Scheme: u.Scheme, Host: host, Port: port, ExplicitPort: true, Weight: 1,
		Implicit: u.Scheme == FTPS && port == 990,
	}
}
