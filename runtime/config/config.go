// Package config turns a ProFTPD configuration file into typed, frozen
// settings.
//
// It holds one table of directives (the files table_*.go, by theme). The
// loader, `sluice check` and `sluice directives` all read that table; to add
// a directive is to add one row with its setter. Load reads the file and the
// lists and keys it names, checks everything, and reports every problem with
// file, line and column. Host names in backend URLs are not resolved here:
// whether a name resolves is the gateway's business, at the moment it needs
// to know.
package config

import (
	"net/netip"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// Config is everything a gateway needs to know, fully resolved: defaults are
// filled in, <Global> is merged, overlays of classes are computed. It is
// never changed after Load; a reload makes a new one.
type Config struct {
	Process Process
	Servers []*Server // Servers[0] is the main server ("server config")
}

// Process holds what exists once per process.
type Process struct {
	User         string // identity after start; empty = stay
	Group        string
	PidFile      string
	MaxInstances int // most sessions at a time; 0 = no limit

	ProxyTables      string // absolute; empty = the service's state directory
	Datastore        Datastore
	DatastorePrefix  string           // key prefix, for DatastoreRedis
	PassPhraseHelper string           // ProxySFTPPassPhraseProvider; empty = none
	DNSServers       []netip.AddrPort // ProxyDNSServer; empty = the system's

	SystemLog        LogTarget
	UseIPv6          bool // default true
	UseReverseDNS    bool // default true
	SocketBindTight  bool // one listener per address instead of one per port
	TCPBacklog       int  // default 128
	ScoreboardFile   string
	MaxConnRate      ConnRate
	LogFormats       map[string]string // LogFormat, by lower-case name
	Classes          []*Class          // in file order; the first match counts
	SyslogFacility   string
	AllowLogSymlinks bool
}

// Datastore says where shared state lives (ProxyDatastore).
type Datastore uint8

// The stores. SQLite is the peer's name for "in local files".
const (
	DatastoreLocal Datastore = iota
	DatastoreRedis
)

// ConnRate is MaxConnectionRate; Max 0 = no limit.
type ConnRate struct {
	Max           int
	PerSeconds    int // default 1
	Message       string
	HasOwnMessage bool
}

// Server is the main server or one <VirtualHost>.
type Server struct {
	Name      string       // ServerName, default "ProFTPD"
	Addresses []netip.Addr // literal addresses; empty with empty HostNames = any
	HostNames []string     // addresses that were given as names, to be resolved by the gateway
	Port      uint16       // 0 = this server does not listen
	Aliases   []string     // ServerAlias: names and globs for HOST and SNI
	IsMain    bool         // the "server config" itself
	IsDefault bool         // DefaultServer on: takes connections nobody else claims
	Pos       conf.Pos     // where it is defined

	Overlays []Overlay // <IfUser>, <IfGroup>, <IfAuthenticated>

	base    *Settings
	byClass map[string]*Settings
	parts   parts
}

// Settings returns what applies to a client of a class ("" = of none),
// with the <IfClass> sections of the server merged in. The result is shared
// and must not be changed.
func (s *Server) Settings(class string) *Settings {
	if set, ok := s.byClass[class]; ok {
		return set
	}
	return s.base
}

// ClassOf returns the first class, in file order, that a client belongs to,
// or nil. dnsName is the client's name, empty when it is not known.
func (c *Config) ClassOf(addr netip.Addr, dnsName string) *Class {
	for _, class := range c.Process.Classes {
		if class.Match(addr, dnsName) {
			return class
		}
	}
	return nil
}
