package config

import (
	"time"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// TLSVersions is a set of protocol versions.
type TLSVersions uint8

// Members of TLSVersions.
const (
	SSLv3 TLSVersions = 1 << iota
	TLSv10
	TLSv11
	TLSv12
	TLSv13
)

// AllTLSVersions is what an absent TLSProtocol or ProxyTLSProtocol means.
const AllTLSVersions = TLSv10 | TLSv11 | TLSv12 | TLSv13

// Has reports whether all of w are in the set.
func (v TLSVersions) Has(w TLSVersions) bool { return v&w == w }

// TLS is TLS towards FTP clients (mod_tls).
type TLS struct {
	Engine   bool
	Required TLSRequired

	Protocols   TLSVersions
	RSACertFile string // PEM
	RSAKeyFile  string // empty = RSACertFile
	ECCertFile  string
	ECKeyFile   string
	ChainFile   string

	Ciphers           string // up to TLS 1.2, OpenSSL syntax; empty = built-in
	Ciphers13         string
	ServerPreference  bool     // default true
	Curves            []string // as written; empty = built-in
	VerifyClient      VerifyClient
	VerifyDepth       int // default 9
	VerifyOrder       []string
	CAFile            string
	CAPath            string
	CRLFile           string
	CRLPath           string
	Options           TLSOptions
	SessionCache      SessionCache
	SessionTickets    bool
	TicketKeys        []string      // pairs: "age" and seconds, "count" and a number
	TimeoutHandshake  time.Duration // default 300 s
	Log               LogTarget
	MasqueradeAddress string
	NextProtocol      bool   // ALPN, default true
	UserName          string // CommonName, EmailSubjAltName or an OID; empty = off
	Stapling          bool
}

// TLSRequired says which channels must be protected.
type TLSRequired struct {
	Control bool // "on", "ctrl": no login in clear
	Data    bool // "on", "data": no transfers in clear
	Auth    bool // "auth…": only USER, PASS and ACCT need TLS; CCC allowed after
	NoData  bool // "!data": PROT P is refused
}

// VerifyClient is TLSVerifyClient.
type VerifyClient uint8

// The values of TLSVerifyClient.
const (
	VerifyClientOff VerifyClient = iota
	VerifyClientOptional
	VerifyClientOn
)

// SessionCache is TLSSessionCache.
type SessionCache struct {
	Off     bool
	Kind    string // "internal" unless written
	Info    string
	Timeout time.Duration // default 300 s
}

// TLSOptions are the switches of the directive of that name.
type TLSOptions struct {
	AllowClientRenegotiations bool
	AllowDotLogin             bool
	AllowPerUser              bool
	AllowWeakDH               bool
	AllowWeakSecurity         bool
	CommonNameRequired        bool
	DNSNameRequired           bool
	EnableDiags               bool
	ExportCertData            bool
	IgnoreSNI                 bool
	IPAddressRequired         bool
	NoAutoECDH                bool
	NoCloseNotifyRequired     bool // our own: data may end without close_notify
	NoEmptyFragments          bool
	NoSessionReuseRequired    bool
	StdEnvVars                bool
	UseImplicitSSL            bool
}

// SSHAlgorithms are preference lists, most wanted first, defaults filled in.
type SSHAlgorithms struct {
	Ciphers      []string
	Digests      []string
	KeyExchanges []string
}

// Compression of an SSH leg.
type Compression uint8

// The compression settings.
const (
	CompressionOff Compression = iota
	CompressionOn
	CompressionDelayed
)

// HostKey is a private key in a file or behind an agent's socket.
type HostKey struct {
	Path  string // absolute; empty if Agent is set
	Agent string // absolute path of the agent's socket
	Pos   conf.Pos
}

// Alive is a keep-alive by request: after Interval of silence ask, after
// Count unanswered requests disconnect. Zero = off.
type Alive struct {
	Count    int
	Interval time.Duration
}

// SSHMatch adjusts behaviour for peers whose version text matches.
type SSHMatch struct {
	Pattern            *Pattern
	PessimisticNewkeys bool
	PessimisticKexinit bool
	Settings           []KeyValue // all pairs as written
}

// KeyValue is one pair of an SSHMatch.
type KeyValue struct{ Key, Value string }

// SSH is SSH towards clients (mod_sftp).
type SSH struct {
	Engine          bool
	Algorithms      SSHAlgorithms
	HostKeys        []HostKey
	WithoutHostKeys []string   // NoRSA, NoDSA, NoECDSA, NoED25519 …, as "RSA"
	HostKeyAlgos    []string   // SFTPHostKeys; nil = all
	AuthPublicKeys  []string   // SFTPAuthPublicKeys; nil = all
	AuthMethods     [][]string // alternatives of chains: [[publickey] [password]]
	AuthMethodsSet  bool
	AuthUserKeys    []KeyStore
	AuthHostKeys    []KeyStore
	Compression     Compression
	Log             LogTarget
	Options         SSHOptions
	Alive           Alive
	Matches         []SSHMatch
	DisplayBanner   string
	Rekey           Rekey
	MaxChannels     int // default 10
	AcceptEnv       []string
	KeyBlacklist    string
	KeyLimits       []KeyValue // "MinimumRSASize" …
	TrafficPolicy   string
	DHParamFile     string
	PassPhrase      string
	Extensions      []string
}

// KeyStore is one SFTPAuthorizedUserKeys or SFTPAuthorizedHostKeys entry.
type KeyStore struct {
	Kind string // "file" or "sql"
	Info string // path with %u and ~, or the query names
}

// Rekey is SFTPRekey. Off = never asked for by the server.
type Rekey struct {
	Off      bool
	Interval time.Duration // 0 = default
	MaxBytes int64         // 0 = default
	Timeout  time.Duration
}

// SSHOptions are the switches of SFTPOptions that matter to a gateway, and
// Others, those that concern files and are accepted without effect.
type SSHOptions struct {
	AllowInsecureLogin     bool
	AllowWeakDH            bool
	InsecureHostKeyPerms   bool
	MatchKeySubject        bool
	NoExtensionNegotiation bool
	NoHostkeyRotation      bool
	NoStrictKex            bool
	OldProtocolCompat      bool
	PessimisticKexinit     bool
	FIDOTouchOptional      bool
	FIDOVerifyRequired     bool
	Others                 []string
}
