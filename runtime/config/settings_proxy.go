package config

import (
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/conf"
)

// Proxy is mod_proxy's general part.
type Proxy struct {
	Engine  bool
	Role    Role
	RoleSet bool // SSH proxying needs an explicit reverse role
	Policy  Policy
	Servers []ServerSource // in file order, all lines joined
	Health  Health

	RetryCount     int           // attempts in all, default 5
	TimeoutConnect time.Duration // per address, default 5 s, 0 = no limit
	TimeoutLinger  time.Duration // wait for the final reply, default 3 s

	DataTransfer DataTransferPolicy
	ListPolicy   ListPolicy
	Deflate      DeflateEngine
	UseSlink     bool // directory lists translate symlinks as OS.unix=slink

	Options       ProxyOptions
	SourceAddress string // ProxySourceAddress as written: address, name or device
	// Balancers whose PROXY headers say who a client is, on control and data
	// connections. Of a server these are the settings for clients of no class.
	ProtocolFrom     []netip.Prefix
	ProtocolDataFrom []netip.Prefix

	ForwardMethod ForwardMethod
	ForwardTo     []*Pattern // in file order; none = every destination
	Log           LogTarget
}

// Role of a proxying server.
type Role uint8

// The roles; reverse is what an absent ProxyRole means.
const (
	RoleReverse Role = iota
	RoleForward
)

// Policy picks a backend (ProxyReverseConnectPolicy).
type Policy uint8

// The policies. The last three are sticky.
const (
	PolicyRoundRobin Policy = iota
	PolicyRandom
	PolicyShuffle
	PolicyLeastConns
	PolicyLeastResponseTime
	PolicyPerUser
	PolicyPerGroup
	PolicyPerHost
)

// Sticky reports whether a name or address always leads to the same backend.
func (p Policy) Sticky() bool { return p >= PolicyPerUser }

// String is the name of the policy as the directive writes it.
func (p Policy) String() string { return policyNames.name(p) }

// SourceKind tells where a list of backends comes from.
type SourceKind uint8

// The kinds of source.
const (
	SourceURLs         SourceKind = iota // URLs on the line itself
	SourceFile                           // JSON file, already read into URLs
	SourceFileTemplate                   // JSON file with %U or %g, read at login
	SourceSQL                            // SQLNamedQuery, asked at login
)

// ServerSource is one ProxyReverseServers line.
type ServerSource struct {
	Kind  SourceKind
	URLs  []backendurl.URL // SourceURLs and SourceFile
	Path  string           // SourceFile, SourceFileTemplate: absolute
	Query string           // SourceSQL: name of the SQLNamedQuery
	Pos   conf.Pos
}

// StaticURLs joins the URLs known before anybody logs in, in file order.
func (p *Proxy) StaticURLs() []backendurl.URL {
	var all []backendurl.URL
	for _, s := range p.Servers {
		all = append(all, s.URLs...)
	}
	return all
}

// DataTransferPolicy says which command opens data connections to backends.
type DataTransferPolicy uint8

// The data transfer policies.
const (
	DataClient  DataTransferPolicy = iota // the client's own verb
	DataActive                            // EPRT, then PORT
	DataPassive                           // EPSV, then PASV
	DataPASV
	DataEPSV
	DataPORT
	DataEPRT
)

// ListPolicy says how directory lists are asked for.
type ListPolicy uint8

// The directory list policies.
const (
	ListClient ListPolicy = iota // as the client asked
	ListLIST                     // MLSD becomes LIST, translated back
	ListMLSD                     // LIST and NLST become MLSD, translated back; our own
)

// DeflateEngine is ProxyDeflateEngine: what travels in MODE Z to and from backends
// that list it.
type DeflateEngine uint8

// The values of ProxyDeflateEngine.
const (
	DeflateOff DeflateEngine = iota
	DeflateDownloads
	DeflateOn
)

// ForwardMethod is the login dialogue of forward clients.
type ForwardMethod uint8

// The methods, named after their argument.
const (
	ForwardProxyUserThenUserAtHost ForwardMethod = iota // proxyuser,user@host (default)
	ForwardUserAtHost                                   // user@host
	ForwardProxyUserAtHostThenUser                      // proxyuser@host,user
	ForwardUserAtSNI                                    // user@sni
)

// ProxyOptions are the switches of the directive of that name.
type ProxyOptions struct {
	AllowForeignAddress    bool
	IgnoreForeignAddress   bool // wins over AllowForeignAddress
	ShowFeatures           bool
	ShowBanner             bool
	UseDirectDataTransfers bool
	// UseCompliantActiveTransfers has active data connections to clients leave from
	// the port below the server's (RFC 959 §3.2).
	UseCompliantActiveTransfers bool
	UseProxyProtocolV1          bool // wins over V2
	UseProxyProtocolV2          bool
	UseProxyProtocolV2TLVs      bool
	UseReverseProxyAuth         bool
	IgnoreConfigPerms           bool
}

// BackendTLS is TLS towards FTP backends.
type BackendTLS struct {
	Engine           TLSEngine
	VerifyServer     bool   // default true
	CAFile           string // empty = the system's roots
	CAPath           string
	CRLFile          string
	CRLPath          string
	CertificateFile  string
	KeyFile          string // empty = CertificateFile
	Ciphers          string // up to TLS 1.2, OpenSSL syntax
	Ciphers13        string // empty = all
	Protocols        TLSVersions
	Options          BackendTLSOptions
	TimeoutHandshake time.Duration // default 30 s, 0 = no limit
	Protection       Protection
}

// TLSEngine is ProxyTLSEngine.
type TLSEngine uint8

// The values of ProxyTLSEngine.
const (
	TLSAuto TLSEngine = iota
	TLSOff
	TLSOn
	TLSMatchClient
)

// BackendTLSOptions are the switches of ProxyTLSOptions.
type BackendTLSOptions struct {
	AllowWeakSecurity     bool
	EnableDiags           bool
	NoCloseNotifyRequired bool // our own: data may end without close_notify
	NoSessionCache        bool
	NoSessionTickets      bool
}

// Protection is what PROT level backends get (ProxyTLSTransferProtectionPolicy).
type Protection uint8

// The protection policies.
const (
	ProtectRequired Protection = iota // PROT P
	ProtectClear                      // PROT C
	ProtectClient                     // as the client says
)

// BackendSSH is SSH towards backends.
type BackendSSH struct {
	Algorithms   SSHAlgorithms
	Compression  Compression
	HostKeys     []HostKey // identities for hostbased login
	Options      BackendSSHOptions
	Alive        Alive
	Matches      []SSHMatch
	VerifyServer bool
}

// BackendSSHOptions are the switches of ProxySFTPOptions.
type BackendSSHOptions struct {
	AllowWeakDH            bool
	NoExtensionNegotiation bool
	NoHostkeyRotation      bool
	NoStrictKex            bool
	OldProtocolCompat      bool // implies PessimisticKexinit
	PessimisticKexinit     bool
}
