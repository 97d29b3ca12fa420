package config

import "time"

// Settings are the resolved values of one server for one class of clients,
// grouped by theme. Durations of 0 and limits of 0 mean "off".
type Settings struct {
	Proxy      Proxy
	BackendTLS BackendTLS
	BackendSSH BackendSSH
	TLS        TLS // towards clients, FTP
	SSH        SSH // towards clients
	Timeouts   Timeouts
	Limits     Limits
	Data       Data
	Banner     Banner
	Auth       Auth
	Access     Access
	Logs       Logs
	Rewrite    Rewrite
	Ban        Ban
	SQL        SQL
	Redis      Redis
}

// Timeouts of the client's side. 0 = off.
type Timeouts struct {
	Idle       time.Duration // TimeoutIdle, 10 min: no command and no data
	Login      time.Duration // TimeoutLogin, 5 min: from accept to 230
	NoTransfer time.Duration // TimeoutNoTransfer, 5 min: from login or transfer to next transfer
	Stalled    time.Duration // TimeoutStalled, 1 h: transfer without a byte
	Session    time.Duration // TimeoutSession, off
	sessionSet bool
	Linger     time.Duration // TimeoutLinger, 10 s
}

// Cap is a limit with the text sent when it is exceeded. "%m" in Message
// stands for Max.
type Cap struct {
	Max     int // 0 = no limit
	Message string
}

// ClassCap is a Cap for the clients of one class.
type ClassCap struct {
	Class string
	Cap
}

// Limits on how many may come in.
type Limits struct {
	MaxClients            Cap // per server
	MaxClientsPerHost     Cap
	MaxClientsPerUser     Cap
	MaxClientsPerClass    []ClassCap
	MaxHostsPerUser       Cap
	MaxConnectionsPerHost Cap
	MaxLoginAttempts      int      // default 3, 0 = no limit
	MaxTransfersPerHost   []CmdCap // kept for later
	MaxTransfersPerUser   []CmdCap
	CommandBufferSize     int // bytes, 0 = default
	AllowFilter           *Pattern
	DenyFilter            *Pattern
	PathAllowFilter       *Pattern
	PathDenyFilter        *Pattern
	MaxStoreFileSize      int64 // bytes, 0 = no limit
	MaxRetrieveFileSize   int64
}

// CmdCap is a Cap on some commands.
type CmdCap struct {
	Commands []string
	Cap
}

// Data is about data connections of the client's side.
type Data struct {
	PassivePorts        PortRange // zero = any port
	Masquerade          string    // MasqueradeAddress: address, name or device; empty = own
	AllowForeign        bool      // AllowForeignAddress on
	AllowForeignClass   string    // … or a class that the data address must belong to
	ForeignSaid         bool      // AllowForeignAddress was written, be it off
	Sockets             SocketOptions
	TransferRates       []Rate
	Deflate             bool // DeflateEngine: clients may have MODE Z
	DefaultTransferType byte // 'A' or 'I', the type logs assume before TYPE
	DisplayFacts        Facts
}

// Facts are the MLSD facts that OPTS MLST may name (FactsDefault, FactsOptions).
type Facts struct {
	Default  []string // nil = the built-in list
	UseSlink bool
	NoAdjust bool
	NoNames  bool // leaves UNIX.ownername and UNIX.groupname out
}

// PortRange is inclusive on both ends.
type PortRange struct{ Low, High uint16 }

// SocketOptions apply to sockets of the client's side. 0 = the system's default.
type SocketOptions struct {
	ReceiveBuffer int // bytes
	SendBuffer    int
	MaxSegment    int
	KeepAlive     bool // default true
	KeepIdle      time.Duration
	KeepCount     int
	KeepInterval  time.Duration
	NoDelay       bool // default true
}

// Rate throttles some transfer commands (TransferRate).
type Rate struct {
	Commands       []string // RETR, STOR, APPE, STOU
	BytesPerSecond int64
	FreeBytes      int64 // sent at full speed first
}

// Banner is what the gateway says when it answers for itself.
type Banner struct {
	ServerIdent    bool   // default true
	IdentText      string // empty = the usual text; expands %L %V %v %{version}
	DisplayConnect string // files
	DisplayLogin   string
	DisplayQuit    string
	DeferWelcome   bool
	AccessGrantMsg string // %u
	AccessDenyMsg  string
	ServerAdmin    string
}
