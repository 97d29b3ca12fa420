package config

import (
	"time"

	"github.com/sluice-gateway/sluice/protocols/conf"
	"github.com/sluice-gateway/sluice/protocols/logformat"
	"github.com/sluice-gateway/sluice/protocols/rewrite"
)

// Auth is authentication at the gateway itself.
type Auth struct {
	UserFiles           []AccountFile // AuthUserFile
	GroupFiles          []AccountFile // AuthGroupFile
	Order               []AuthModule  // empty = mod_auth_file alone
	UserPasswords       Hashes
	UserAliases         map[string]string
	AliasOnly           bool // AuthAliasOnly
	AllowEmptyPasswords bool // default true
	RequireValidShell   bool // default true
	RootLogin           bool
	UseFtpUsers         bool // default true
	IdentLookups        bool
	PAM                 bool
	PAMConfig           string
	InsecurePerms       bool // AuthFileOptions InsecurePerms
	SyntaxCheck         bool
	MaxPasswordSize     int // 0 = default
}

// AccountFile is a passwd(5) or group(5) file with the entries it may give.
type AccountFile struct {
	Path       string
	IDLow      int64 // inclusive; both 0 = no filter
	IDHigh     int64
	HomeFilter *Pattern
	NameFilter *Pattern
	Pos        conf.Pos
}

// AuthModule is one member of AuthOrder.
type AuthModule struct {
	Name          string // "mod_auth_file.c"
	Authoritative bool   // trailing "*": its refusal is final
}

// LogTarget is where a log goes.
type LogTarget struct {
	Set    bool   // a directive named it
	Off    bool   // "none"
	Path   string // absolute file; empty = see Syslog
	Syslog string // syslog level for "syslog:level"
}

// Logs of one server.
type Logs struct {
	Transfer     LogTarget // TransferLog
	Extended     []ExtendedLog
	Server       LogTarget // ServerLog
	Trace        []TraceLevel
	TraceLog     LogTarget
	TraceOptions []string
	Options      LogOptions
}

// LogOptions are the parts of a system log line (LogOptions).
type LogOptions struct {
	Timestamp   bool // default true
	Hostname    bool // default true
	VirtualHost bool // default true
	RoleLabels  bool
}

// ExtendedLog is one directive of that name.
type ExtendedLog struct {
	Target  LogTarget
	Classes []LogClass // empty = ALL
	Format  string     // the format itself, not its name
	JSON    bool       // one JSON object a line instead
}

// LogClass selects commands for an ExtendedLog.
type LogClass struct {
	Name   string // upper case: a class, or a single command
	Negate bool
}

// DefaultLogFormat is what an ExtendedLog without a format name writes.
const DefaultLogFormat = logformat.Default

// jsonFormat is the format that needs no LogFormat, unless one takes its name.
const jsonFormat = "json"

// TraceLevel is one "channel:level" of Trace.
type TraceLevel struct {
	Channel string
	Low     int
	High    int
}

// Rewrite is mod_rewrite's part.
type Rewrite struct {
	Engine     bool
	Log        LogTarget
	Rules      []RewriteRule
	Maps       []RewriteMap
	MaxReplace int // default 8

	pending []RewriteCondition // read, but not yet followed by a rule
}

// RewriteRule with the conditions that precede it.
type RewriteRule struct {
	Conditions []RewriteCondition
	Pattern    *Pattern
	Subst      string // a template of protocols/rewrite
	Flags      []string
	Last       bool // L
	Pos        conf.Pos
	SubstPos   conf.Pos
}

// RewriteCondition guards the next rule.
type RewriteCondition struct {
	Subject string // a template, with %m, %u …
	Test    rewrite.Test
	Pattern *Pattern // for rewrite.Matches, else nil
	Text    string   // what the subject is compared with otherwise
	Negate  bool     // "!" before a test other than rewrite.Matches
	Or      bool     // joined with the next condition by OR
	Pos     conf.Pos // of the subject
}

// RewriteMap is a named lookup: kind "txt" or "int".
type RewriteMap struct {
	Name, Kind, Source string
	Pos                conf.Pos
}

// Ban is mod_ban's part.
type Ban struct {
	Engine  bool
	Table   string
	Log     LogTarget
	Message string
	Events  []BanEvent
	// MatchAnyServer has bans of other servers count (BanOptions).
	MatchAnyServer bool
}

// BanEvent bans whoever causes Count events within Window.
type BanEvent struct {
	Event   string
	Count   int
	Window  time.Duration
	Ban     time.Duration
	Message string
}

// SQL is mod_sql's part.
type SQL struct {
	Engine       SQLEngine
	Backend      string // "sqlite3", "postgres", "mysql"; empty = not said
	Connections  []SQLConnection
	Queries      map[string]SQLQuery // by name as written
	Authenticate []string
	AuthTypes    []string
	UserInfo     []string
	GroupInfo    []string
	MinID        int64
	LogFile      LogTarget
	Logs         []SQLLog
	Options      []string
}

// SQLEngine is the directive of that name.
type SQLEngine uint8

// The values of SQLEngine.
const (
	SQLOn SQLEngine = iota
	SQLOff
	SQLAuthOnly
	SQLLogOnly
)

// SQLConnection is SQLConnectInfo ("default") or SQLNamedConnectInfo.
type SQLConnection struct {
	Name     string
	Backend  string
	Database string // database name, or the file of sqlite3
	Host     string
	Port     string
	User     string
	Password string // a secret, never printed
	Policy   string // PERSESSION, PERCONNECTION, PERCALL or seconds; upper case
	TLS      []KeyValue
}

// SQLQuery is one SQLNamedQuery.
type SQLQuery struct {
	Verb       string // SELECT, UPDATE, INSERT, DELETE, FREEFORM
	Text       string // without the verb
	Table      string
	Connection string // "default" unless written
}

// SQLLog is one SQLLog directive.
type SQLLog struct {
	Commands []string
	Query    string
	Ignore   bool // IGNORE_ERRORS
}

// Redis is mod_redis' part.
type Redis struct {
	Engine   bool
	Server   string // host:port or absolute socket path
	User     string
	Password string // a secret, never printed
	DB       int
	TLS      bool
	Log      LogTarget
	Timeouts []time.Duration // connect, I/O
}
