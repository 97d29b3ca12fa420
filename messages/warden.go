package messages

import (
	"net/netip"
	"time"
)

// ToWarden is what the warden understands. It counts what clients do wrong, as
// the rules say (BanOnEvent), and keeps those out for a while who did it too
// often. Asking it whether somebody is banned takes no message: see AskBan.
//
//sumtype:decl
type ToWarden interface{ toWarden() }

// Misdeed is what a client may be banned for: an event of BanOnEvent.
type Misdeed uint8

// The events, in the order of their names.
const (
	AnonRejectPasswords Misdeed = iota
	BadProtocol
	ClientConnectRate
	EmptyPassword
	MaxClientsPerClass
	MaxClientsPerHost
	MaxClientsPerUser
	MaxCommandRate
	MaxConnectionsPerHost
	MaxHostsPerUser
	MaxLoginAttempts
	MaxLoginAttemptsFromUser
	RootLogin
	TimeoutIdle
	TimeoutLogin
	TimeoutNoTransfer
	TLSHandshake
	UnhandledCommand
	Misdeeds // how many there are
)

var misdeeds = [Misdeeds]string{
	"AnonRejectPasswords", "BadProtocol", "ClientConnectRate", "EmptyPassword", "MaxClientsPerClass",
	"MaxClientsPerHost", "MaxClientsPerUser", "MaxCommandRate", "MaxConnectionsPerHost", "MaxHostsPerUser",
	"MaxLoginAttempts", "MaxLoginAttemptsFromUser", "RootLogin", "TimeoutIdle", "TimeoutLogin",
	"TimeoutNoTransfer", "TLSHandshake", "UnhandledCommand",
}

func (m Misdeed) String() string { return misdeeds[m] }

// MisdeedNamed finds an event by the name that BanOnEvent has for it.
func MisdeedNamed(name string) (Misdeed, bool) {
	for i, known := range misdeeds {
		if known == name {
			return Misdeed(i), true
		}
	}
	return 0, false
}

// BanKind is what a ban goes by.
type BanKind uint8

// The kinds of bans.
const (
	HostBan  BanKind = iota // the client's address, or with IPv6 its network of 64 bits
	UserBan                 // a user name, wherever it comes from
	ClassBan                // a <Class>
	PairBan                 // a user name from one host: user@address
)

func (k BanKind) String() string { return [...]string{"host", "user", "class", "user at host"}[k] }

// Visitor is a client as rules and bans see it. Fields that are not known yet
// are zero and match nothing.
type Visitor struct {
	Server string // stable name of the virtual server that it is with
	Host   netip.Addr
	User   string
	Class  string
}

// EventHappened says that a client did what rules may count. Whoever it is that
// the rule bans, the visitor must say: a host, a user, a class.
type EventHappened struct {
	What Misdeed
	By   Visitor
}

// AskBan is the question whether a visitor is banned. It is answered at once from
// what the warden published last, by a function that never waits.
type AskBan struct{ Visitor }

// BanAnswered answers AskBan.
type BanAnswered struct {
	Banned bool
	Text   string // what the client is told; empty: nothing
	Why    string // for the log
}

// BanRule is one BanOnEvent: whoever causes Count events within Window is banned
// for Length.
type BanRule struct {
	On     Misdeed
	Count  int
	Window time.Duration
	Length time.Duration // 0: until it is lifted
	Text   string        // what the banned hear; empty: BanRules.Text
}

// BanRules are those of one virtual server for one class of clients.
type BanRules struct {
	Server    string // stable name
	Name      string // ServerName, for the log
	Class     string // empty: clients of no class
	Rules     []BanRule
	Text      string // BanMessage; empty: the banned hear nothing
	AnyServer bool   // bans of other servers count here, too (BanOptions MatchAnyServer)
}

// ConfigureBans replaces all rules. Bans stay, and what was counted by rules that
// stay. Servers that are not among them ban nobody and let everybody in.
type ConfigureBans struct {
	Servers []BanRules
	Done    chan<- struct{} // capacity 1; told once they count, and earlier bans with them
}

// Ban keeps somebody out.
type Ban struct {
	Kind   BanKind
	Server string // stable name of the virtual server that it holds for; empty: all
	Name   string // address or network (2001:db8:1:2::/64), user, class, or user@address
	Since  time.Time
	Until  time.Time // zero: until it is lifted
	Why    string    // for people
	Text   string    // what the banned hear; empty: BanMessage
}

// SetBan bans somebody, whatever the rules say. Since is filled in.
type SetBan struct {
	Ban
	Reply chan<- error // capacity 1; may be nil
}

// LiftBan ends bans before their time.
type LiftBan struct {
	Kind   BanKind
	Server string // empty: of all servers
	Name   string
	Why    string           // for the log
	Reply  chan<- BanLifted // capacity 1; may be nil
}

// BanLifted answers LiftBan.
type BanLifted struct{ Lifted int }

// DescribeBans asks for all bans in force, for status and tests.
type DescribeBans struct {
	Reply chan<- BansDescribed // capacity 1
}

// BansDescribed is the state of the warden.
type BansDescribed struct {
	Bans     []Ban // by server, kind and name
	Watched  int   // hosts, users and classes that rules have counted something of
	Counted  uint64
	Passed   uint64 // events that could not be taken in, because there were too many
	Answered uint64 // visitors that were told to be banned
}

func (EventHappened) toWarden() {}
func (ConfigureBans) toWarden() {}
func (SetBan) toWarden()        {}
func (LiftBan) toWarden()       {}
func (DescribeBans) toWarden()  {}
