package dialogue

import (
	"net/netip"
	"time"
)

// Config is what a dialogue needs to know. Durations of 0 mean no limit.
type Config struct {
	Client netip.AddrPort // the client's end of the control connection
	Local  netip.AddrPort // our end
	// ClientName is the client's name in DNS, for rules about names; empty: it has none.
	ClientName string

	ServerNames []string // names that HOST may give: ServerName and ServerAlias
	UseIPv6     bool

	Selection        Selection
	Forward          Forward  // for AtDestination
	Greeting         []string // our own 220 where the backend comes late; see Greeting
	DenyMsg          string   // AccessDenyMsg: what a login that we refuse is told; %u is the user
	MaxLoginAttempts int      // refused logins after which the session ends; 0: any number

	RetryCount     int           // ProxyRetryCount: attempts in all
	TimeoutConnect time.Duration // ProxyTimeoutConnect: for the banner too
	TimeoutLinger  time.Duration // ProxyTimeoutLinger

	Bounds  Bounds
	Deflate Deflate

	DataPolicy    DataPolicy
	ShowFeatures  bool // ProxyOptions ShowFeatures
	IgnoreForeign bool // ProxyOptions IgnoreForeignAddress
	AllowForeign  bool // ProxyOptions AllowForeignAddress
	Direct        Direct
	Listings      Listings

	Masquerade netip.Addr // MasqueradeAddress; zero: our end of the control connection
	// TLSMasquerade is shown in its place to clients in TLS (TLSMasqueradeAddress),
	// whose firewall cannot put right what it cannot read; zero: no difference.
	TLSMasquerade netip.Addr
	// ForeignAllowed answers AllowForeignAddress for a data address of the
	// client's side; nil: never.
	ForeignAllowed func(netip.Addr) bool
	// OwnListener reports a door of the gateway, which no data connection is led to,
	// whoever names it: it would say there whatever a file holds, in our name. nil:
	// there is none.
	OwnListener func(netip.AddrPort) bool

	// DataRefused says why the backend's data is not fetched from, or brought to, an
	// address that it names; nil, or a nil answer: it is.
	DataRefused func(netip.AddrPort) error

	TimeoutLogin      time.Duration
	TimeoutIdle       time.Duration
	TimeoutNoTransfer time.Duration
	TimeoutSession    time.Duration

	TLS        TLS        // towards the client
	BackendTLS BackendTLS // ProxyTLSEngine
	Protection Protection // ProxyTLSTransferProtectionPolicy

	Rules *Rules // <Limit> and the like; nil: there are none

	Likeness Likeness // of backends, to those who have none; nil: those are answered in our own words

	LimitLogins bool // ask whether one more client may log in (MaxClients …)

	AsciiDefault bool // DefaultTransferMode: the type logs assume before TYPE
}

// firstType is the transfer type before TYPE.
func (cfg *Config) firstType() byte {
	if cfg.AsciiDefault {
		return 'A'
	}
	return 'I'
}

// Selection is when the backend is chosen, and with it who greets the client.
type Selection uint8

// The moments of choice.
const (
	AtConnect     Selection = iota // before the client is greeted, by the backend's banner
	AtUser                         // at each USER (PerUser)
	AtPass                         // once the gateway has checked the password (UseReverseProxyAuth)
	AtDestination                  // by the client itself, in its USER (ProxyRole forward)
)

// TLS is what is offered to clients, and asked of them.
type TLS struct {
	Enabled   bool // TLSEngine
	Implicit  bool // TLSOptions UseImplicitSSL: TLS from the first byte, PROT P preset
	IgnoreSNI bool // TLSOptions IgnoreSNI
	Required  Required
}

// Required is TLSRequired. It has no effect unless TLS is enabled.
type Required struct {
	Control bool // on, ctrl: all commands but those that lead to TLS
	Auth    bool // auth, and whatever implies it: USER, PASS and ACCT
	Data    bool // on, data: transfers
	NoData  bool // !data: no protected transfers
}

// BackendTLS is ProxyTLSEngine.
type BackendTLS uint8

// The ways to speak with backends.
const (
	NoTLS         BackendTLS = iota // off
	TLSIfOffered                    // auto: every backend is asked, an ftp:// one may refuse
	TLSAlways                       // on
	TLSLikeClient                   // MatchClient: as the client does when the backend is connected to
)

// Protection is ProxyTLSTransferProtectionPolicy: the PROT of the backend's side.
type Protection uint8

// The policies of data protection.
const (
	ProtectRequired Protection = iota // P
	ProtectAsClient                   // client: what the client's PROT says counts on both sides
	ProtectClear                      // C
)

// DataPolicy is ProxyDataTransferPolicy.
type DataPolicy uint8

// The data transfer policies.
const (
	ClientChooses DataPolicy = iota
	PreferActive             // EPRT, else PORT
	PreferPassive            // EPSV, else PASV
	OnlyPASV
	OnlyEPSV
	OnlyPORT
	OnlyEPRT
)
