// Package backendurl is the grammar of one backend in a pool, as written in
// ProxyReverseServers, in JSON lists and in answers of SQL or TXT lookups:
//
//	scheme://[user:password@]host[:port][/ignored][?weight=3&max=200&backup]
//
// The grammar follows mod_proxy's: nothing is percent-decoded, the scheme is
// written in lower case, and userinfo ends at the last "@". The parameters
// after "?" are this gateway's own. The package turns text into values and
// back; it resolves no names.
package backendurl

import (
	"net/netip"
	"strconv"
	"strings"
)

// Scheme is the protocol a backend speaks.
type Scheme string

// The protocols a backend may speak.
const (
	FTP  Scheme = "ftp"  // RFC 959, with AUTH TLS as ProxyTLSEngine says
	FTPS Scheme = "ftps" // RFC 4217; explicit, or implicit on port 990
	SFTP Scheme = "sftp" // SSH: SFTP and SCP
)

// DefaultPort is the port a URL without one means: 21, or 22 for sftp. It is
// 21 for ftps too, because only an explicit 990 asks for implicit TLS.
func (s Scheme) DefaultPort() uint16 {
	if s == SFTP {
		return 22
	}
	return 21
}

// Discovery says how addresses are found for the host of a URL.
type Discovery uint8

// The ways to find addresses.
const (
	DiscoverNone Discovery = iota // A and AAAA records, or an IP literal
	DiscoverSRV                   // "+srv": SRV records name hosts and ports
	DiscoverTXT                   // "+txt": the first TXT record that is a plain URL
)

// String gives the suffix that the scheme carries in text, without the "+".
func (d Discovery) String() string {
	switch d {
	case DiscoverSRV:
		return "srv"
	case DiscoverTXT:
		return "txt"
	default:
		return "none"
	}
}

// URL is one backend. The zero value is not a valid one; use Parse.
type URL struct {
	Scheme    Scheme
	Discovery Discovery
	Host      string // name or IP literal, never in brackets
	Port      uint16 // effective port, the scheme's default when none was written

	ExplicitPort bool // a port was written; with discovery it is to be ignored
	Implicit     bool // TLS from the first byte: ftps with an explicit 990

	HasUser  bool   // "user:password@" was written: overrides the client's name
	User     string // only if HasUser
	Password string // empty: keep the client's password. A secret, never printed.

	Weight int  // share of picks relative to the others; 1 unless written
	Max    int  // most concurrent sessions; 0 = no limit
	Backup bool // used only when every backend that is no backup is down
}

// Addr gives host and port for dialling or for logs, IPv6 in brackets.
func (u URL) Addr() string {
	return u.bracketed() + ":" + strconv.Itoa(int(u.Port))
}

// Address returns the host as an IP address, if it is a literal.
func (u URL) Address() (netip.Addr, bool) {
	a, err := netip.ParseAddr(u.Host)
	return a, err == nil
}

// PortIgnored reports a port that was written but has no meaning, because
// DNS discovery brings ports of its own. It deserves a line in the log.
func (u URL) PortIgnored() bool {
	return u.ExplicitPort && u.Discovery != DiscoverNone
}

// String identifies the backend for people. The password is replaced by
// "***"; the result is therefore not for parsing again unless there is none.
func (u URL) String() string {
	if u.Password != "" {
		u.Password = "***"
	}
	return u.text(true)
}

// Key is a stable identity for stores: equal for URLs that lead to the same
// account on the same backend, free of secrets and of tuning parameters.
func (u URL) Key() string {
	u.Password, u.ExplicitPort = "", true
	u.Weight, u.Max, u.Backup = 1, 0, false
	u.Host = strings.ToLower(u.Host)
	if u.Discovery != DiscoverNone {
		u.ExplicitPort = false
	}
	return u.text(true)
}

// Secret gives the complete URL with its password, such that parsing it
// yields an equal value. Never log it.
func (u URL) Secret() string {
	return u.text(true)
}

func (u URL) text(params bool) string {
	var b strings.Builder
	b.Grow(len(u.Scheme) + len(u.User) + len(u.Password) + len(u.Host) + len("+srv://:@[]:65535")) // one allocation, without parameters
	b.WriteString(string(u.Scheme))
	if u.Discovery != DiscoverNone {
		b.WriteString("+" + u.Discovery.String())
	}
	b.WriteString("://")
	if u.HasUser {
		for _, part := range [...]string{u.User, ":", u.Password, "@"} {
			b.WriteString(part)
		}
	}
	b.WriteString(u.bracketed())
	if u.ExplicitPort {
		var port [6]byte
		b.Write(strconv.AppendUint(append(port[:0], ':'), uint64(u.Port), 10))
	}
	if params {
		u.appendParams(&b)
	}
	return b.String()
}

func (u URL) appendParams(b *strings.Builder) {
	sep := "?"
	put := func(s string) {
		b.WriteString(sep + s)
		sep = "&"
	}
	if u.Weight != 1 {
		put("weight=" + strconv.Itoa(u.Weight))
	}
	if u.Max != 0 {
		put("max=" + strconv.Itoa(u.Max))
	}
	if u.Backup {
		put("backup")
	}
}

func (u URL) bracketed() string {
	if strings.Contains(u.Host, ":") {
		return "[" + u.Host + "]"
	}
	return u.Host
}
